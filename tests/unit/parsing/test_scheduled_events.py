"""Maintenance notices become one signal for each machine, with the platform's deadline."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared.core.json_bounds import show
from shared.core.signals import Phase, Signal, SignalType, Unanswered
from shared.parsing import Malformed, parse_events
from tests.unit.parsing.samples import COMPUTE, GROUP, SCALE_SET, event, events, load

EVENT_ID = "d0e1f2a3-1111-4111-8111-000000000001"


def test_a_spot_eviction_names_the_uniform_instance_and_its_deadline():
    """The 30 seconds start here: machine, moment and phase are all the fast path needs."""
    signal = event("scheduled_events__preempt_uniform_cloudevent")
    expected = Signal(
        type=SignalType.VM_PREEMPT,
        event_id=EVENT_ID,
        source="scheduled_events",
        target=f"{SCALE_SET}/virtualMachines/3",
        observed_at=datetime(2026, 11, 22, 3, 4, 5, 123456, tzinfo=UTC),
        phase=Phase.SCHEDULED,
        deadline=datetime(2026, 11, 22, 3, 4, 35, tzinfo=UTC),
        attributes={
            "event_type": "Preempt",
            "event_source": "Platform",
            "duration_seconds": -1.0,
            "not_before": "2026-11-22T03:04:35Z",
            "notice_id": f"{SCALE_SET}/providers/microsoft.maintenance/scheduledevents/"
            "D0E1F2A3-1111-4111-8111-000000000001",
            "description": "",
            "resources": ["aks-gpuspot-31415926-vmss_3"],
        },
    )
    assert expected == signal


def test_the_cancellation_of_a_notice_is_the_same_incident_in_another_phase():
    """A withdrawn eviction must find the plan that the notice opened, to undo it."""
    first = event("scheduled_events__preempt_uniform_cloudevent")
    second = event("scheduled_events__preempt_canceled_eventgrid")
    assert (first.event_id, first.target) == (second.event_id, second.target)
    assert second.phase is Phase.CANCELED
    assert second.phase.withdraws


def test_a_notice_about_two_machines_is_two_signals_of_one_incident():
    """Each machine is drained for itself; the notice is one."""
    found = events("scheduled_events__freeze_started_two_instances_eventgrid")
    assert [f"{SCALE_SET}/virtualMachines/0", f"{SCALE_SET}/virtualMachines/11"] == [
        one.target for one in found
    ]
    assert 1 == len({one.event_id for one in found})


def test_a_blank_not_before_is_no_deadline():
    """Once started, a notice has no moment left to be early for."""
    for signal in events("scheduled_events__freeze_started_two_instances_eventgrid"):
        assert (None, Phase.STARTED) == (signal.deadline, signal.phase)


def test_an_absent_not_before_is_no_deadline():
    """Started notices may lack the field altogether."""
    signal = event("scheduled_events__redeploy_completed_vm")
    assert (None, Phase.COMPLETED) == (signal.deadline, signal.phase)
    assert f"{COMPUTE}/virtualMachines/vm-train-01" == signal.target


def test_flex_instances_are_machines_of_their_own_even_with_eight_digits():
    """Eight characters make a Flex name, and one in forty of them is all digits."""
    found = events("scheduled_events__reboot_flex_iso_not_before")
    assert [
        f"{COMPUTE}/virtualMachines/flex-train_1a2b3c4d",
        f"{COMPUTE}/virtualMachines/flex-train_20417893",
    ] == [one.target for one in found]


def test_a_deadline_in_iso_form_is_read_like_one_in_rfc_1123():
    """The vendor's mock server writes ISO 8601 where the platform writes RFC 1123."""
    found = events("scheduled_events__reboot_flex_iso_not_before")
    assert datetime(2026, 11, 22, 3, 19, 5, 500000, tzinfo=UTC) == found[0].deadline


def test_a_member_of_an_availability_set_is_found_in_the_sets_resource_group():
    """The notice names the set; the machine is beside it."""
    signal = event("scheduled_events__terminate_availability_set")
    assert SignalType.VM_TERMINATE is signal.type
    assert f"{COMPUTE}/virtualMachines/vm-train-07" == signal.target


def test_an_unknown_event_type_is_an_advisory_without_a_deadline_in_year_one():
    """New kinds of notice appear in preview: they inform, they never drain by guess."""
    signal = event("scheduled_events__unknown_type_is_advisory")
    assert SignalType.VM_ADVISORY is signal.type
    assert "RebalanceRecommendation" == signal.attributes["event_type"]
    assert signal.deadline is None
    assert not signal.is_involuntary


def test_a_uniform_machines_document_gives_signals_for_itself_and_its_siblings():
    """One forwarder speaks for the whole placement group that the platform tells it of."""
    found = events("scheduled_events__in_vm_document_uniform")
    assert [
        (SignalType.VM_PREEMPT, f"{SCALE_SET}/virtualMachines/3"),
        (SignalType.VM_FREEZE, f"{SCALE_SET}/virtualMachines/3"),
        (SignalType.VM_FREEZE, f"{SCALE_SET}/virtualMachines/5"),
    ] == [(one.type, one.target) for one in found]


def test_in_vm_and_control_plane_notices_of_one_eviction_are_one_incident():
    """Both may arrive, in either order: the second must be a duplicate."""
    outside = event("scheduled_events__preempt_uniform_cloudevent")
    inside = events("scheduled_events__in_vm_document_uniform")[0]
    assert (outside.event_id, outside.target) == (inside.event_id, inside.target)


def test_a_flex_machines_document_maps_names_onto_the_resource_group():
    """Seen from a Flex VM, digits at the end of a sibling's name are no instance id."""
    found = events("scheduled_events__in_vm_document_flex")
    assert [
        f"{COMPUTE}/virtualMachines/flex-train_20417893",
        f"{COMPUTE}/virtualMachines/flex-train_1a2b3c4d",
    ] == [one.target for one in found]


def test_a_document_without_notices_is_an_explicit_nothing():
    """The usual document says nothing, and the record says so."""
    (found,) = events("scheduled_events__in_vm_document_empty")
    assert isinstance(found, Unanswered)
    (bare,) = parse_events('{"DocumentIncarnation": 1, "Events": []}')
    assert isinstance(bare, Unanswered)


def test_a_bad_notice_in_a_document_does_not_lose_the_eviction_beside_it():
    """A preview field in one notice must not cost a drain."""
    bad, good = events("scheduled_events__in_vm_document_one_bad_notice")
    assert isinstance(bad, Malformed)
    assert "$.data.document.Events[0].EventStatus: was 'Pondered'" in bad.why
    assert SignalType.VM_PREEMPT is good.type
    batch = [{}, load("scheduled_events__in_vm_document_one_bad_notice")]
    assert [0, 1] == [one.index for one in parse_events(batch) if isinstance(one, Malformed)]


def test_a_bare_document_is_refused_with_what_it_lacks():
    """Names alone name no machine: two scale sets may both have instance 3."""
    (found,) = events("scheduled_events__bare_document")
    assert isinstance(found, Malformed)
    assert '{"vmId": ARM id, "document": {...}}' in found.why


def test_a_wrapped_document_posted_without_an_envelope_is_read():
    """The wrapper carries all that is needed: who, and when."""
    found = events("scheduled_events__bare_wrapper")
    assert f"{SCALE_SET}/virtualMachines/3" == found[0].target
    assert datetime(2026, 11, 22, 3, 4, 6, tzinfo=UTC) == found[0].observed_at


def test_a_wrapped_document_without_a_moment_takes_the_one_it_was_received_at():
    """The parser has no clock: its caller has."""
    body = load("scheduled_events__bare_wrapper")
    del body["observedAt"]
    (refused,) = parse_events(body)
    assert "$.observedAt: is missing" in refused.why
    now = datetime(2026, 11, 22, 3, 4, 7, tzinfo=UTC)
    assert now == parse_events(body, received_at=now)[0].observed_at


@pytest.mark.parametrize(
    "event_type",
    ["Microsoft.Maintenance/scheduledevents/write", "MICROSOFT.MAINTENANCE.SCHEDULEDEVENTS"],
)
def test_the_other_names_the_vendor_gives_the_event_are_accepted(event_type):
    """The vendor's table and sample disagree on the event type."""
    body = load("scheduled_events__preempt_uniform_cloudevent") | {"type": event_type}
    expected = event("scheduled_events__preempt_uniform_cloudevent")
    assert (expected,) == parse_events(body)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("AKS-GPUSPOT-31415926-VMSS_12", f"{SCALE_SET}/virtualMachines/12"),
        (
            "vm-other",
            f"{SCALE_SET.split('/virtualMachineScaleSets')[0]}/virtualMachines/vm-other",
        ),
        (f"{COMPUTE}/virtualMachines/vm-9/", f"{COMPUTE}/virtualMachines/vm-9"),
    ],
)
def test_each_form_of_a_machines_name_finds_its_id(name, target):
    """Case is folded, foreign names are VMs beside the scale set, ids are taken as ids."""
    body = load("scheduled_events__preempt_uniform_cloudevent")
    body["data"]["resourceInfo"]["properties"]["Resources"] = [name, name]
    expected = replace(
        event("scheduled_events__preempt_uniform_cloudevent"), target=target, attributes={}
    )
    assert (expected,) == tuple(replace(s, attributes={}) for s in parse_events(body))


@pytest.mark.parametrize("value", ["tomorrow", 5, {"at": "noon"}, "2030-13-45T99:00:00Z"])
def test_a_moment_that_cannot_be_read_is_none_and_is_told(value):
    """The machine goes at that moment all the same: acted on at once, and not put aside."""
    body = load("scheduled_events__preempt_uniform_cloudevent")
    body["data"]["resourceInfo"]["properties"]["NotBefore"] = value
    (found,) = parse_events(body)
    assert isinstance(found, Signal)
    assert (SignalType.VM_PREEMPT, Phase.SCHEDULED, None, None) == (
        found.type,
        found.phase,
        found.deadline,
        found.attributes["not_before"],
    )
    assert show(value) == found.attributes["not_before_unread"]


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("EventStatus", "Pondered", "Started, Completed, Canceled or Gone"),
        ("Resources", [], "should be names of machines, at least one"),
        ("Resources", ["a/b"], "should be names of machines"),
        ("Resources", "vmss_3", "should be an array"),
        ("EventId", "", "EventId: was '', should be a text"),
        ("EventType", None, "EventType: is missing"),
    ],
)
def test_a_notice_that_cannot_be_understood_says_which_field_and_why(field, value, why):
    """A quarantined notice must explain itself to the person who reads it."""
    body = load("scheduled_events__preempt_uniform_cloudevent")
    body["data"]["resourceInfo"]["properties"][field] = value
    (found,) = parse_events(body)
    assert isinstance(found, Malformed)
    assert why in found.why


@pytest.mark.parametrize(
    "owner",
    [
        "/subscriptions/s",
        f"{COMPUTE}/disks/d",
        "vm-train-01",
        f"{COMPUTE}/virtualMachines",
        f"{GROUP}/providers/virtualMachines/v/providers/microsoft.maintenance/scheduledevents/e",
    ],
)
def test_a_notice_about_anything_but_machines_is_refused(owner):
    """The id decides where the names are looked for: a wrong one would find wrong machines."""
    body = load("scheduled_events__preempt_uniform_cloudevent")
    body["data"]["resourceInfo"]["id"] = owner
    (found,) = parse_events(body)
    assert isinstance(found, Malformed)
    assert "$.data.resourceInfo.id" in found.why


def test_a_notice_of_a_vm_that_names_nobody_is_about_that_vm():
    """The id says it already."""
    body = load("scheduled_events__redeploy_completed_vm")
    del body["data"]["resourceInfo"]["properties"]["Resources"]
    (found,) = parse_events(body)
    assert f"{COMPUTE}/virtualMachines/vm-train-01" == found.target


def test_a_notice_that_disappears_before_its_time_was_withdrawn():
    """Announced evictions are sometimes taken back: what was begun for it is undone."""
    signal = event("scheduled_events__in_vm_document_gone_scheduled")
    assert (Phase.CANCELED, None) == (signal.phase, signal.deadline)


def test_a_notice_that_disappears_after_its_start_came_to_pass():
    """The endpoint inside a machine never says so: the machine may go back to work."""
    signal = event("scheduled_events__in_vm_document_gone_started")
    assert (Phase.COMPLETED, None) == (signal.phase, signal.deadline)


@pytest.mark.parametrize(
    "sign",
    [
        {"StartRequested": True},
        {"Rebooted": True},
        {"NotBefore": "Sun, 22 Nov 2026 03:04:20 GMT"},
        {"LastStatus": "started"},
    ],
    ids=lambda sign: next(iter(sign)),
)
def test_a_start_that_nobody_saw_is_no_withdrawal(sign):
    """A poll a second misses a short start; undoing a drain would then put back nothing."""
    body = load("scheduled_events__in_vm_document_gone_scheduled")
    body["data"]["document"]["Events"][0].update(sign)
    (found,) = parse_events(body)
    assert Phase.COMPLETED is found.phase


def test_how_a_hook_ended_is_told_of_the_machine_on_which_it_ran():
    """The notice names others, too; nothing ran there."""
    body = load("scheduled_events__in_vm_document_flex")
    body["data"]["hookExitCode"] = 3
    found = parse_events(body)
    own = body["data"]["vmId"].casefold()
    assert found
    assert {(own, 3)} == {(s.target.casefold(), s.attributes["hook_exit_code"]) for s in found}


@pytest.mark.parametrize("code", [True, "0", 1.5, 256, -256, [0]])
def test_what_is_no_exit_code_is_refused(code):
    """A checkpoint that nobody took must not be believed."""
    body = load("scheduled_events__in_vm_document_flex")
    body["data"]["hookExitCode"] = code
    (bad,) = parse_events(body)
    assert isinstance(bad, Malformed)
    assert "hookExitCode" in bad.why
