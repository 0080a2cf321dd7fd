"""What each setting may be: from the text of a variable to its value.

A reader raises ``ValueError`` that says what is wrong.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from shared.core.durations import format_duration, parse_duration
from shared.core.links import read_keys
from shared.core.resource_ids import WORKSPACE, ResourceId
from shared.core.slurm_clusters import read_clusters

GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
DOMAIN = re.compile(r"(?=.{1,200}$)[a-z0-9-]+(\.[a-z0-9-]+)+")
_TAG_NAME = re.compile(r"[^=<>%&\\?/]{1,512}")
_RULE_ID = re.compile(r"dcr-[0-9a-f]{32}")
_STREAM = re.compile(r"Custom-[A-Za-z0-9_]{1,100}")
_AUDIENCE = re.compile(r"[A-Za-z0-9:/._-]{1,200}")
_ROLE = re.compile(r"[A-Za-z0-9._:-]{1,120}")
LOCAL = frozenset({"127.0.0.1", "localhost"})
_HOST = re.compile(r"[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\]")
_OWN_CONTAINERS = frozenset(
    f"nightshift-{what}" for what in ("records", "quarantine", "archive")
)
_SLACK_USER = re.compile(r"[UW][A-Z0-9]{2,30}")
LEAST_SECRET = 16
Reader = Callable[[str], Any]


def _slurm_key(text: str) -> str:
    """Read the key that Slurm's tokens are signed with; its file holds raw bytes."""
    if text.startswith("@Microsoft.KeyVault"):
        raise ValueError("it is a reference that the platform could not resolve")
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        raise ValueError("it is not base64: write base64 -w0 jwt_hs256.key") from None
    if len(key) < LEAST_SECRET:
        raise ValueError(f"it has fewer than {LEAST_SECRET} bytes")
    return text


def _connection_string(text: str) -> str:
    parts = dict(part.partition("=")[::2] for part in text.split(";") if part)
    if text.casefold().rstrip(";") == "usedevelopmentstorage=true":
        raise ValueError(
            "the libraries do not know this short form: write the emulator's whole"
        )
    has_secret = "SharedAccessSignature" in parts or {"AccountName", "AccountKey"} <= set(
        parts
    )
    if not has_secret:
        raise ValueError("it has no AccountName and AccountKey, nor a SharedAccessSignature")
    return text


def _matching(pattern: re.Pattern[str], what: str) -> Reader:
    def read(text: str) -> str:
        if not pattern.fullmatch(text):
            raise ValueError(f"it is not {what}")
        return text

    return read


def _https(text: str) -> str:
    """Read an https address; a token sent over anything else would be everybody's."""
    try:
        parts = urlsplit(text)
        has_host = bool(_HOST.fullmatch(parts.hostname or "")) and parts.port != 0
    except ValueError as exc:
        raise ValueError(f"it is not an address ({exc})") from exc
    if parts.scheme != "https" or not has_host:
        raise ValueError("it is not an https:// address")
    if parts.query or parts.fragment or parts.username is not None:
        raise ValueError("it has a user, a query or a fragment")
    return text


def _endpoint(text: str) -> str:
    return _https(text).rstrip("/")


def _own_address(text: str) -> str:
    """Read the app's own address; on this machine, where nobody listens, http will do."""
    if text.startswith("http://") and urlsplit(text).hostname in LOCAL:
        return _endpoint(f"https{text[4:]}").replace("https", "http", 1)
    return _endpoint(text)


def _hook(text: str) -> str:
    """Read an address that is a secret itself: its path or its query says who may post."""
    whole, question, _ = text.partition("?")
    _https(whole)
    if question and not text.isprintable():
        raise ValueError("its query cannot be printed")
    if "#" in text:
        raise ValueError("it has a fragment")
    return text


def _secret(text: str) -> str:
    if text.startswith("@Microsoft.KeyVault"):
        raise ValueError("it is a reference that the platform could not resolve")
    if len(text) < LEAST_SECRET or any(char.isspace() for char in text):
        raise ValueError(f"it has spaces, or fewer than {LEAST_SECRET} characters")
    return text


def _approver(text: str) -> str:
    """Read who a Slack user is; the id cannot be chosen by its bearer, a name could."""
    user, equals, name = (part.strip() for part in text.partition("="))
    if not equals or not name or not _SLACK_USER.fullmatch(user):
        raise ValueError(f"{text!r} is not SLACK_USER_ID=NAME")
    return f"{user}={name}"


def _reply_host(text: str) -> str:
    parts = urlsplit(f"https://{text}")
    is_host = bool(_HOST.fullmatch(parts.hostname or "")) and parts.port != 0
    if not is_host or parts.netloc != text or "@" in text:
        raise ValueError(f"{text!r} is not HOST or HOST:PORT")
    return text.lower()


def _topic(text: str) -> str:
    if not _endpoint(text).endswith("/api/events"):
        raise ValueError("it does not end in /api/events")
    return _endpoint(text)


def _regional(text: str) -> str:
    _https(text.replace("{region}", "westeurope"))
    return text.rstrip("/")


def _list(item: Reader) -> Reader:
    def read(text: str) -> tuple[str, ...]:
        parts = [part.strip() for part in text.split(",") if part.strip()]
        if not parts:
            raise ValueError("it has only commas")
        return tuple(dict.fromkeys(item(part) for part in parts))

    return read


def _guid_item(text: str) -> str:
    if not GUID.fullmatch(text):
        raise ValueError(f"{text!r} is not a GUID")
    return text.lower()


def _workspace(text: str) -> str:
    found = ResourceId.parse(text)
    if found.type != WORKSPACE:
        raise ValueError(f"{text!r} is a {found.type or 'resource group'}, not a workspace")
    return found.text


def _own(text: str) -> str:
    found = ResourceId.parse(text)
    if not found.resource_group:
        raise ValueError(f"{text!r} is a whole subscription: name resource groups")
    return found.text


def _tag(text: str) -> str:
    name, equals, value = (part.strip() for part in text.partition("="))
    if not name or (equals and not value):
        raise ValueError(f"{text!r} is no tag: write NAME or NAME=VALUE")
    return f"{name}={value}" if equals else name


def _pattern(text: str) -> str:
    if not text.strip("*"):
        raise ValueError(f"{text!r} is like every name: to touch nothing, set a pause")
    return text


def _between(least: timedelta, most: timedelta) -> Reader:
    def read(text: str) -> timedelta:
        try:
            span = parse_duration(text)
        except OverflowError as exc:
            raise ValueError("it is longer than a calendar") from exc
        if not least <= span <= most:
            raise ValueError(
                f"it is not between {format_duration(least)} and {format_duration(most)}"
            )
        return span

    return read


def _whole(least: int, most: int) -> Reader:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdecimal() and least <= int(text) <= most):
            raise ValueError(f"it is not a whole number from {least} to {most}")
        return int(text)

    return read


def _container(text: str) -> str:
    """Read a container's name; the app's own hold no rules of a person's.

    Source: https://learn.microsoft.com/rest/api/storageservices/naming-and-referencing-containers--blobs--and-metadata
    """
    is_name = 3 <= len(text) <= 63 and re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", text)  # noqa: PLR2004 - the service's
    if not is_name:
        raise ValueError("it is not 3 to 63 lower-case letters, digits and single hyphens")
    if text in _OWN_CONTAINERS:
        raise ValueError("that container is the app's own")
    return text


def _boolean(text: str) -> bool:
    known = {"true": True, "false": False}
    if text.casefold() not in known:
        raise ValueError("it is neither true nor false")
    return known[text.casefold()]


def _one_of(*words: str) -> Reader:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"it is none of {', '.join(words)}")
        return text

    return read


READERS: Mapping[str, Reader] = {
    "storage": _connection_string,
    "storage_account": _matching(_ACCOUNT, "3 to 24 lower-case letters and digits"),
    "storage_table_uri": _endpoint,
    "storage_queue_uri": _endpoint,
    "storage_blob_uri": _endpoint,
    "storage_suffix": _matching(DOMAIN, "a domain such as core.windows.net"),
    "client_id": _guid_item,
    "resource_manager": _endpoint,
    "resource_manager_audience": _https,
    "metrics_endpoint": _regional,
    "metrics_audience": _https,
    "batch_audience": _https,
    "kubernetes_audience": _guid_item,
    "ingestion_endpoint": _endpoint,
    "ingestion_rule": _matching(_RULE_ID, "the immutable id of a data collection rule"),
    "ingestion_audience": _https,
    "plans_stream": _matching(_STREAM, "the name of a stream"),
    "steps_stream": _matching(_STREAM, "the name of a stream"),
    "decisions_stream": _matching(_STREAM, "the name of a stream"),
    "outcome_topic": _topic,
    "outcome_audience": _https,
    "subscriptions": _list(_guid_item),
    "workspaces": _list(_workspace),
    "rules": _list(str),
    "rules_container": _container,
    "rules_poll": _between(timedelta(seconds=10), timedelta(hours=1)),
    "rules_canary": _whole(0, 100),
    "rules_canary_soak": _between(timedelta(minutes=1), timedelta(days=7)),
    "rules_canary_failures": _whole(1, 100),
    "lease": _between(timedelta(seconds=10), timedelta(minutes=10)),
    "event_budget": _between(timedelta(seconds=1), timedelta(seconds=25)),
    "plan_budget": _between(timedelta(seconds=10), timedelta(minutes=4, seconds=30)),
    "archive_days": _whole(0, 3650),
    "acknowledge": _one_of("forwarder", "control_plane"),
    "dry_run": _boolean,
    "protected_tags": _list(_tag),
    "protected_names": _list(_pattern),
    "slurm": read_clusters,
    "slurm_key": _slurm_key,
    "own_resources": _list(_own),
    "app_service_auth": _boolean,
    "alert_role": _matching(_ROLE, "the value of an app role"),
    "ask_roles": _boolean,
    "telemetry": _boolean,
    "insights": str,
    "url": _own_address,
    "link_keys": read_keys,
    "sign_in": _endpoint,
    "tenant": _guid_item,
    "audience": _list(_matching(_AUDIENCE, "a client id or an api:// address")),
    "approver_role": _matching(_ROLE, "the value of an app role"),
    "prices": str,
    "team_tag": _matching(_TAG_NAME, "a tag's name"),
    "runbook_approval": _one_of("none", "required", "four_eyes"),
    "teams_webhook": _hook,
    "slack_webhook": _hook,
    "slack_signing_secret": _secret,
    "slack_approvers": _list(_approver),
    "slack_reply_hosts": _list(_reply_host),
    "webhook_url": _hook,
    "webhook_key": _secret,
}
