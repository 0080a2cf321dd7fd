"""``nightshift doctor``: look at a deployment, say what is wrong and what to do about it.

Two views make one report. The app looks at itself with its own identity (rights, storage,
rules, forwarders): ``GET /api/doctor``. What stands around it (subscriptions, alerts, the
storage account) is read here with the person's own sign-in, whatever that is: the Azure
CLI, an environment, a managed identity.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cli import doctor_table
from cli.over_http import Json, Refused, send, token_header, token_options
from shared.core.errors import AutomationError
from shared.core.findings import Finding, Verdict, exit_code, finding_from_json
from shared.core.version import VERSION

RESOURCE_MANAGER = "https://management.azure.com"
ALLOWED_SKEW_S = 30.0


def register(subparsers: Any) -> None:
    """Add ``doctor``."""
    parser = subparsers.add_parser(
        "doctor",
        help="look at a deployment: what is wrong with it, and what to do about it",
        epilog="exit status: 0 all is well, 1 something failed, 2 something could not be seen",
    )
    place(parser)
    parser.add_argument(
        "--scope",
        action="append",
        default=[],
        help="look at the app's rights there instead of at the scopes of its settings; "
        "repeatable",
    )
    parser.add_argument(
        "--skip", action="append", default=[], metavar="CHECK", help="leave a check out"
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=_run)


def place(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which deployment is meant."""
    parser.add_argument(
        "--url", required=True, help="the app, as in https://NAME.azurewebsites.net"
    )
    key = parser.add_mutually_exclusive_group(required=True)
    key.add_argument("--key", help="a function key")
    key.add_argument(
        "--key-file", type=Path, help="file that holds one; other users see --key"
    )
    token_options(parser, required=False)
    parser.add_argument(
        "--app-id", default="", help="ARM id of the function app; default: what it says"
    )
    parser.add_argument(
        "--resource-manager",
        default=RESOURCE_MANAGER,
        metavar="URL",
        help=f"resource manager of your cloud; default: {RESOURCE_MANAGER}",
    )


def headers(arguments: argparse.Namespace) -> dict[str, str]:
    """Return what proves to the app who asks."""
    key = arguments.key or arguments.key_file.read_text("utf-8").strip()
    return {"x-functions-key": key, **token_header(arguments)}


def _run(arguments: argparse.Namespace) -> int:
    """Look, print, and sum up in the exit status."""
    try:
        about = ask(arguments, "/api/doctor?checks=none")["about"]
    except (Refused, OSError, KeyError) as error:
        findings, about = [_away(arguments, error)], {}
    else:
        findings = _look(arguments, about)
    findings = [one for one in findings if one.check not in arguments.skip]
    if arguments.json:
        shown = {
            "url": arguments.url,
            "about": about,
            "findings": [one.to_json() for one in findings],
            "exit": exit_code(findings),
        }
        print(json.dumps(shown, indent=2))
    else:
        doctor_table.show(arguments.url, about, findings)
    return exit_code(findings)


def ask(arguments: argparse.Namespace, path: str) -> Json:
    """Ask the app.

    Raises:
        Refused: It answered with a problem, or could not be reached.
    """
    return send(arguments.url, "GET", path, headers(arguments))


def _away(arguments: argparse.Namespace, error: Exception) -> Finding:
    """Say why there is no talking to the app, and how to find out more."""
    said = f"the app does not answer: {error}"
    advice = f"curl {arguments.url}/api/health; then its log, and az functionapp show"
    if str(error).startswith("401"):
        advice = "az functionapp keys list -g GROUP -n APP --query functionKeys"
    elif str(error).startswith("404"):
        advice = "it is another app, or an older release of this one: deploy, or correct --url"
    elif str(error).startswith("503"):
        advice = (
            "a setting or a rule is wrong, and its log says which: traces | where message "
            "has 'not working'"
        )
    return Finding("health", Verdict.FAILED, said, advice=advice)


def _look(arguments: argparse.Namespace, about: Json) -> list[Finding]:
    findings = [_version(about), _health(arguments), *_own_clock(about)]
    around, letters = asyncio.run(_around(arguments, about))
    query = f"scope={quote(','.join(arguments.scope))}&dead_letters={quote(','.join(letters))}"
    try:
        said = ask(arguments, f"/api/doctor?{query}")
        findings += [finding_from_json(one) for one in said["findings"]]
    except (Refused, OSError, KeyError) as error:
        why = f"the app could not look at itself: {error}"
        findings.append(Finding("doctor", Verdict.UNKNOWN, why, advice="ask again"))
    return [*findings, *around]


def _version(about: Json) -> Finding:
    theirs = str(about.get("version") or "unknown")
    if theirs == VERSION:
        return Finding("version", Verdict.OK, f"{theirs}, as this command line")
    said = f"the app is {theirs}, this command line {VERSION}"
    advice = "deploy this release, or use the command line of that one"
    return Finding("version", Verdict.NOTE, said, advice=advice)


def _health(arguments: argparse.Namespace) -> Finding:
    try:
        said = send(arguments.url, "GET", "/api/health", {})
    except (Refused, OSError) as error:
        return _away(arguments, error)
    status = str(said.get("status"))
    if status == "ok":
        return Finding("health", Verdict.OK, f"ok, {said.get('rules')} rules")
    advice = "nightshift doctor's line on rules, and GET /api/rules, say which and why"
    return Finding("health", Verdict.FAILED, f"the app says it is {status}", advice=advice)


def _own_clock(about: Json) -> list[Finding]:
    """Compare this machine's clock with the app's: it dates what a person reads here."""
    try:
        theirs = datetime.fromisoformat(str(about.get("now")))
    except ValueError:
        return []
    apart = abs((datetime.now(UTC) - theirs).total_seconds())
    if apart < ALLOWED_SKEW_S:
        return []
    said = f"this machine's clock and the app's are {apart:.0f} s apart"
    return [Finding("clock", Verdict.NOTE, said, "here", "set the clock of this machine")]


async def _around(
    arguments: argparse.Namespace, about: Json
) -> tuple[list[Finding], tuple[str, ...]]:
    """Look around the app; also name where its dead letters are."""
    from cli import doctor_wiring
    from cli.doctor_wiring.event_subscriptions import dead_letter_containers
    from cli.doctor_wiring.place import app_named, looking

    app_id = app_named(arguments, about)
    if app_id is None:
        return [_unnamed(arguments)], ()
    async with looking(arguments, about, app_id) as place:
        findings = await doctor_wiring.look(place, arguments.skip)
        try:
            return findings, await dead_letter_containers(place)
        except AutomationError:  # its check has said why
            return findings, ()


def _unnamed(arguments: argparse.Namespace) -> Finding:
    said = "not looked at: the app does not know its own ARM id"
    if arguments.app_id:
        said = f"not looked at: --app-id {arguments.app_id!r} is no ARM id"
    advice = "--app-id $(az functionapp show -g GROUP -n APP --query id -o tsv)"
    return Finding("app", Verdict.UNKNOWN, said, advice=advice)
