"""Which pods leave in a drain, in kubectl's order of filters, and with which grace."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.core.pods import DrainOptions, Fate, fate, grace_for
from tests.builders import NOW, SECOND, a_pod

PLAIN, FORCE = DrainOptions(), DrainOptions(force=True)
EMPTYDIR = DrainOptions(delete_emptydir_data=True)
BOTH = DrainOptions(force=True, delete_emptydir_data=True)
DAEMON = {"controller": "DaemonSet"}
ORPHAN = {**DAEMON, "is_orphaned_daemon": True}
ALONE = {"controller": ""}
LOCAL = {"has_local_storage": True}
DONE = {"is_finished": True}
CASES = [
    ("a replicated pod goes", {}, PLAIN, Fate.EVICT),
    ("a daemon stays", DAEMON, BOTH, Fate.LEAVE),
    ("a daemon with local data stays, it is no error", {**DAEMON, **LOCAL}, PLAIN, Fate.LEAVE),
    ("a finished daemon goes", {**DAEMON, **DONE}, PLAIN, Fate.EVICT),
    ("an orphaned daemon is refused", ORPHAN, PLAIN, Fate.REFUSE),
    ("an orphaned daemon goes by force", ORPHAN, FORCE, Fate.EVICT),
    ("a static pod stays", {"is_mirror": True}, BOTH, Fate.LEAVE),
    (
        "a static pod alone stays, it is no error",
        {"is_mirror": True, **ALONE},
        PLAIN,
        Fate.LEAVE,
    ),
    ("a static pod with local data stays", {"is_mirror": True, **LOCAL}, PLAIN, Fate.LEAVE),
    ("local data is refused", LOCAL, FORCE, Fate.REFUSE),
    ("local data goes when told so", LOCAL, EMPTYDIR, Fate.EVICT),
    ("local data of a finished pod goes", {**LOCAL, **DONE}, PLAIN, Fate.EVICT),
    ("a pod alone is refused", ALONE, EMPTYDIR, Fate.REFUSE),
    ("a pod alone goes by force", ALONE, FORCE, Fate.EVICT),
    ("a finished pod alone goes", {**ALONE, **DONE}, PLAIN, Fate.EVICT),
    ("alone with local data needs both", {**ALONE, **LOCAL}, FORCE, Fate.REFUSE),
    ("alone with local data goes by both", {**ALONE, **LOCAL}, BOTH, Fate.EVICT),
    ("what is leaving is waited for", {"deleting_since": NOW}, PLAIN, Fate.WAIT),
    (
        "what is leaving and refused is refused",
        {"deleting_since": NOW, **ALONE},
        PLAIN,
        Fate.REFUSE,
    ),
]


@pytest.mark.parametrize(
    ("title", "fields", "options", "expected"), CASES, ids=[case[0] for case in CASES]
)
def test_a_pod_meets_kubectls_fate(title: str, fields, options: DrainOptions, expected: Fate):
    """People know what kubectl would do; a drain by us does the same."""
    said, why = fate(a_pod(**fields), options)
    assert expected == said
    assert bool(why) == (said is not Fate.EVICT)


GRACES = [
    ("its own when nothing is nearer", 30, None, None, None),
    ("the rule's cap", 30, 20, None, 20),
    ("its own when the cap is longer", 30, 60, None, None),
    ("what is left to the deadline less the margin", 30, None, 25, 22),
    ("the nearest of them all", 30, 10, 25, 10),
    ("never less than a second", 30, None, 2, 1),
    ("a second after the deadline too", 30, None, -5, 1),
    ("a pod that asked for none gets none", 0, None, 2, None),
    ("a cap of nothing is still a second", 30, 0, None, 1),
]


@pytest.mark.parametrize(
    ("title", "own", "cap", "left", "expected"), GRACES, ids=[case[0] for case in GRACES]
)
def test_the_grace_fits_the_time_that_is_left(title, own, cap, left, expected):
    """A pod told it has longer than the machine has would be killed in mid-write."""
    got = grace_for(
        a_pod(grace=own * SECOND),
        cap=None if cap is None else cap * SECOND,
        deadline=None if left is None else NOW + left * SECOND,
        margin=3 * SECOND,
        now=NOW,
    )
    assert (None if expected is None else expected * SECOND) == got


def test_a_part_of_a_second_is_cut_and_not_rounded_up():
    """The API takes whole seconds, and one too many would be past the deadline."""
    got = grace_for(
        a_pod(),
        cap=None,
        deadline=NOW + timedelta(seconds=20.9),
        margin=timedelta(0),
        now=NOW,
    )
    assert 20 * SECOND == got
