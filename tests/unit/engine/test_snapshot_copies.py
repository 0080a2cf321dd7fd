"""Snapshots copied to another region, where their data may lie, and nowhere else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.core.decisions import Reason
from shared.core.plans import PlanOutcome, StepOutcome
from shared.core.snapshot_copies import TAG_REGIONS, copy_id, not_allowed
from shared.core.snapshots import TAG_EXPIRES, TAG_OF
from tests import builders as make
from tests.saved_disks import SNAPSHOT, an_uncopied_snapshot, with_snapshot
from tests.shift import Shift

COPY = copy_id(SNAPSHOT, "northeurope")


@pytest.fixture
def shift() -> Shift:
    """A night that copies snapshots within Europe."""
    return Shift.begin(make.a_rule("copy_snapshot", allowed=("westeurope", "North Europe")))


def turn(shift: Shift) -> list[str]:
    """Let the survey find the snapshot; return the reasons of what it led to."""
    given = shift.deliver(an_uncopied_snapshot(shift.now))
    shift.run_until_quiet(timedelta(hours=30))
    return [getattr(r.decision, "reason", "act") for one in given for r in one.rulings]


def test_a_copy_is_done_when_it_has_arrived_and_says_until_when_it_is_wanted(shift: Shift):
    """Provisioned is not arrived: a copy that is on its way can restore nothing."""
    with_snapshot(shift)
    shift.world.snapshots.copy_looks = 3
    turn(shift)
    copy = shift.world.snapshots.snapshots[COPY.casefold()]
    assert ("northeurope", 100.0) == (
        copy["location"],
        copy["properties"]["completionPercent"],
    )
    assert {TAG_OF, TAG_EXPIRES, "nightshift-plan"} == set(copy["tags"])
    assert [StepOutcome.DONE] == [one.outcome for one in shift.plan.steps]
    assert [Reason.SET_ALREADY] == turn(shift)


def test_a_region_that_nobody_allowed_is_refused_by_its_name(shift: Shift):
    """The event's record says who forbids it."""
    with_snapshot(shift, **{"nightshift-copy-to": "eastus"})
    assert [Reason.REGION_NOT_ALLOWED] == turn(shift)
    assert [] == shift.plans


def test_the_disks_own_tag_narrows_what_the_rule_allows(shift: Shift):
    """Its owner's word is heard at the last look, too."""
    with_snapshot(shift)

    def forbid(where: str) -> None:
        if where == "before open":
            document = shift.world.snapshots.snapshots[SNAPSHOT.casefold()]
            document["tags"][TAG_REGIONS] = "westeurope"

    shift.hooks.append(forbid)
    turn(shift)
    assert PlanOutcome.DONE != shift.plan.outcome
    assert [] == shift.done("copy_snapshot")


@pytest.mark.parametrize(
    ("to", "allowed", "tag", "is_free"),
    [
        ("northeurope", ["North Europe"], "", True),
        ("northeurope", [], "", False),
        ("northeurope", [], "northeurope", True),
        ("northeurope", ["northeurope"], "westeurope North", False),
        ("northeurope", ["northeurope"], "westeurope,NorthEurope", True),
    ],
)
def test_whoever_names_regions_must_name_it_and_somebody_must(
    to: str, allowed: list[str], tag: str, is_free: bool
):
    """Silence of both is no leave."""
    tags = {TAG_REGIONS: tag} if tag else {}
    assert is_free == (not_allowed(to, allowed, tags) == "")


def test_a_copys_name_fits_whatever_the_snapshot_is_called():
    """Azure takes 80 characters."""
    long = f"{SNAPSHOT.rpartition('/')[0]}/{'x' * 80}"
    assert 80 == len(copy_id(long, "North Europe").rpartition("/")[2])
