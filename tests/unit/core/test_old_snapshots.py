"""Which snapshots may go: never the newest whole one, whatever its date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.leftovers import why_removable
from shared.core.old_snapshots import is_floor, snapshot_leftover
from shared.core.snapshots import (
    TAG_OF,
    Snapshot,
    Span,
    began,
    due,
    next_begins,
    read_snapshot,
    young_enough,
)
from tests.builders import GROUP

DISK = f"{GROUP}/providers/Microsoft.Compute/disks/data"
NOW = datetime(2030, 6, 1, tzinfo=UTC)


def a_snapshot(day: int, expires: str = "2030-02-01", **fields: Any) -> dict[str, Any]:
    """Make one as the resource manager writes it."""
    state = fields.pop("state", "Succeeded")
    document = {
        "id": f"{GROUP}/providers/Microsoft.Compute/snapshots/{fields.pop('name', day)}",
        "location": "westeurope",
        "tags": {"nightshift-expires": expires} if expires else {},
        "properties": {
            "timeCreated": f"2030-01-{day:02}T00:00:00Z",
            "provisioningState": state,
            "creationData": {"sourceResourceId": DISK},
        },
    }
    return {**document, **fields}


def why(document: dict[str, Any], *others: dict[str, Any], gone: bool = False) -> str:
    """Tell for which reason one may go beside others."""
    known = [read_snapshot(one) for one in (document, *others)]
    return why_removable(snapshot_leftover(document, known, is_disk_gone=gone), NOW)


def test_the_older_of_two_past_their_date_may_go_and_the_newest_never():
    """One that is whole is always left."""
    old, new = a_snapshot(1), a_snapshot(2)
    assert ("expired", "") == (why(old, new), why(new, old))


@pytest.mark.parametrize(
    "newer",
    [
        a_snapshot(2, state="Failed"),
        a_snapshot(2, state="Updating"),
        a_snapshot(2, location="northeurope"),
        a_snapshot(2, id=f"{GROUP}2/providers/Microsoft.Compute/snapshots/2"),
        a_snapshot(2, tags={TAG_OF: "another-disk"}),
    ],
)
def test_what_is_not_whole_or_elsewhere_replaces_nothing(newer: dict[str, Any]):
    """A copy in another region is no reason to have none here."""
    assert "" == why(a_snapshot(1), newer)


def test_a_copy_that_has_not_arrived_is_not_whole():
    """Its state says succeeded while its data is still on the way."""
    coming = a_snapshot(2)
    coming["properties"]["completionPercent"] = 40.0
    assert "" == why(a_snapshot(1), coming)
    coming["properties"]["completionPercent"] = 100.0
    assert "expired" == why(a_snapshot(1), coming)


def test_one_taken_by_hand_goes_only_when_its_disk_is_gone():
    """Its owner named no date: that its disk is there is reason enough to keep it."""
    mine, newer = a_snapshot(1, expires=""), a_snapshot(2, expires="")
    assert ("", "left_over") == (why(mine, newer), why(mine, newer, gone=True))


def test_a_date_that_has_not_come_holds_even_without_the_disk():
    """A removed disk's last snapshot is wanted as long as was said."""
    kept = a_snapshot(1, expires="2030-07-01")
    assert "" == why(kept, a_snapshot(2, expires="2030-07-01"), gone=True)


def test_azure_backups_own_are_left_to_it():
    """It removes them itself, and would miss them."""
    theirs = a_snapshot(1, expires="", tags={"CreatedBy": "AzureBackup"})
    assert "" == why(theirs, a_snapshot(2), gone=True)


SNAPSHOTS = st.lists(
    st.builds(
        lambda n, day, good: Snapshot(
            f"{GROUP}/providers/Microsoft.Compute/snapshots/{n}",
            "k",
            DISK,
            "eu",
            None if day is None else NOW + timedelta(days=day),
            good,
        ),
        st.integers(0, 10**6),
        st.none() | st.integers(0, 5),
        st.booleans(),
    ),
    max_size=8,
)


@given(SNAPSHOTS)
def test_whatever_is_removed_a_newest_whole_one_is_left(snapshots: list[Snapshot]):
    """Of any set, in any order, all at once or one by one."""
    good = [one for one in snapshots if one.is_good and one.taken_at]
    left = [one for one in snapshots if is_floor(one, snapshots)]
    newest = max((one.taken_at for one in good if one.taken_at), default=None)
    assert newest == max((o.taken_at for o in left if o.is_good and o.taken_at), default=None)


@given(
    st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(Span),
)
def test_every_moment_is_in_one_span_and_the_next_begins_after_it(now: datetime, span: Span):
    """Months of 28 days and years of 53 weeks included."""
    start, following = began(span, now), next_begins(span, now)
    assert start <= now < following
    assert following == began(span, following)
    assert start == began(span, following - timedelta(microseconds=1))


def test_nothing_is_due_of_which_none_is_kept():
    """A rule that keeps weekly ones alone takes none on a Tuesday."""
    monday = datetime(2030, 1, 7, 3, tzinfo=UTC)
    [one] = [read_snapshot(a_snapshot(7))]
    assert None is due([one], {Span.WEEKLY: 4}, monday + timedelta(days=1))
    found = due([one], {Span.WEEKLY: 4}, monday + timedelta(days=7))
    assert (Span.WEEKLY, monday + timedelta(days=35)) == found


def test_young_enough_is_whole_no_older_than_asked_and_not_of_the_future():
    """What is half made, or dated by a wrong clock, saves nobody."""
    hour = timedelta(hours=1)
    fresh = read_snapshot(a_snapshot(7))
    taken = datetime(2030, 1, 7, tzinfo=UTC)
    assert fresh == young_enough([fresh], hour, taken + hour)
    assert None is young_enough([fresh], hour, taken + 2 * hour)
    assert None is young_enough([fresh], hour, taken - hour)
    assert None is young_enough([read_snapshot(a_snapshot(7, state="Updating"))], hour, taken)
    assert None is young_enough([], hour, taken)
