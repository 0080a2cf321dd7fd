"""The Slurm clusters that a deployment's settings name. Pure.

Written ``name=https://host:6820`` with commas, or as a JSON list of objects where more is
to be said. A token that may drain every node is sent there, so it must be https; http is
for this machine alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from shared.core.resource_ids import ResourceId

USER = "slurm"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_USER = re.compile(r"[a-z_][a-z0-9_.-]{0,31}")
_KEYS = ("name", "url", "user", "within")
_HERE = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class SlurmCluster:
    """Where a cluster's REST server is, and as whom it is spoken to.

    Attributes:
        user: Slurm's user that tokens are made out to: SlurmUser, root or an operator.
        within: ARM id of the subscription or resource group that its machines are in;
            empty for anywhere.
    """

    name: str
    url: str
    user: str = USER
    within: str = ""

    def may_have(self, vm: ResourceId) -> bool:
        """Tell whether a machine is where this cluster's are."""
        scope = self.within.casefold()
        return not scope or vm.text.casefold().startswith(f"{scope}/")


def read_clusters(text: str) -> tuple[SlurmCluster, ...]:
    """Read the setting, in either form.

    Raises:
        ValueError: It is neither, or two clusters share a name; says which and why.
    """
    found = tuple(_cluster(one) for one in _written(text.strip()))
    names = [one.name.casefold() for one in found]
    if not found:
        raise ValueError("it names no cluster")
    if len(names) != len(set(names)):
        raise ValueError("two clusters have one name")
    return found


def _written(text: str) -> list[Mapping[str, Any]]:
    if not text.startswith("["):
        pairs = (part.strip().partition("=") for part in text.split(",") if part.strip())
        return [{"name": name.strip(), "url": url.strip()} for name, _, url in pairs]
    try:
        document = json.loads(text)
    except ValueError as exc:
        raise ValueError(f"it begins like a JSON list and is none ({exc})") from None
    if not isinstance(document, list) or not all(isinstance(one, dict) for one in document):
        raise ValueError("it is no list of objects")
    return document


def _cluster(given: Mapping[str, Any]) -> SlurmCluster:
    unknown = sorted(given.keys() - set(_KEYS))
    if unknown or not all(isinstance(value, str) for value in given.values()):
        said = f"{unknown[0]!r} is no key" if unknown else "a value is no text"
        raise ValueError(f"{said}: a cluster has {', '.join(_KEYS)}")
    name, user = given.get("name", ""), given.get("user", USER)
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name: write NAME=https://HOST:PORT")
    if not _USER.fullmatch(user):
        raise ValueError(f"{user!r} is no user's name")
    return SlurmCluster(
        name, _url(given.get("url", "")), user, _scope(given.get("within", ""))
    )


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as exc:
        raise ValueError(f"{text!r} is no address ({exc})") from None
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname == _HERE)
    if not is_safe or not parts.hostname or port == 0:
        raise ValueError(
            f"{text!r} is no https:// address; http:// is taken for {_HERE} alone, because "
            "a token goes there"
        )
    if parts.path.strip("/") or parts.query or parts.fragment or parts.username is not None:
        raise ValueError(f"{text!r} has more than scheme, host and port")
    return f"{parts.scheme}://{parts.netloc}"


def _scope(text: str) -> str:
    if not text:
        return ""
    try:
        parsed = ResourceId.parse(text)
    except ValueError as exc:
        raise ValueError(f"within: {exc}") from None
    if parsed.type:
        raise ValueError(f"within: {text!r} is neither a subscription nor a resource group")
    return parsed.text
