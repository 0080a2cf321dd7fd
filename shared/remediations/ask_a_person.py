"""Ask a person to look: the last rung of a ladder, and the answer to what no verb mends.

Answers every signal. It tells whoever the rule's ``notify`` names and touches nothing, so
it is what a rule does where acting by itself would be a guess.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from shared.core.decisions import Act, Decision, Reason, Skip
from shared.core.facts import FactsKind, Resource, ResourceFacts
from shared.core.plans import Plan
from shared.core.remediation import Example, Remediation
from shared.core.signals import Signal, SignalType
from shared.core.steps import Step, Verb

LEAST = "Sev4"
_SEVERITIES = ("Sev0", "Sev1", "Sev2", "Sev3", "Sev4")
MESSAGE_AT_MOST = 300


@dataclass(frozen=True, slots=True)
class Settings:
    """What to say, and from which severity on.

    Attributes:
        message: What the person should do, in a sentence.
        severity: The least severe alert to ask about, Sev0 (worst) to Sev4; what is no
            alert has no severity and is always asked about.
    """

    message: str = ""
    severity: str = LEAST

    def __post_init__(self) -> None:
        """Refuse a severity that Azure Monitor does not have.

        Source: https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-common-schema
        """
        if self.severity not in _SEVERITIES:
            raise ValueError(f"severity {self.severity!r}: write {', '.join(_SEVERITIES)}")
        if len(self.message) > MESSAGE_AT_MOST:
            raise ValueError(
                f"the message has {len(self.message)} characters: write at most "
                f"{MESSAGE_AT_MOST}"
            )


def decide(
    signal: Signal, facts: ResourceFacts, settings: Settings, now: datetime
) -> Decision:
    """Tell a person, unless the alert is less severe than the rule asks about."""
    said = str(signal.attributes.get("severity") or "")
    if said in _SEVERITIES and said > settings.severity:
        return Skip(Reason.NOT_SEVERE, f"it is {said}; asked about from {settings.severity}")
    return Act((Step(Verb.TELL, signal.target, {"message": settings.message}),))


def recheck(
    plan: Plan, facts: ResourceFacts, settings: Settings, now: datetime
) -> Reason | None:
    """A question stays a question, whatever the target looks like by now."""
    return None


_NOW = datetime(2030, 1, 1, 3, tzinfo=UTC)
_VM = (
    "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/train/providers/"
    "Microsoft.Compute/virtualMachines/dev-1"
)
_FACTS = ResourceFacts(
    Resource(_VM, "microsoft.compute/virtualmachines", "dev-1", "westeurope")
)
_ALERT = Signal(
    type=SignalType.ALERT_METRIC,
    event_id="a-1",
    source="common_alert",
    target=_VM,
    observed_at=_NOW - timedelta(seconds=5),
    attributes={"severity": "Sev1"},
)

REMEDIATION = Remediation(
    name="ask_a_person",
    summary="Tell a person what was announced, through the rule's channels; touch nothing.",
    answers=frozenset(SignalType),
    facts=FactsKind.RESOURCE,
    settings=Settings,
    verbs=frozenset({Verb.TELL}),
    decide=decide,
    recheck=recheck,
    examples=(
        Example(
            "an alert of severity 1: somebody is told what to look at",
            _ALERT,
            _FACTS,
            _NOW,
            Act((Step(Verb.TELL, _VM, {"message": "look at its boot diagnostics"}),)),
            Settings(message="look at its boot diagnostics"),
        ),
        Example(
            "an alert of severity 3 where people are asked about severity 2 and worse",
            replace(_ALERT, attributes={"severity": "Sev3"}),
            _FACTS,
            _NOW,
            Skip(Reason.NOT_SEVERE, "it is Sev3; asked about from Sev2"),
            Settings(severity="Sev2"),
        ),
    ),
)
