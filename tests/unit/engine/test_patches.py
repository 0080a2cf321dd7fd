"""Updates: asked for once, followed by the machine's own record, never guessed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.core.plans import StepOutcome
from tests import builders as make
from tests.builders import HOUR, MINUTE, NOW, VM
from tests.patching import LACKS, lacking_updates, with_patchable
from tests.shift import Shift


def begin(name: str, **facts: object) -> Shift:
    """Make a night whose one rule acts on a machine that lacks updates."""
    shift = Shift.begin(make.a_rule(name))
    with_patchable(shift, **facts)
    return shift


def test_an_assessment_is_done_when_a_newer_one_has_ended():
    """The one that was there before proves nothing."""
    shift = begin("assess_patches")
    shift.deliver(lacking_updates("not_assessed"))
    shift.run_until_quiet()
    [step] = shift.plan.steps
    assert (StepOutcome.DONE, LACKS) == (step.outcome, step.detail["urgent"])
    assert [("assess", VM)] == shift.world.effects


def test_updates_are_installed_once_and_read_back():
    """How many, and what is missing now."""
    shift = begin("install_patches")
    shift.deliver(lacking_updates())
    shift.run_until_quiet()
    [step] = shift.plan.steps
    assert (StepOutcome.DONE, LACKS) == (step.outcome, step.detail["installed"])
    assert [("linux", 2 * HOUR, "IfRequired", ("Critical", "Security"))] == (
        shift.world.patching.asked
    )
    assert 0 == shift.world.patching.machines[VM.casefold()].urgent


def test_an_old_assessment_is_made_anew_and_may_end_the_plan():
    """Somebody installed them by hand: the machine is not patched for nothing."""
    shift = begin("install_patches", assessed_at=NOW - timedelta(days=3))
    shift.world.patching.lacking[VM.casefold()] = 0
    shift.deliver(lacking_updates())
    shift.run_until_quiet()
    assert [("assess", VM)] == shift.world.effects
    assert "up_to_date" == shift.plan.steps[-1].reason


@pytest.mark.parametrize("status", ["failed", "completedwithwarnings"])
def test_an_installation_that_did_not_succeed_is_told_as_it_is(status: str):
    """Half of the updates are not all of them."""
    shift = begin("install_patches")
    shift.world.patching.fails[VM.casefold()] = status
    shift.deliver(lacking_updates())
    shift.run_until_quiet()
    [step] = shift.plan.steps
    assert (StepOutcome.FAILED, status) == (step.outcome, step.detail["installation"])


def test_an_installation_that_never_shows_is_not_asked_for_again():
    """Two at once, or a second restart in the morning, is worse than not to know."""
    shift = begin("install_patches")
    shift.world.patching.lost.add(VM.casefold())
    shift.deliver(lacking_updates())
    shift.run_until_quiet()
    [step] = shift.plan.steps
    assert StepOutcome.UNKNOWN is step.outcome
    assert 1 == len(shift.world.patching.asked)


def test_a_machine_that_somebody_patches_is_left_to_them():
    """Update Manager does one at a time."""
    shift = begin("install_patches", installation="inprogress")
    shift.deliver(lacking_updates())
    assert [] == shift.plans


def test_outside_its_window_nothing_is_begun():
    """Now is a weekday's night; the window opens on Saturday."""
    shift = Shift.begin(make.a_rule("install_patches", window="sat,sun 10:00-12:00"))
    with_patchable(shift)
    shift.deliver(lacking_updates())
    shift.run_until_quiet()
    assert [] == shift.world.effects


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"restart": "maybe"}, "if_required, never, always"),
        ({"longest": 10 * MINUTE}, "30m to 4h"),
        ({"longest": 5 * HOUR}, "30m to 4h"),
        ({"window": "sat 22:00-"}, "both when it begins and ends"),
        ({"window": "in the night"}, "no timetable"),
    ],
)
def test_settings_that_nobody_could_follow_are_refused(given: dict[str, object], words: str):
    """At load, with what to write instead."""
    with pytest.raises(ValueError, match=words):
        make.REMEDIATIONS["install_patches"].settings(**given)
