"""A process that tries new rules first: what counts where, from look to look."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from shared import rule_duty
from shared.core.errors import ProviderUnavailable
from tests.builders import HOUR, SECOND
from tests.unit.test_rule_duty import OFF, SETTINGS, Process

CAREFUL = replace(SETTINGS, rules_canary=100, rules_canary_soak=HOUR)
AUTO = "rules:\n  - name: one\n    mode: auto\n"
AWAY = ProviderUnavailable("no storage", after=timedelta(seconds=1))


@dataclass
class Clock:
    """The time, as the test has it."""

    at: datetime = datetime(2030, 1, 1, 3, tzinfo=UTC)

    def now(self) -> datetime:
        """Tell it."""
        return self.at


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Process:
    """A process that has begun with a first version: it switches the rule off."""
    monkeypatch.setattr(rule_duty, "REST_S", 0.0)
    process = Process(CAREFUL)
    process.duty._clock = Clock()
    process.files.upload("a.yaml", OFF)
    process.begin()
    return process


async def looked(process: Process, after: timedelta = timedelta(0)) -> tuple[str, str]:
    """Look once; tell how far the rule may go everywhere, and on trial."""
    process.duty._clock.at += after
    process.duty.nudge(process.night)
    await process.looked()
    trial = process.night.trial
    return process.mode(), trial.rules.rules[0].mode.value if trial else "none"


async def test_a_new_version_is_tried_then_counts_everywhere(process: Process):
    """Nobody has to do anything; the record says when which of them did."""
    assert ("off", "none") == await looked(process)
    process.files.upload("a.yaml", AUTO)
    assert ("off", "auto") == await looked(process)
    assert ("off", "auto") == await looked(process, HOUR - SECOND)
    assert ("auto", "none") == await looked(process, 2 * SECOND)
    version = process.duty.watch.in_force
    told = await process.night.ports.ledger.find_event(f"rules-{version}")
    assert {"trial", "promoted"} == {one.decisions[0]["reason"] for one in told}


async def test_a_process_that_starts_in_the_middle_takes_part(process: Process):
    """Its first decision is made by the same rules as everybody's."""
    process.files.upload("a.yaml", AUTO)
    await looked(process)
    later = Process(CAREFUL)
    later.files = process.files
    later.duty._opened = lambda _s, _n: process.files
    later.duty._clock = Clock()
    later.begin()
    assert "off" == later.mode()
    assert later.duty.trial is not None
    assert "auto" == later.duty.trial.rules.rules[0].mode.value


async def test_storage_that_is_away_changes_nothing_and_is_made_up_for(process: Process):
    """A version that was seen while the rollout could not be written is not forgotten."""
    process.files.upload("a.yaml", AUTO)
    process.hooks["before save rollout"] = AWAY
    assert ("off", "none") == await looked(process)
    process.hooks.clear()
    assert ("off", "auto") == await looked(process)


async def test_a_broken_version_ends_no_trial(process: Process):
    """What is refused was never in force anywhere; what is tried goes on."""
    process.files.upload("a.yaml", AUTO)
    await looked(process)
    process.files.upload("a.yaml", "rules: [")
    assert ("off", "auto") == await looked(process)
    assert process.duty.watch.refused is not None
    assert ("auto", "none") == await looked(process, HOUR)


async def test_without_a_percentage_what_loads_counts_everywhere_at_once(process: Process):
    """As before; whoever is in a hurry sets it to 0."""
    process.files.upload("a.yaml", AUTO)
    plain = Process(replace(CAREFUL, rules_canary=0))
    plain.files = process.files
    plain.duty._opened = lambda _s, _n: process.files
    plain.begin()
    assert ("auto", None) == (plain.mode(), plain.duty.trial)
