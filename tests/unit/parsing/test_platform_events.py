"""Health, resource, Azure ML, AKS and maintenance configuration events."""

import json
from datetime import UTC, datetime

import pytest

from shared.core.signals import Phase, SignalType
from shared.parsing import Malformed, parse_events
from tests.unit.parsing.samples import CLUSTER, SCALE_SET, VM, WORKSPACE, event, load


def test_availability_says_from_which_state_to_which():
    """Conditions look at both: coming back is not going away."""
    signal = event("health_resources__availability_changed")
    assert SignalType.VM_AVAILABILITY_CHANGED is signal.type
    assert VM == signal.target
    assert ("Available", "Unavailable") == (
        signal.attributes["previous"],
        signal.attributes["current"],
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("VirtualMachineMigrationScheduledForDegradedHardware", SignalType.VM_DEGRADED),
        ("VirtualMachinePossiblyDegradedDueToHardwareFailure", SignalType.VM_DEGRADED),
        ("VirtualMachineScheduledForServiceHealing", SignalType.VM_DEGRADED),
        ("VirtualMachinePreempted", SignalType.VM_PREEMPTED),
        ("VirtualMachineHostCrashed", SignalType.VM_HEALTH_ANNOTATED),
        ("VirtualMachineDeallocationInitiated", SignalType.VM_HEALTH_ANNOTATED),
    ],
)
@pytest.mark.parametrize("context", ["Platform Initiated", "Customer Initiated", None])
def test_an_annotation_is_told_by_its_name_alone(name, expected, context):
    """The context is spelled in three ways, and must not decide."""
    body = load("health_resources__degraded_hardware")
    body["data"]["resourceInfo"]["properties"] |= {"annotationName": name, "context": context}
    (signal,) = parse_events(body)
    assert expected is signal.type


def test_degraded_hardware_is_about_the_target_resource_since_it_occurred():
    """``resourceInfo.id`` is the annotation's own, and the vendor's sample has it wrong."""
    signal = event("health_resources__degraded_hardware")
    assert (VM, "6a1e0000-0000-4000-8000-000000000031") == (signal.target, signal.event_id)
    assert datetime(2026, 11, 22, 3, 0, 0, 924507, tzinfo=UTC) == signal.observed_at
    assert signal.attributes["is_platform_initiated"]


def test_an_eviction_that_has_happened_names_the_scale_sets_instance():
    """Too late to drain; the instance is what was lost."""
    signal = event("health_resources__preempted")
    assert SignalType.VM_PREEMPTED is signal.type
    assert f"{SCALE_SET}/virtualMachines/3" == signal.target


def test_a_persons_own_deallocation_is_not_degraded_hardware():
    """What a user did is annotated as well, and needs no remedy."""
    signal = event("health_resources__deallocated_by_customer")
    assert SignalType.VM_HEALTH_ANNOTATED is signal.type
    assert not signal.attributes["is_platform_initiated"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("vm_write_success", ("write", "success", "Succeeded", "ServicePrincipal")),
        ("vm_action_failure", ("action", "failure", "Failed", "User")),
        ("disk_delete_cancel", ("delete", "cancel", "Canceled", "")),
    ],
)
def test_a_resource_change_says_what_was_done_how_it_ended_and_by_what(name, expected):
    """The authorization comes as an object, as JSON in a text, or not at all."""
    signal = event(f"resource_events__{name}")
    said = signal.attributes
    assert SignalType.RESOURCE_CHANGED is signal.type
    assert expected == (
        said["change"],
        said["result"],
        said["status"],
        said["principal_type"],
    )


def test_claims_and_principals_of_a_resource_change_are_not_kept():
    """The ledger is read by more people than the token was issued to."""
    for name in ("vm_write_success", "vm_action_failure"):
        kept = json.dumps(dict(event(f"resource_events__{name}").attributes))
        assert "NOT-KEPT" not in kept
        assert "192.0.2.7" not in kept


@pytest.mark.parametrize(
    ("name", "expected", "attribute", "value"),
    [
        ("run_completed", SignalType.AML_RUN_CHANGED, "run_status", "Completed"),
        ("run_failed", SignalType.AML_RUN_CHANGED, "run_status", "Failed"),
        ("model_registered", SignalType.AML_MODEL_CHANGED, "model_version", "12"),
        ("model_deployed", SignalType.AML_MODEL_CHANGED, "deployment", "chat-endpoint"),
        ("data_drift", SignalType.AML_DATA_DRIFT, "coefficient", 0.83675),
    ],
)
def test_azure_ml_events_are_about_the_workspace(name, expected, attribute, value):
    """Their field names come in two spellings; a run is a target of its own."""
    signal = event(f"machine_learning__{name}")
    target = f"{WORKSPACE}/jobs/quiet_owl_7h2k" if attribute == "run_status" else WORKSPACE
    assert (expected, target) == (signal.type, signal.target)
    assert value == signal.attributes[attribute]


@pytest.mark.parametrize(
    ("name", "phase", "attribute", "value"),
    [
        ("node_pool_rolling_failed", Phase.FAILED, "node_pool", "gpuspot"),
        ("cluster_support_ending", Phase.FIRED, "kubernetes_version", "1.30.9"),
        ("new_kubernetes_version", Phase.FIRED, "latest_stable", "1.33.5"),
    ],
)
def test_aks_events_are_about_the_cluster(name, phase, attribute, value):
    """The source of the event is the cluster."""
    signal = event(f"aks__{name}")
    assert (SignalType.AKS_EVENT, CLUSTER, phase) == (signal.type, signal.target, signal.phase)
    assert value == signal.attributes[attribute]


def test_an_aks_notice_has_nanoseconds_and_a_year_one():
    """Its times are .NET's: more digits than Python takes, and year 1 for "not yet"."""
    signal = event("aks__scheduled_event_scheduled")
    assert datetime(2026, 11, 29, 22, 17, 12, 103268, tzinfo=UTC) == signal.deadline
    assert signal.attributes["started_at"] is None
    assert "d0e1f2a3-2222-4222-8222-000000000001" == signal.event_id


def test_an_aks_notice_under_the_machines_event_type_is_still_an_aks_notice():
    """They once shared one event type: the resource's type tells them apart."""
    signal = event("aks__scheduled_event_under_maintenance_type")
    assert (SignalType.AKS_EVENT, Phase.FAILED) == (signal.type, signal.phase)
    assert CLUSTER.casefold() == signal.target.casefold()


def test_the_events_before_and_after_a_maintenance_window_are_two_incidents():
    """Both carry the window's id: without the type one would be the other's duplicate."""
    before = event("maintenance_configuration__pre")
    after = event("maintenance_configuration__post")
    assert before.event_id != after.event_id
    assert before.event_id.split(":", 1)[1] == after.event_id.split(":", 1)[1]
    assert (Phase.SCHEDULED, Phase.COMPLETED) == (before.phase, after.phase)
    assert datetime(2026, 11, 22, 5, tzinfo=UTC) == before.deadline


@pytest.mark.parametrize(
    ("name", "path", "should"),
    [
        ("machine_learning__run_completed", "topic", "the workspace's ARM id"),
        ("aks__cluster_support_ending", "topic", "the cluster's ARM id"),
    ],
)
def test_an_event_whose_source_is_no_resource_is_refused(name, path, should):
    """Without the resource there is nothing to act on."""
    (found,) = parse_events(load(name) | {path: "somewhere"})
    assert isinstance(found, Malformed)
    assert should in found.why


def test_a_health_event_without_a_target_is_refused_with_the_path():
    """The path leads a person to the field."""
    body = load("health_resources__preempted")
    body["data"]["resourceInfo"]["properties"]["targetResourceId"] = "vm-train-01"
    (found,) = parse_events(body)
    expected = (
        "$.data.resourceInfo.properties.targetResourceId: was 'vm-train-01', "
        "should be an ARM id (/subscriptions/...)"
    )
    assert expected == found.why
