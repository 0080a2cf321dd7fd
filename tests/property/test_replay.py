"""Laws of a replay: the same recording gives the same bytes, and the ledger's decisions."""

from __future__ import annotations

import asyncio
import io
import json
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cli.archive import line_of
from cli.rehearsal import Rehearsal
from cli.replay_report import JsonReport
from cli.replaying import Replay
from sandbox.demo import events, world
from shared.engine import inlet
from shared.parsing import parse_events
from shared.rules.book import RuleBook
from tests.builders import a_node, a_resource, a_rule
from tests.shift import BUDGET, Shift

NODES = (3, 4)
RULES = (
    a_rule(name="only-training", when='target.tags.workload == "training"'),
    a_rule(name="never", when='signal.type == "vm.freeze"'),
    a_rule(name="others", when="facts.node.is_ready"),
)
KINDS = st.sampled_from(["Preempt", "Reboot", "Redeploy"])
STATUSES = st.sampled_from(["Scheduled", "Scheduled", "Started", "Completed", "Canceled"])
DELIVERIES = st.lists(
    st.tuples(st.sampled_from(NODES), KINDS, STATUSES, st.integers(1, 3), st.integers(1, 90)),
    min_size=1,
    max_size=12,
)
Key = tuple[str, str, str]


def a_night(tags: dict[str, str]) -> Shift:
    """Begin a night with two nodes; the second belongs to training."""
    night = Shift.begin(*RULES)
    for number in NODES:
        vm = world.instance_id(number)
        night.world.cluster.add(vm, a_node(number))
        night.world.resources.add(a_resource(vm, tags=tags if number == NODES[0] else {}))
    return night


def deliver(night: Shift, deliveries: list[tuple[Any, ...]]) -> None:
    """Send notices as Event Grid does, each some seconds after the one before."""
    for number, kind, status, event, wait in deliveries:
        night.move(timedelta(seconds=wait))
        name = f"e-{number}-{kind}-{event}"
        body = events.notice(name, (number,), now=night.now, status=status, kind=kind)
        parse = partial(parse_events, received_at=night.now)
        source = "on_maintenance_event"
        sent = json.dumps(body).encode()
        work = inlet.take_in(night.night, sent, parse, source=source, budget=BUDGET)
        night.invoke(work)
        night.run_until_quiet()


def recording(night: Shift) -> list[str]:
    """Pull the archive, as the command does."""

    async def pull() -> list[str]:
        copies = sorted(night.world.records.archived.items())
        lines = [await line_of(json.loads(copy), night.world.ledger) for _, copy in copies]
        return [json.dumps(line) for line in lines]

    return asyncio.run(pull())


def replay(lines: list[str]) -> str:
    """Replay with the night's own rules; the JSON document."""
    out = io.StringIO()
    Replay(Rehearsal(RuleBook(RULES)), None, JsonReport(out)).run(lines)
    return out.getvalue()


def first_answers(document: str) -> dict[Key, list[tuple[str, ...]]]:
    """Return the first answer to each phase of each event about each target."""
    found: dict[Key, list[tuple[str, ...]]] = {}
    for one in json.loads(document)["decisions"]:
        key = (one["event_id"], one["phase"], one["target"])
        found.setdefault(key, [(d["rule"], d["kind"], d["reason"]) for d in one["decisions"]])
    return found


def recorded_answers(night: Shift) -> dict[Key, list[tuple[str, ...]]]:
    """Return what the ledger says, without the engine's own reminders."""
    names = {
        json.loads(copy)["body"]["data"]["resourceInfo"]["name"]
        for copy in night.world.records.archived.values()
    }
    return {
        (r.event_id, r.phase, r.target): [
            (d["rule"], d["kind"], d["reason"]) for d in r.decisions
        ]
        for name in names
        for r in night.records(name)
        if "+" not in r.phase
    }


@settings(max_examples=60)
@given(DELIVERIES, st.sampled_from([{}, {"workload": "training"}, {"nightshift": "off"}]))
def test_a_replay_of_the_archive_decides_what_the_app_decided(deliveries, tags):
    """Else what it says about other rules would be worth nothing."""
    night = a_night(tags)
    deliver(night, deliveries)

    lines = recording(night)

    assert recorded_answers(night) == first_answers(replay(lines))
    assert replay(lines) == replay(lines)


@given(st.lists(st.text(max_size=60) | st.binary(max_size=30), max_size=10))
def test_any_lines_at_all_are_replayed_or_told(lines):
    """A file that somebody cut in half must not end in a traceback."""
    out = io.StringIO()
    run = Replay(Rehearsal(RuleBook(RULES)), None, JsonReport(out))
    run.run(lines)

    json.loads(out.getvalue())
    assert run.tally.lines == len([line for line in lines if line.strip()])


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
GOOD = json.loads(
    Path(__file__)
    .parents[1]
    .joinpath("events", "scheduled_events__bare_wrapper.json")
    .read_text()
)


@given(
    st.fixed_dictionaries(
        {"received_at": st.just("2030-01-01T03:00:00Z"), "event": JSON | st.just(GOOD)},
        optional={
            "inlet": JSON | st.just("on_alert"),
            "facts": JSON | st.dictionaries(st.text(max_size=5), JSON, max_size=2),
            "encoding": JSON | st.sampled_from(["text", "base64"]),
        },
    )
)
def test_a_line_with_anything_in_it_is_replayed_or_told(line):
    """A recording may have been written by hand, or by somebody else's program."""
    replay([json.dumps(line)])
