"""The environment, read once into ``Settings``; the only reader of it.

Every wrong value is named in one error, so that a deployment is put right in one go.
What each variable may be is checked in ``shared.adapters.settings_values``, and said in
the field's own words of ``shared.core.settings``; what a secret was is never said.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import Field, fields
from typing import Any

from shared.adapters.settings_values import DOMAIN, GUID, LOCAL, READERS
from shared.core.errors import InvalidSetting
from shared.core.settings import Settings

PREFIX = "NIGHTSHIFT_"
_BY_IDENTITY = ("storage_table_uri", "storage_queue_uri", "storage_blob_uri")


def read_settings(environ: Mapping[str, str]) -> Settings:
    """Read the settings; an empty variable counts as absent.

    Raises:
        InvalidSetting: Names every variable that is wrong, what it was and what it may be.
    """
    values: dict[str, Any] = {}
    problems = list(_unknown(environ))
    for each in fields(Settings):
        text = environ.get(each.metadata["variable"], "").strip()
        if not text:
            continue
        try:
            values[each.name] = READERS[each.name](text)
        except ValueError as exc:
            problems.append(_wrong(each, text, str(exc)))
    problems += _storage_problems(environ)
    problems += _ingestion_problems(environ)
    problems += _telemetry_problems(environ)
    problems += _slurm_problems(environ)
    if problems:
        raise InvalidSetting("\n".join(problems))
    values.setdefault("own_resources", own_resource_group(environ))
    values.setdefault("url", own_address(environ))
    return Settings(**values)


def own_resource_group(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Name the resource group that the platform says this app runs in, if it says so.

    ``WEBSITE_OWNER_NAME`` begins with the subscription: ``{guid}+{group}-{webspace}``.

    Source: https://learn.microsoft.com/azure/app-service/reference-app-settings
    """
    subscription = environ.get("WEBSITE_OWNER_NAME", "").partition("+")[0]
    group = environ.get("WEBSITE_RESOURCE_GROUP", "")
    if not GUID.fullmatch(subscription) or not group or "/" in group:
        return ()
    return (f"/subscriptions/{subscription.lower()}/resourceGroups/{group}",)


def own_address(environ: Mapping[str, str]) -> str:
    """Return the address that the platform says this app has, or nothing.

    Source: https://learn.microsoft.com/azure/app-service/reference-app-settings
    """
    host = environ.get("WEBSITE_HOSTNAME", "").strip()
    is_local = host.partition(":")[0] in LOCAL  # Core Tools on a laptop, without https
    return f"https://{host}" if DOMAIN.fullmatch(host) and not is_local else ""


def _wrong(each: Field[Any], text: str, why: str) -> str:
    was = f"is {text!r}" if each.repr else "(not shown)"
    expected = f"it may be: {each.metadata['meaning']}"
    return f"setting {each.metadata['variable']} {was}: {why}; {expected}"


def _unknown(environ: Mapping[str, str]) -> Iterator[str]:
    """Find variables that look like ours and are not: a typo would change nothing, quietly."""
    known = [each.metadata["variable"] for each in fields(Settings)]
    for name in sorted(environ):
        if not name.upper().startswith(PREFIX) or name in known:
            continue
        near = difflib.get_close_matches(name.upper(), known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(_ours(known))}"
        yield f"setting {name} is not known: {hint}"


def _ours(known: list[str]) -> list[str]:
    return [name for name in known if name.startswith(PREFIX)]


def _storage_problems(environ: Mapping[str, str]) -> Iterator[str]:
    """Ask for exactly what reaches the account: a string, a name, or three endpoints."""
    variables = {each.name: each.metadata["variable"] for each in fields(Settings)}
    given = {name for name, variable in variables.items() if environ.get(variable, "").strip()}
    if given & {"storage", "storage_account"}:
        return
    missing = [variables[name] for name in _BY_IDENTITY if name not in given]
    if len(missing) == len(_BY_IDENTITY):
        yield (
            f"setting {variables['storage']} is missing: set it to the connection string of "
            f"the app's storage, or {variables['storage_account']} to the account's name"
        )
    elif missing:
        yield f"setting {' and '.join(missing)} is missing beside the other endpoints"


def _ingestion_problems(environ: Mapping[str, str]) -> Iterator[str]:
    """Ask for both halves of the way to Log Analytics: one alone would export nothing."""
    halves = [
        each.metadata["variable"]
        for each in fields(Settings)
        if each.name in {"ingestion_endpoint", "ingestion_rule"}
    ]
    missing = [name for name in halves if not environ.get(name, "").strip()]
    if len(missing) == 1:
        [other] = set(halves) - set(missing)
        yield f"setting {missing[0]} is missing beside {other}: set both or neither"


def _telemetry_problems(environ: Mapping[str, str]) -> Iterator[str]:
    """Ask for a receiver where telemetry is asked for; else the platform's is no matter."""
    is_on = environ.get("NIGHTSHIFT_TELEMETRY", "").strip().casefold() == "true"
    text = environ.get("APPLICATIONINSIGHTS_CONNECTION_STRING", "")
    if is_on and "InstrumentationKey=" not in text:
        yield (
            "setting APPLICATIONINSIGHTS_CONNECTION_STRING is missing or none beside "
            "NIGHTSHIFT_TELEMETRY: it begins with InstrumentationKey="
        )


def _slurm_problems(environ: Mapping[str, str]) -> Iterator[str]:
    """Ask for the key where there are clusters: without it every token is refused."""
    has_clusters = environ.get("NIGHTSHIFT_SLURM", "").strip()
    if has_clusters and not environ.get("NIGHTSHIFT_SLURM_KEY", "").strip():
        yield (
            "setting NIGHTSHIFT_SLURM_KEY is missing beside NIGHTSHIFT_SLURM: it is the "
            "clusters' jwt_hs256.key in base64"
        )
