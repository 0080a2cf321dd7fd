"""One small remediation with a setting of each kind, and one rule that names it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import pytest

from shared.core.decisions import Reason, Skip
from shared.core.facts import FactsKind, MachineFacts, Resource, Utilisation
from shared.core.remediation import Example, Remediation
from shared.core.signals import Signal, SignalType
from shared.core.steps import Verb
from shared.rules.book import RuleBook
from shared.rules.loading import load_rules
from shared.rules.problems import RulesRefused

NOW = datetime(2030, 1, 1, 3, tzinfo=UTC)
IDLE = SignalType.COMPUTE_IDLE
VM = (
    "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/lab"
    "/providers/Microsoft.Compute/virtualMachines/dev-1"
)


class Speed(StrEnum):
    """A setting of two words."""

    SLOW = "slow"
    FAST = "fast"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a rule may set.

    Attributes:
        wait: How long to wait,
            at most.
        share: Fraction 0..1.
    """

    wait: timedelta = timedelta(minutes=1)
    share: float = 0.5
    tries: int = 2
    force: bool | None = None
    label: str = ""
    pools: tuple[str, ...] = ()
    speed: Speed = Speed.SLOW

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"share {self.share} is no fraction: write 0 to 1")


SIGNAL = Signal(SignalType.VM_PREEMPT, "e-1", "scheduled_events", VM, NOW)
RESOURCE = Resource(VM, "microsoft.compute/virtualmachines", "dev-1", "westeurope")
BUSY = Utilisation(timedelta(hours=1), 0.9, None, 10.0, 12, 12)
FACTS = MachineFacts(RESOURCE, "running", None, BUSY)

SMALL = Remediation(
    name="small_thing",
    summary="Do a small thing.",
    answers=frozenset({SignalType.VM_PREEMPT, SignalType.COMPUTE_IDLE}),
    facts=FactsKind.MACHINE,
    settings=Settings,
    verbs=frozenset({Verb.CORDON}),
    decide=lambda signal, facts, settings, now: Skip(Reason.BUSY),
    recheck=lambda plan, facts, settings, now: None,
    examples=(Example("it refuses", SIGNAL, FACTS, NOW, Skip(Reason.BUSY)),),
)
REMEDIATIONS = {"small_thing": SMALL}


@dataclass(frozen=True, slots=True)
class Timed:
    """What a rule may set.

    Attributes:
        timeout: A setting that is called as a rung's own key is.
    """

    timeout: timedelta = timedelta(minutes=1)


SEVERAL = {
    **REMEDIATIONS,
    "timed_thing": replace(SMALL, name="timed_thing", settings=Timed),
    "node_thing": replace(SMALL, name="node_thing", facts=FactsKind.NODE),
    "idle_thing": replace(SMALL, name="idle_thing", answers=frozenset({IDLE})),
}

GOOD = """rules:
  - name: small-rule
    on: vm.preempt
    remediate: small_thing
"""


def rule(*lines: str) -> str:
    """Give the good rule with more lines."""
    return GOOD + "".join(f"    {line}\n" for line in lines)


def idle(*lines: str) -> str:
    """Give a rule on something voluntary, with more lines from the fifth on."""
    return rule(*lines).replace("vm.preempt", "compute.idle")


def load(*texts: str, several: bool = False) -> RuleBook:
    """Load texts as layers of one file each: f0.yaml, f1.yaml, ..."""
    layers = [{f"f{index}.yaml": text} for index, text in enumerate(texts)]
    return load_rules(layers, SEVERAL if several else REMEDIATIONS)


def refusal(*texts: str, several: bool = False) -> list[str]:
    """Give the problems' lines of texts that must not load."""
    with pytest.raises(RulesRefused) as refused:
        load(*texts, several=several)
    assert str(refused.value).splitlines() == [str(p) for p in refused.value.problems]
    return str(refused.value).splitlines()
