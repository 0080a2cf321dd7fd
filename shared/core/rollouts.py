"""Which version of the rules counts where: a new one in some scopes first, then everywhere.

Values and judgement only. A version is on trial in a share of the resource groups; what
became of its plans is held against what became of everybody else's in the same time. It
is taken back as soon as too many of them failed, and counts everywhere once it has soaked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.core.moments import write_moment
from shared.core.plans import Plan
from shared.core.resource_ids import ResourceId
from shared.core.tallies import Entry, Tally, fold, kept, mark_ended, put

ROLLOUT = "rollout"
ELSEWHERE = "elsewhere"
MOST_REJECTED = 20
LONGEST_WHY = 500
_PERCENTS = 100
_DIGITS = 8


class Verdict(StrEnum):
    """What is to be done about a version on trial."""

    GO_ON = "go_on"
    PROMOTE = "promoted"
    FALL_BACK = "fell_back"


@dataclass(frozen=True, slots=True)
class RolloutTerms:
    """How carefully a new version is taken.

    Attributes:
        percent: Of the resource groups, in which it is tried, 1 to 100.
        soak: How long, before it counts everywhere.
        failures: How many of its plans must have failed for it to be taken back.
    """

    percent: int
    soak: timedelta
    failures: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """A version that was taken back, when, and why."""

    version: str
    at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Rollout:
    """What all instances share; stored by a conditional write.

    Attributes:
        stable: The version that counts wherever none is on trial; None: there was none yet.
        trial: The version on trial, or empty.
        since: When its trial began.
        rejected: Newest first. They do not come back; another upload is another version.
        unknown: What a newer release wrote beside all this; kept as it is.
    """

    stable: str | None = None
    trial: str = ""
    since: datetime | None = None
    rejected: tuple[Rejected, ...] = ()
    unknown: Mapping[str, Any] = field(default_factory=dict)
    etag: str = field(default="", compare=False)

    def rejection(self, version: str) -> Rejected | None:
        """Return when and why a version was taken back; None if it was not."""
        return next((one for one in self.rejected if one.version == version), None)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many plans closed, and how many of them as a failure."""

    closed: int = 0
    failed: int = 0

    @property
    def share(self) -> float:
        """The share that failed, 0..1."""
        return self.failed / self.closed if self.closed else 0.0

    def __str__(self) -> str:
        """Say it in words."""
        return f"{self.failed} of {self.closed} plans failed"


def scope_of(target: str) -> str:
    """Name the scope that has one version as a whole: a resource group, else the target.

    All machines of a pool are in one, so that no pool is worked on by two versions.
    """
    try:
        known = ResourceId.parse(target)
    except ValueError:
        return fold(target)
    if not known.resource_group:
        return fold(target)
    return fold(f"/subscriptions/{known.subscription}/resourceGroups/{known.resource_group}")


def is_tried(target: str, percent: int) -> bool:
    """Tell whether a target is in a scope that tries new versions.

    The same scopes every time, and more of them if the percentage grows: whose they are
    can be told beforehand, and nobody is tried upon by turns.
    """
    digest = hashlib.sha256(scope_of(target).encode(errors="replace")).hexdigest()
    return int(digest[:_DIGITS], 16) % _PERCENTS < percent


def seen(rollout: Rollout, version: str, now: datetime) -> Rollout:
    """Take note of the newest version that loads; the same rollout if it is no news.

    The first version there ever was has nothing to be held against, so it counts at once.
    """
    if not version or rollout.rejection(version) or version == rollout.trial:
        return rollout
    if rollout.stable is None:
        return replace(rollout, stable=version)
    if version == rollout.stable:
        return replace(rollout, trial="", since=None) if rollout.trial else rollout
    return replace(rollout, trial=version, since=now)


def judge(
    rollout: Rollout, tried: Counts, elsewhere: Counts, terms: RolloutTerms, now: datetime
) -> tuple[Verdict, str]:
    """Say what is to be done about the version on trial, and why.

    Failing alone is not enough: in a night in which everything fails, the new version is
    not to blame.
    """
    compared = f"{tried}, elsewhere {elsewhere}"
    if tried.failed >= terms.failures and tried.share > elsewhere.share:
        return Verdict.FALL_BACK, compared
    if rollout.since is not None and now >= rollout.since + terms.soak:
        return Verdict.PROMOTE, compared
    return Verdict.GO_ON, compared


def decided(rollout: Rollout, verdict: Verdict, why: str, now: datetime) -> Rollout:
    """Carry a verdict out; the same rollout where it goes on."""
    if verdict is Verdict.GO_ON or not rollout.trial:
        return rollout
    ended = replace(rollout, trial="", since=None)
    if verdict is Verdict.PROMOTE:
        return replace(ended, stable=rollout.trial)
    rejected = Rejected(rollout.trial, now, why[:LONGEST_WHY])
    return replace(ended, rejected=(rejected, *rollout.rejected)[:MOST_REJECTED])


def place(version: str, *, is_tried: bool) -> str:
    """Name the tally of what became of plans while a version was on trial."""
    return f"{ROLLOUT}|{version}" if is_tried else f"{ROLLOUT}|{version}|{ELSEWHERE}"


def counted(tally: Tally, plan: Plan) -> Tally:
    """Write a closed plan down; the same tally if it is there already."""
    if plan.closed_at is None or plan.outcome is None:
        return tally
    entry = Entry(
        token=plan.id,
        target=fold(plan.target),
        at=plan.created_at,
        rule=plan.rule,
        event=str(plan.signal.get("event_id") or ""),
    )
    after = mark_ended(put(tally, entry), plan.id, plan.outcome.value, plan.closed_at)
    if after is tally:
        return tally
    return replace(after, entries=kept(after.entries, plan.closed_at))


def counts(entries: Iterable[Entry]) -> Counts:
    """Count what has closed."""
    closed = [one for one in entries if not one.is_open]
    return Counts(len(closed), sum(one.has_failed for one in closed))


_KNOWN = frozenset({"stable", "trial", "since", "rejected", "container"})


def rollout_to_json(rollout: Rollout) -> dict[str, Any]:
    """Write a rollout for the store, and for people."""
    return {
        **rollout.unknown,
        "stable": rollout.stable,
        "trial": rollout.trial,
        "since": write_moment(rollout.since) if rollout.since else None,
        "rejected": [
            {"version": one.version, "at": write_moment(one.at), "why": one.why}
            for one in rollout.rejected
        ],
    }


def rollout_of(written: Mapping[str, Any], *, etag: str = "") -> Rollout:
    """Read a rollout.

    Raises:
        KeyError, ValueError, TypeError: This or an older release did not write it.
    """
    since = written["since"]
    return Rollout(
        stable=written["stable"],
        trial=str(written["trial"]),
        since=datetime.fromisoformat(since) if since else None,
        rejected=tuple(
            Rejected(str(one["version"]), datetime.fromisoformat(one["at"]), str(one["why"]))
            for one in written["rejected"]
        ),
        unknown={key: value for key, value in written.items() if key not in _KNOWN},
        etag=etag,
    )
