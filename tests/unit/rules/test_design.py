"""The rules that the design shows load as they stand there, given their remediations."""

from __future__ import annotations

from dataclasses import make_dataclass, replace
from datetime import timedelta

from shared.core.facts import FactsKind
from shared.core.signals import SignalType
from shared.core.steps import Verb
from shared.core.terms import Canary, Limit, LimitScope, Strikes
from shared.rules.loading import load_rules
from tests.unit.rules.small import SMALL

MINUTE = timedelta(minutes=1)
EXAMPLE = """rules:
  - name: drain-spot-gpu-nodes
    on: vm.preempt
    when: target.tags.workload == "training"
    remediate: drain_node
    with: {pod_grace: 20s}
    mode: auto            # off | observe | suggest | auto     (default: observe)
  - name: gpu-fell-off-the-bus
    on: vm.degraded
    when: 79 in signal.xids
    strikes: {count: 1, within: 1h}
    remediate:
      - drain_node: {deadline: 10m}
      - redeploy_vm: {verify: [has_gpu, power], timeout: 25m}     # next rung when failed
      - replace_node: {}
      - ask_a_person: {}
    guard: {cooldown: 30m, limits: [{scope: pool, percent: 10, min: 1, max: 5}, {scope: target, count: 2, within: 7d}],
            canary: {first: 1, soak: 10m}}
    approval: {when: target.pool.size > 64, expires: 2h}
    tests: [{event: fixtures/xid79.json, expect: act, steps: [drain_node]}]
"""  # noqa: E501 - as the design has it
"""As it stands in the design, but for one signal and two facts that are not known yet."""

SETTINGS = make_dataclass(
    "SETTINGS",
    [
        ("deadline", timedelta, 5 * MINUTE),
        ("pod_grace", timedelta | None, None),
    ],
    frozen=True,
)
ANY = replace(
    SMALL,
    answers=frozenset(SignalType),
    facts=FactsKind.MACHINE,
    verbs=frozenset({Verb.CORDON, Verb.DRAIN}),
)
REMEDIATIONS = {
    "drain_node": replace(ANY, name="drain_node", settings=SETTINGS),
    **{name: replace(ANY, name=name) for name in ("redeploy_vm", "replace_node")},
    "ask_a_person": replace(ANY, name="ask_a_person"),
}


def test_the_example_of_the_design_loads():
    """It is what people are shown first."""
    book = load_rules([{"design.yaml": EXAMPLE}], REMEDIATIONS)
    first, second = book.rules
    assert "auto" == first.mode
    names = ["drain_node", "redeploy_vm", "replace_node", "ask_a_person"]
    assert names == [rung.remediation.name for rung in second.rungs]
    assert 10 * MINUTE == second.settings.deadline
    redeploy = second.ladder[0]
    assert (25 * MINUTE, ["facts.has_gpu", "facts.power"]) == (
        redeploy.timeout,
        [condition.text for condition in redeploy.verify],
    )
    assert (Strikes(1, 60 * MINUTE), Canary(1, 10 * MINUTE, timedelta(days=1))) == (
        second.strikes,
        second.canary,
    )
    assert (
        Limit(LimitScope.POOL, percent=10.0, at_least=1, at_most=5),
        Limit(LimitScope.TARGET, 2, within=timedelta(days=7)),
    ) == second.limits
    assert second.approval is not None
    assert second.approval_when is not None
    assert ("target.pool.size > 64", 120 * MINUTE) == (
        second.approval_when.text,
        second.approval.expires,
    )
    assert ("drain_node",) == second.tests[0].steps
