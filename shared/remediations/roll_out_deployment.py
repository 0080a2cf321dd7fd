"""Give a new deployment of an online endpoint the traffic, step by step, and look each time.

A runbook on the new deployment, or the answer to its being written: first it gets copies of
some requests, then 1, 10, 50 and 100 percent. After each step it is watched; if it fails too
often, is too slow or is asked too seldom to tell, all traffic goes back to the split before.
Whoever changes the split meanwhile, by hand or by ``roll_back_traffic`` on an alert, ends it.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-safely-rollout-online-endpoints
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.core.decisions import Act, Decision, Hold, Reason, Skip
from shared.core.facts import EndpointFacts, FactsKind, Resource
from shared.core.ml_endpoints import WHOLE, Deployment, Routing, with_share
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import ML_DEPLOYMENT
from shared.core.signals import Signal, SignalType
from shared.core.steps import Step, Verb

MOST_COPIES = 50
"""Percent; the service copies no more.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-safely-rollout-online-endpoints
"""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person may set.

    Attributes:
        mirror: Percent of the requests to copy first; 0 for none.
        shares: Percent of the live traffic, step by step; the last is 100.
        soak: How long to watch each step.
        patience: How much longer to wait for enough requests to tell.
        least_requests: How many are enough.
        most_errors: Fraction of them that may fail (5xx).
        most_p95_ms: The slowest 95th percentile that is good enough; 0 for any.
        slower: How many times that of the old deployment it may be; 0 for any.
    """

    mirror: int = 10
    shares: tuple[int, ...] = (1, 10, 50, 100)
    soak: timedelta = timedelta(minutes=10)
    patience: timedelta = timedelta(hours=1)
    least_requests: int = 20
    most_errors: float = 0.01
    most_p95_ms: int = 0
    slower: float = 1.5

    def __post_init__(self) -> None:
        """Refuse steps that do not lead to all of the traffic."""
        if not 0 <= self.mirror <= MOST_COPIES:
            raise ValueError(f"mirror {self.mirror}: write 0 to {MOST_COPIES}")
        rising = sorted({share for share in self.shares if 0 < share <= WHOLE})
        if list(self.shares) != rising or not rising or rising[-1] != WHOLE:
            raise ValueError("shares must rise from 1 or more to 100")
        if not timedelta(0) <= self.soak <= timedelta(days=7):
            raise ValueError("soak does not fit: write 0s to 7d")
        if not timedelta(0) <= self.patience <= timedelta(days=7):
            raise ValueError("patience does not fit: write 0s to 7d")
        if not 0 <= self.most_errors <= 1:
            raise ValueError("most_errors is a fraction: write 0 to 1")
        if min(self.least_requests, self.most_p95_ms, self.slower) < 0:
            raise ValueError("least_requests, most_p95_ms and slower are 0 or more")


def decide(
    signal: Signal, facts: EndpointFacts, settings: Settings, now: datetime
) -> Decision:
    """Plan every step, from the split that is there now, which counts as the good one."""
    name, base = facts.asked, facts.routing.traffic
    if not name:
        return Skip(Reason.NO_GOOD_SPLIT, "name the new deployment, not its endpoint")
    if base.get(name) == WHOLE:
        return Skip(Reason.SET_ALREADY, f"{name} has all of the traffic")
    if not base:
        return Skip(Reason.NO_GOOD_SPLIT, "no deployment has traffic to go back to")
    if name in base or facts.routing.mirror:
        return Skip(Reason.IN_USE, f"a roll-out is under way: {facts.routing}")
    if unable := facts.unable({**base, name: 1}):
        return Skip(Reason.NO_GOOD_SPLIT, unable)
    if not facts.is_settled:
        return Hold(Reason.NO_DATA, detail=f"its state is {facts.state or 'not told'}")
    return Act(tuple(_steps(facts, settings)))


def _steps(facts: EndpointFacts, settings: Settings) -> Iterator[Step]:
    """Set and watch, step by step; at last write down that the new split is good."""
    base, name = facts.routing, facts.asked
    at = base
    for routing in _routings(facts, settings):
        yield _traffic(facts, at, routing, base)
        yield Step(Verb.ENDPOINT_GATE, facts.endpoint, _gate(routing, base, name, settings))
        at = routing
    yield _traffic(facts, at, at, at)


def _routings(facts: EndpointFacts, settings: Settings) -> Iterator[Routing]:
    base, new = facts.routing.traffic, facts.deployment(facts.asked)
    if settings.mirror and new is not None and new.is_managed:
        yield Routing(base, {facts.asked: settings.mirror})
    for share in settings.shares:
        yield Routing(with_share(base, facts.asked, share))


def _traffic(facts: EndpointFacts, was: Routing, now: Routing, good: Routing) -> Step:
    args = {"was": was.to_args(), "now": now.to_args(), "good": dict(good.traffic)}
    return Step(Verb.ENDPOINT_TRAFFIC, facts.endpoint, args)


def _gate(now: Routing, back: Routing, name: str, settings: Settings) -> dict[str, Any]:
    return {
        "now": now.to_args(),
        "back": back.to_args(),
        "deployment": name,
        "than": max(back.traffic, key=lambda one: back.traffic[one]),
        "soak_s": settings.soak.total_seconds(),
        "patience_s": settings.patience.total_seconds(),
        "least_requests": settings.least_requests,
        "most_errors": settings.most_errors,
        "most_p95_ms": settings.most_p95_ms,
        "slower": settings.slower,
    }


def recheck(
    plan: Plan, facts: EndpointFacts, settings: Settings, now: datetime
) -> Reason | None:
    """Go on: each step looks itself whether the split is the one that it goes from."""
    return None


_NOW = datetime(2030, 1, 10, 3, tzinfo=UTC)
_WORKSPACE = (
    "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/lab/providers/"
    "Microsoft.MachineLearningServices/workspaces/lab"
)
_ENDPOINT = f"{_WORKSPACE}/onlineEndpoints/score"
_ID = f"{_ENDPOINT}/deployments/green"
_FACTS = EndpointFacts(
    Resource(_ID, ML_DEPLOYMENT, "green", "westeurope", pool=_WORKSPACE),
    _ENDPOINT,
    "succeeded",
    Routing({"blue": 100}),
    (Deployment("blue", "succeeded", 2), Deployment("green", "succeeded", 2)),
    asked="green",
)
_ASKED = Signal(
    type=SignalType.RUNBOOK,
    event_id="r-1",
    source="runbook",
    target=_ID,
    observed_at=_NOW,
)
_BOTH = Routing({"blue": 90, "green": 10})

REMEDIATION = Remediation(
    name="roll_out_deployment",
    summary="Give a new deployment of an online endpoint the traffic, and watch each step.",
    answers=frozenset({SignalType.RESOURCE_CHANGED, SignalType.RUNBOOK}),
    facts=FactsKind.ENDPOINT,
    settings=Settings,
    verbs=frozenset({Verb.ENDPOINT_TRAFFIC, Verb.ENDPOINT_GATE}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example(
            "copies, then 1, 10, 50 and 100 percent, each watched; then that is the good one",
            _ASKED,
            _FACTS,
            _NOW,
            Act(tuple(_steps(_FACTS, Settings()))),
        ),
        Example(
            "blue to green at once, without copies: watched all the same",
            _ASKED,
            _FACTS,
            _NOW,
            Act(tuple(_steps(_FACTS, Settings(mirror=0, shares=(100,))))),
            Settings(mirror=0, shares=(100,)),
        ),
        Example(
            "somebody began already",
            _ASKED,
            replace(_FACTS, routing=_BOTH),
            _NOW,
            Skip(Reason.IN_USE, "a roll-out is under way: blue=90 green=10"),
        ),
        Example(
            "it is not deployed yet",
            _ASKED,
            replace(
                _FACTS,
                deployments=(_FACTS.deployments[0], Deployment("green", "updating")),
            ),
            _NOW,
            Skip(Reason.NO_GOOD_SPLIT, "the deployment green is updating"),
        ),
    ),
)
