"""Send an online endpoint's traffic back to the last split that was good.

Only when it is known what is wrong (error rate, latency, or the model's freshness, drift
or groundedness) and which split was good: the tag ``nightshift-good-traffic`` says it
(``blue=90 green=10``), written by every roll-out, or by a person. Anything else is left to
the next rule, which asks a person.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from shared.core.decisions import Act, Decision, Hold, Reason, Skip
from shared.core.facts import EndpointFacts, FactsKind, Resource
from shared.core.ml_endpoints import GOOD_TAG, Deployment, Routing, Split
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.resource_ids import ML_ENDPOINT
from shared.core.signals import Signal, SignalType
from shared.core.steps import Step, Verb

KNOWN = ("errors", "latency", "freshness", "drift", "groundedness")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule may set.

    Attributes:
        symptoms: What must be wrong for the traffic to go back.
    """

    symptoms: tuple[str, ...] = KNOWN

    def __post_init__(self) -> None:
        """Refuse a symptom that no alert is read as."""
        unknown = sorted(set(self.symptoms) - set(KNOWN))
        if unknown or not self.symptoms:
            odd = ", ".join(unknown) or "none"
            raise ValueError(f"symptoms {odd}: write some of {', '.join(KNOWN)}")


def decide(
    signal: Signal, facts: EndpointFacts, settings: Settings, now: datetime
) -> Decision:
    """Go back, if it is known what is wrong and what was good."""
    if facts.good is None:
        return Skip(Reason.NO_GOOD_SPLIT, f"its tag {GOOD_TAG} names none")
    if facts.routing == Routing(facts.good):
        return Skip(Reason.SET_ALREADY, f"it has its last good split: {facts.routing}")
    if signal.type is not SignalType.RUNBOOK:
        unclear = _unclear(signal, facts, facts.good, settings)
        if unclear:
            return Skip(Reason.AMBIGUOUS_SIGNAL, unclear)
    if unable := facts.unable(facts.good):
        return Skip(Reason.NO_GOOD_SPLIT, unable)
    if not facts.is_settled:
        return Hold(Reason.NO_DATA, detail=f"its state is {facts.state or 'not told'}")
    args = {
        "was": facts.routing.to_args(),
        "now": Routing(facts.good).to_args(),
        "good": dict(facts.good),
    }
    return Act((Step(Verb.ENDPOINT_TRAFFIC, facts.endpoint, args),))


def _unclear(signal: Signal, facts: EndpointFacts, good: Split, settings: Settings) -> str:
    """Say why nobody can tell whether going back would help; empty if it would."""
    symptom = str(signal.attributes.get("symptom") or "")
    if symptom not in settings.symptoms:
        return f"the alert says {symptom or 'nothing'} of what is wrong"
    named = str(signal.attributes.get("deployment") or "").casefold()
    if named and good.get(named, 0) >= facts.routing.traffic.get(named, 0) > 0:
        return f"it is about {named}, which the last good split gives no less"
    return ""


def recheck(
    plan: Plan, facts: EndpointFacts, settings: Settings, now: datetime
) -> Reason | None:
    """Go on: that somebody changed the split meanwhile is what the step looks for."""
    return None


_NOW = datetime(2030, 1, 10, 3, tzinfo=UTC)
_WORKSPACE = (
    "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/lab/providers/"
    "Microsoft.MachineLearningServices/workspaces/lab"
)
_ID = f"{_WORKSPACE}/onlineEndpoints/score"
_FACTS = EndpointFacts(
    Resource(_ID, ML_ENDPOINT, "score", "westeurope", pool=_WORKSPACE),
    _ID,
    "succeeded",
    Routing({"blue": 90, "green": 10}),
    (Deployment("blue", "succeeded", 2), Deployment("green", "succeeded", 2)),
    good={"blue": 100},
)
_ALERT = Signal(
    type=SignalType.ENDPOINT_DEGRADED,
    event_id="a-1",
    source="common_alert",
    target=_ID,
    observed_at=_NOW,
    attributes={"symptom": "errors", "deployment": "green"},
)
_BACK = {
    "was": _FACTS.routing.to_args(),
    "now": Routing({"blue": 100}).to_args(),
    "good": {"blue": 100},
}

REMEDIATION = Remediation(
    name="roll_back_traffic",
    summary="Send an online endpoint's traffic back to the last split that was good.",
    answers=frozenset({SignalType.ENDPOINT_DEGRADED, SignalType.RUNBOOK}),
    facts=FactsKind.ENDPOINT,
    settings=Settings,
    verbs=frozenset({Verb.ENDPOINT_TRAFFIC}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example(
            "a tenth fails at the new deployment: all of it goes back",
            _ALERT,
            _FACTS,
            _NOW,
            Act((Step(Verb.ENDPOINT_TRAFFIC, _ID, _BACK),)),
        ),
        Example(
            "answers are no longer grounded, whoever gave them",
            replace(_ALERT, attributes={"symptom": "groundedness", "deployment": ""}),
            _FACTS,
            _NOW,
            Act((Step(Verb.ENDPOINT_TRAFFIC, _ID, _BACK),)),
        ),
        Example(
            "an alert that does not say what is wrong: a person is asked",
            replace(_ALERT, attributes={"symptom": "", "deployment": ""}),
            _FACTS,
            _NOW,
            Skip(Reason.AMBIGUOUS_SIGNAL, "the alert says nothing of what is wrong"),
        ),
        Example(
            "the old deployment is slow: going back would give it more",
            replace(_ALERT, attributes={"symptom": "latency", "deployment": "blue"}),
            _FACTS,
            _NOW,
            Skip(
                Reason.AMBIGUOUS_SIGNAL,
                "it is about blue, which the last good split gives no less",
            ),
        ),
        Example(
            "nobody wrote down which split was good",
            _ALERT,
            replace(_FACTS, good=None),
            _NOW,
            Skip(Reason.NO_GOOD_SPLIT, f"its tag {GOOD_TAG} names none"),
        ),
        Example(
            "the old deployment is gone",
            _ALERT,
            replace(_FACTS, deployments=_FACTS.deployments[1:]),
            _NOW,
            Skip(Reason.NO_GOOD_SPLIT, "there is no deployment blue"),
        ),
    ),
)
