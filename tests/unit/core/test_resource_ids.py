"""ARM ids, taken apart and compared."""

from __future__ import annotations

import pytest

from shared.core import resource_ids as ids
from shared.core.resource_ids import ResourceId, same_resource
from tests.builders import ACCOUNT, COMPUTE, GROUP, SUBSCRIPTION, VM, WORKSPACE, instance


@pytest.mark.parametrize(
    ("text", "kind", "names"),
    [
        (VM, ids.VM, ("dev-1",)),
        (instance(29), ids.SCALE_SET_VM, ("aks-spot-1-vmss", "29")),
        (COMPUTE, ids.ML_COMPUTE, ("lab", "notebook-1")),
        (f"{ACCOUNT}/jobs/frames", ids.BATCH_JOB, ("render", "frames")),
        (GROUP, "", ()),
        (f"/subscriptions/{SUBSCRIPTION}", "", ()),
        (
            f"{VM}/providers/Microsoft.Maintenance/scheduledEvents/e",
            "microsoft.maintenance/scheduledevents",
            ("e",),
        ),
    ],
)
def test_an_id_is_taken_apart(text: str, kind: str, names: tuple[str, ...]):
    """The last provider says what it is; the names keep their spelling."""
    parsed = ResourceId.parse(text)
    assert (kind, names, SUBSCRIPTION) == (parsed.type, parsed.names, parsed.subscription)


def test_a_parent_is_what_the_type_is_nested_in():
    """An instance is in its scale set, a machine in its group."""
    assert WORKSPACE == ResourceId.parse(COMPUTE).parent
    assert GROUP == ResourceId.parse(VM).parent
    assert "train" == ResourceId.parse(GROUP).name
    assert SUBSCRIPTION == ResourceId.parse(f"/subscriptions/{SUBSCRIPTION}").name


def test_two_ids_are_one_resource_whatever_their_case():
    """Azure mixes the case from one message to the next."""
    assert same_resource(VM, f" {VM.upper()}/ ")
    assert not same_resource(VM, instance(1))
    assert ResourceId.parse(VM).key == ResourceId.parse(VM.upper() + "/").key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "vm-1",
        "subscriptions/s",
        "/subscriptions",
        "/tenants/t",
        "/subscriptions//resourceGroups/g",
        "/subscriptions/s/resourceGroups",
        "/subscriptions/s/providers",
        "/subscriptions/s/providers/Microsoft.Compute/virtualMachines",
        "/subscriptions/s/resourceGroups/g\n/providers/p/t/n",
    ],
)
def test_what_is_no_id_is_refused_with_itself_in_the_message(text: str):
    """A wrong target must be seen for what it was."""
    with pytest.raises(ValueError, match="is not an ARM id"):
        ResourceId.parse(text)
