"""One valid value of each kind; ``replace()`` changes one field of it.

``tests.shift`` plays the host over a world made of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.core.facts import AksNode, ManagedDisk, Resource, Utilisation
from shared.core.guardrails import Context
from shared.core.pauses import Pause, Scope
from shared.core.plans import Mode, Plan, StepRecord, plan_id
from shared.core.pods import Pod
from shared.core.resource_ids import ResourceId
from shared.core.signals import Phase, Signal, SignalType
from shared.core.steps import Step, Verb
from shared.remediations import discover
from shared.rules.book import Rule
from shared.rules.conditions import compile_condition
from tests.fakes.cloud import FakeMachine, FakeTask

NOW = datetime(2030, 1, 1, 3, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/train"
SCALE_SET = f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/aks-spot-1-vmss"
CLUSTER = f"{GROUP}/providers/Microsoft.ContainerService/managedClusters/train"
ACCOUNT = f"{GROUP}/providers/Microsoft.Batch/batchAccounts/render"
WORKSPACE = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/lab"
VM = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/dev-1"
COMPUTE = f"{WORKSPACE}/computes/notebook-1"
REMEDIATIONS = discover()


def instance(number: int) -> str:
    """Name an instance of the spot scale set."""
    return f"{SCALE_SET}/virtualMachines/{number}"


def disk(name: str) -> ManagedDisk:
    """Make a managed disk."""
    return ManagedDisk(f"{GROUP}/providers/Microsoft.Compute/disks/{name}", "westeurope", "os")


def a_resource(resource_id: str, *, tags: Mapping[str, str] | None = None) -> Resource:
    """Make a resource; a machine's size has a GPU."""
    parsed = ResourceId.parse(resource_id)
    return Resource(
        id=resource_id,
        type=parsed.type,
        name=parsed.name,
        location="westeurope",
        tags=tags or {},
        size="Standard_NC24ads_A100_v4",
    )


def a_node(number: int) -> AksNode:
    """Make the node on an instance of the scale set."""
    return AksNode(
        name=f"aks-spot-1-vmss{number:06}",
        cluster=CLUSTER,
        provider_id=f"azure://{instance(number)}",
        is_unschedulable=False,
        is_ready=True,
    )


def a_pod(name: str = "worker-0", **fields: Any) -> Pod:
    """Make a replicated pod with thirty seconds of grace; its uid is its name."""
    return Pod(
        **{
            "namespace": "jobs",
            "name": name,
            "uid": name,
            "controller": "ReplicaSet",
            **fields,
        }
    )


def a_machine(vm: str = VM, *disks: str, tags: Mapping[str, str] | None = None) -> FakeMachine:
    """Make a running machine."""
    return FakeMachine(a_resource(vm, tags=tags), disks=tuple(disk(name) for name in disks))


def quiet(window: timedelta = HOUR) -> Utilisation:
    """Make an hour in which a machine did nothing."""
    return Utilisation(
        window, cpu=0.01, gpu=0.0, network=900.0, samples=12, expected_samples=12
    )


def a_failed_task(name: str = "frame-7", *, ended_at: datetime = NOW - MINUTE) -> FakeTask:
    """Make a task that ended with exit code 1."""
    return FakeTask(name, exit_code=1, category="UserError", ended_at=ended_at)


def a_notice(number: int = 29, **fields: Any) -> Signal:
    """Make the notice of a spot eviction in thirty seconds."""
    values: dict[str, Any] = {
        "type": SignalType.VM_PREEMPT,
        "event_id": "e-1",
        "source": "scheduled_events",
        "target": instance(number),
        "observed_at": NOW,
        "phase": Phase.SCHEDULED,
        "deadline": NOW + 30 * SECOND,
    }
    return Signal(**{**values, **fields})


def a_reboot(number: int = 29, **fields: Any) -> Signal:
    """Make the notice of a reboot in fifteen minutes."""
    values = {"type": SignalType.VM_REBOOT, "deadline": NOW + 15 * MINUTE}
    return a_notice(number, **{**values, **fields})


def canceled(signal: Signal) -> Signal:
    """Take a notice back."""
    return replace(signal, phase=Phase.CANCELED, deadline=None)


def started(signal: Signal) -> Signal:
    """Let the platform begin; the notice then has no moment any more."""
    return replace(signal, phase=Phase.STARTED, deadline=None)


def an_alert(**fields: Any) -> Signal:
    """Make an alert on a Batch account whose window began five minutes ago."""
    values: dict[str, Any] = {
        "type": SignalType.BATCH_TASKS_FAILED,
        "event_id": "a-1",
        "source": "common_alert",
        "target": ACCOUNT,
        "observed_at": NOW,
        "attributes": {"window_start": "2030-01-01T02:55:00Z"},
    }
    return Signal(**{**values, **fields})


def a_degradation(**fields: Any) -> Signal:
    """Make the annotation of a machine on failing hardware."""
    values: dict[str, Any] = {
        "type": SignalType.VM_DEGRADED,
        "event_id": "h-1",
        "source": "health_resources",
        "target": VM,
        "observed_at": NOW,
    }
    return Signal(**{**values, **fields})


def a_tick(**fields: Any) -> Signal:
    """Make what the idle tick asks about one machine."""
    values: dict[str, Any] = {
        "type": SignalType.COMPUTE_IDLE,
        "event_id": "tick-idle-20300101T0300",
        "source": "tick",
        "target": VM,
        "observed_at": NOW,
        "is_recurring": True,
    }
    return Signal(**{**values, **fields})


def a_rule(
    remediation: str = "drain_node",
    *,
    name: str = "",
    when: str = "true",
    mode: Mode = Mode.AUTO,
    cooldown: timedelta = timedelta(0),
    terms: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Rule:
    """Make a rule that acts on everything its remediation answers, without limits.

    Args:
        terms: What else it demands: fields of ``Rule``.
    """
    known = REMEDIATIONS[remediation]
    return Rule(
        name=name or remediation.replace("_", "-"),
        on=known.answers - {SignalType.RUNBOOK},
        condition=compile_condition(when),
        remediation=known,
        settings=known.settings(**settings),
        mode=mode,
        cooldown=cooldown,
        hash="0123456789abcdef",
        source="rules/test.yaml:1",
        **{"limits": (), **(terms or {})},
    )


def a_plan(*verbs: Verb, **fields: Any) -> Plan:
    """Make an open plan, waiting to be taken; cordon and drain unless verbs are given."""
    steps = verbs or (Verb.CORDON, Verb.DRAIN)
    values: dict[str, Any] = {
        "id": plan_id("drain-node", "e-1", instance(29)),
        "rule": "drain-node",
        "rule_hash": "0123456789abcdef",
        "remediation": "drain_node",
        "mode": Mode.AUTO,
        "target": instance(29),
        "signal": {"type": "vm.preempt", "event_id": "e-1"},
        "steps": tuple(StepRecord(Step(verb, instance(29))) for verb in steps),
        "created_at": NOW,
        "deadline": NOW + 30 * SECOND,
        "wake_at": NOW,
    }
    return Plan(**{**values, **fields})


def a_pause(scope: str = "global", **fields: Any) -> Pause:
    """Make a pause of an hour that Ada set a minute ago."""
    values: dict[str, Any] = {
        "id": "pause-1",
        "scope": Scope.parse(scope),
        "owner": "ada",
        "reason": "the storage array is being moved",
        "created_at": NOW - MINUTE,
        "expires_at": NOW + HOUR,
    }
    return Pause(**{**values, **fields})


def a_context(**fields: Any) -> Context:
    """Make a context in which every guardrail says yes."""
    values: dict[str, Any] = {
        "now": NOW,
        "rule": "deallocate-idle",
        "signal": a_tick(),
        "mode": Mode.AUTO,
    }
    return Context(**{**values, **fields})
