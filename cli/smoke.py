"""``nightshift smoke``: a made-up event through every way in, followed to its dry run.

Nothing is acted on: each event bears a ticket that the app gave out a moment before, and
an event with a ticket can become nothing but a dry run. Nothing is cleaned up either: the
records stay in the audit, under ids that begin with ``nightshift-smoke-``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from cli import doctor, smoke_sending
from cli.over_http import Json, Refused, send
from cli.smoke_sending import NotTried, Way
from shared.core.findings import Finding, Verdict, exit_code
from shared.core.smoke_tests import Inlet

LOOK_EVERY_S = 0.5
_REASONS = {
    "dry_run": "dry run",
    "paused": "dry run, paused",
    "frozen": "dry run, frozen",
}


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one test.

    Attributes:
        accepted_s: From sending to the sender's answer; None if the app sent it itself.
        recorded_s: To the moment at which the app recorded its decision, by its clock.
        seen_s: To the moment at which it could be read.
    """

    inlet: str
    event_id: str
    hops: str
    verdict: Verdict
    said: str
    advice: str = ""
    accepted_s: float | None = None
    recorded_s: float | None = None
    seen_s: float | None = None


def register(subparsers: Any) -> None:
    """Add ``smoke``."""
    parser = subparsers.add_parser(
        "smoke",
        help="send a made-up event through every way in, and follow it to a dry run",
        epilog="exit status: 0 all answered, 1 one did not, 2 one could not be tried",
    )
    doctor.place(parser)
    parser.add_argument(
        "--target",
        default="",
        help="what the dry runs are about, an ARM id; default: the first subscription",
    )
    parser.add_argument(
        "--topic", default="", help="endpoint of the topic; default: looked for beside the app"
    )
    parser.add_argument(
        "--webhook", action="store_true", help="call the trigger itself, not the topic"
    )
    parser.add_argument("--system-key", default="", help="of Event Grid's, for --webhook")
    parser.add_argument(
        "--master-key", default="", help="fires the timer at once; else it is waited for"
    )
    parser.add_argument(
        "--patience",
        type=float,
        default=1.0,
        help="times as long as usual to wait for each answer; default: 1",
    )
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    try:
        keyed, sent = doctor.headers(arguments), time.time()
        body = {"target": arguments.target} if arguments.target else {}
        given = send(arguments.url, "POST", "/api/smoke", keyed, body)
        tests = {Inlet(one["inlet"]): one for one in given["tests"]}
        ahead_s = _moment(given["now"]) - (sent + time.time()) / 2
    except (Refused, OSError, KeyError, ValueError) as error:
        away = Result("app", "", "POST /api/smoke", Verdict.FAILED, str(error))
        return _report(arguments, [away])
    topic = arguments.topic or ("" if arguments.webhook else asyncio.run(_topic(arguments)))
    ways = smoke_sending.ways(arguments, tests, topic)
    failed = {Inlet.QUEUE: str(given["queue_failed"])} if given.get("queue_failed") else {}
    results = asyncio.run(_all(arguments, ways, tests, failed, ahead_s))
    return _report(arguments, results)


async def _all(
    arguments: argparse.Namespace,
    ways: list[Way],
    tests: Mapping[Inlet, Mapping[str, str]],
    failed: Mapping[Inlet, str],
    ahead_s: float,
) -> list[Result]:
    """Try every way in at once."""
    tries = (
        _try(arguments, way, tests[way.inlet]["event_id"], failed.get(way.inlet, ""), ahead_s)
        for way in ways
    )
    return list(await asyncio.gather(*tries))


async def _try(
    arguments: argparse.Namespace, way: Way, event_id: str, failed: str, ahead_s: float
) -> Result:
    """Send one event, and follow it until its decision can be read or its time is over."""
    began, accepted_s = time.time(), None
    limit_s = way.limit_s * arguments.patience
    result = Result(way.inlet.value, event_id, way.hops, Verdict.FAILED, failed)
    if failed:
        return _but(result, said=f"not accepted: {failed}", advice=_look(way.inlet))
    try:
        if way.begin is not None:
            await asyncio.to_thread(way.begin)
            accepted_s = time.time() - began
        record = await _followed(arguments, event_id, began + limit_s)
    except NotTried as error:
        return _but(result, verdict=Verdict.UNKNOWN, said="not tried", advice=str(error))
    except (Refused, OSError) as error:
        return _but(result, said=f"not accepted: {error}", advice=_look(way.inlet))
    if record is None:
        said = f"no answer within {limit_s:g} s"
        return _but(result, said=said, advice=_look(way.inlet), accepted_s=accepted_s)
    times = {
        "accepted_s": accepted_s,
        "recorded_s": max(_moment(record["recorded_at"]) - ahead_s - began, 0.0),
        "seen_s": time.time() - began,
    }
    return _but(result, **times, **_judged(record))


def _but(result: Result, **changes: Any) -> Result:
    return Result(**{**asdict(result), **changes})


def _judged(record: Mapping[str, Any]) -> dict[str, Any]:
    """Tell whether a record is that of a dry run that was thought through."""
    decisions = record.get("decisions") or [{}]
    decision = decisions[0]
    reason = str(decision.get("reason") or decision.get("kind") or "")
    would = [str(step.get("verb")) for step in decision.get("would") or ()]
    if would and decision.get("kind") != "act":
        said = f"{_REASONS.get(reason, reason)}: would {', '.join(would)}"
        return {"verdict": Verdict.OK, "said": said}
    said = f"recorded, but no dry run: {reason} {decision.get('detail') or ''}".strip()
    advice = (
        f"the app must be able to read {record.get('target')}: nightshift doctor, or name "
        "something else with --target"
    )
    return {"verdict": Verdict.FAILED, "said": said, "advice": advice}


async def _followed(
    arguments: argparse.Namespace, event_id: str, until: float
) -> Mapping[str, Any] | None:
    """Look for the event's record until it is there."""
    while True:
        found = await asyncio.to_thread(_event, arguments, event_id)
        if found is not None or time.time() >= until:
            return found
        await asyncio.sleep(LOOK_EVERY_S)


def _event(arguments: argparse.Namespace, event_id: str) -> Mapping[str, Any] | None:
    try:
        said = doctor.ask(arguments, f"/api/events/{event_id}")
    except Refused as error:
        if str(error).startswith("404"):
            return None
        raise
    records: list[Mapping[str, Any]] = said.get("records") or []
    return records[0] if records else None


def _look(inlet: Inlet) -> str:
    """Say where to look when one way in does not answer."""
    return {
        Inlet.EVENT_GRID: "nightshift doctor: event_subscriptions, dead_letters; the "
        "subscription's metrics say whether it was matched and delivered",
        Inlet.QUEUE: "nightshift doctor: queues; does on_platform_event run, and what does "
        "it log",
        Inlet.ALERT: "its log, and nightshift doctor: health",
        Inlet.RUNBOOK: "its log, and nightshift doctor: health",
        Inlet.TIMER: "do timers run: the log's tick=resume; storage must be reachable",
    }[inlet]


async def _topic(arguments: argparse.Namespace) -> str:
    """Find a topic of one's own that leads to the app; empty if none can be seen."""
    from cli.doctor_wiring.event_subscriptions import found_here
    from cli.doctor_wiring.place import app_named, looking, properties
    from shared.core.errors import AutomationError

    try:
        about = doctor.ask(arguments, "/api/doctor?checks=none")["about"]
        app_id = app_named(arguments, about)
        if app_id is None:
            return ""
        async with looking(arguments, about, app_id) as place:
            here = await found_here(place)
    except (Refused, KeyError, AutomationError):
        return ""
    own = [one for one in here if one.is_custom and one.way == "function"]
    return str(properties(own[0].topic).get("endpoint") or "") if own else ""


def _moment(text: object) -> float:
    return datetime.fromisoformat(str(text)).astimezone(UTC).timestamp()


def _report(arguments: argparse.Namespace, results: list[Result]) -> int:
    findings = [Finding(one.inlet, one.verdict, one.said) for one in results]
    code = exit_code(findings)
    if arguments.json:
        shown: Json = {"tests": [asdict(one) for one in results], "exit": code}
        print(json.dumps(shown, indent=2))
        return code
    from cli.smoke_table import show

    show(arguments.url, results)
    return code
