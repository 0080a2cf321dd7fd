"""Worlds: what a document may say, what is filled in, and how a bad one is refused."""

from typing import Any

import pytest

from sandbox.azure import world
from sandbox.azure.arm_ids import parse

GROUP = "/subscriptions/s/resourceGroups/g"
VM = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/a"
SET = f"{GROUP}/providers/Microsoft.Compute/virtualMachineScaleSets/set"
CLUSTER = f"{GROUP}/providers/Microsoft.ContainerService/managedClusters/c"


def test_a_machine_runs_unless_the_world_says_otherwise() -> None:
    """A world file stays short: it tells what is special."""
    loaded = world.load({"resources": [{"id": VM}]})
    vm = loaded.get(VM.upper())
    assert vm is not None
    codes = [one["code"] for one in vm["properties"]["instanceView"]["statuses"]]
    assert ["ProvisioningState/succeeded", "PowerState/running"] == codes
    assert ("a", "Microsoft.Compute/virtualMachines") == (vm["name"], vm["type"])


def test_a_power_state_that_is_given_is_kept() -> None:
    """A stopped machine must not wake up by being loaded."""
    statuses = [{"code": "PowerState/deallocated"}]
    given = {"id": VM, "properties": {"instanceView": {"statuses": statuses}}}
    vm = world.load({"resources": [given]}).get(VM)
    assert vm is not None
    assert "PowerState/deallocated" == vm["properties"]["instanceView"]["statuses"][-1]["code"]


def test_an_instance_is_named_after_its_scale_set_and_numbered_by_its_id() -> None:
    """As in Azure: the name ends in the number, the id is the number."""
    loaded = world.load({"resources": [{"id": f"{SET}/virtualMachines/7"}]})
    (instance,) = loaded.of_type(
        "Microsoft.Compute/virtualMachineScaleSets/virtualMachines", SET
    )
    assert ("set_7", "7") == (instance["name"], instance["instanceId"])


def test_dropping_a_resource_drops_what_lies_beneath_it() -> None:
    """A deleted scale set leaves no instances behind."""
    loaded = world.load({"resources": [{"id": SET}, {"id": f"{SET}/virtualMachines/0"}]})
    loaded.drop(SET)
    assert {} == loaded.resources
    assert [] == list(loaded.of_type("Microsoft.Compute/virtualMachineScaleSets", GROUP))


def test_a_scope_does_not_reach_into_one_whose_name_begins_alike() -> None:
    """Group ``g`` is not the beginning of group ``g2``."""
    other = VM.replace("/g/", "/g2/")
    loaded = world.load({"resources": [{"id": VM}, {"id": other}]})
    found = loaded.of_type("microsoft.compute/VIRTUALMACHINES", GROUP)
    assert [VM] == [one["id"] for one in found]


def test_loading_what_was_dumped_gives_the_same_world() -> None:
    """The control endpoint's promise."""
    job = {"id": "j", "tasks": [{"id": "t", "state": "completed"}]}
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}}
    first = world.load(
        {
            "settings": {"page_size": 3},
            "resources": [{"id": VM}, {"id": CLUSTER}],
            "metrics": [{"resourceId": VM, "namespace": "n", "name": "m", "constant": 1}],
            "batch": {"acc": {"jobs": [job], "pools": [{"id": "p", "nodes": [{"id": "n"}]}]}},
            "kubernetes": {CLUSTER: {"objects": [node]}},
        }
    ).dump()
    assert first == world.load(first).dump()


@pytest.mark.parametrize(
    ("document", "named"),
    [
        ([], "world: list"),
        ({"resource": []}, "'resource'"),
        ({"resources": {}}, "resources: dict"),
        ({"resources": [{"name": "a"}]}, "resources[0].id"),
        ({"resources": [{"id": "/subscriptions/s/x"}]}, "resources[0].id"),
        ({"resources": [{"id": VM, "name": "b"}]}, "resources[0].name: 'b'"),
        ({"resources": [{"id": VM, "type": "x/y"}]}, "resources[0].type"),
        ({"resources": [{"id": VM}, {"id": VM.upper()}]}, "appears twice"),
        ({"resources": [{"id": VM, "tags": []}]}, "resources[0].tags"),
        ({"settings": {"speed": 1}}, "settings.speed"),
        ({"settings": {"page_size": 0}}, "settings.page_size"),
        ({"settings": {"operation_seconds": "1"}}, "settings.operation_seconds"),
        ({"metrics": [{"resourceId": VM, "namespace": "n"}]}, "metrics[0].name"),
        (
            {"metrics": [{"resourceId": VM, "namespace": "n", "name": "m"}]},
            "exactly one of points, constant, series",
        ),
        (
            {"metrics": [{"resourceId": "r", "namespace": "n", "name": "m", "series": "x"}]},
            "missing, empty, error",
        ),
        ({"batch": {"a": {"job": []}}}, "batch.a.job"),
        ({"batch": {"a": {"jobs": [{}]}}}, "batch.a.jobs[0].id"),
        ({"batch": {"a": {"jobs": [{"id": "j", "state": "x"}]}}}, "batch.a.jobs[0].state"),
        ({"kubernetes": {"c": {}}}, "kubernetes: 'c'"),
        ({"kubernetes": {CLUSTER: {"objects": {}}}}, "objects: dict"),
        (
            {"kubernetes": {CLUSTER: {}, CLUSTER.replace("/g/", "/h/"): {}}},
            "a second cluster",
        ),
    ],
)
def test_a_document_that_cannot_be_right_is_refused_by_place(
    document: Any, named: str
) -> None:
    """Each message says where, what was there, and what belongs there."""
    with pytest.raises(world.WorldError) as refused:
        world.load(document)
    assert named in str(refused.value)


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        (VM, "Microsoft.Compute/virtualMachines", "a"),
        (GROUP, "Microsoft.Resources/resourceGroups", "g"),
        ("/subscriptions/s", "Microsoft.Resources/subscriptions", "s"),
        (
            f"{VM}/providers/Microsoft.Authorization/locks/l",
            "Microsoft.Authorization/locks",
            "l",
        ),
        (
            f"{SET}/virtualMachines/3",
            "Microsoft.Compute/virtualMachineScaleSets/virtualMachines",
            "3",
        ),
    ],
)
def test_an_id_says_its_type_and_name(text: str, kind: str, name: str) -> None:
    """Types of children and of extensions are read from the id's end."""
    parsed = parse(text)
    assert parsed is not None
    assert (kind, name) == (parsed.type, parsed.name)


@pytest.mark.parametrize(
    "text", ["", "/", "vm", "/subscriptions", VM + "/", VM + "/x", "//a/b"]
)
def test_what_is_not_an_id_is_none(text: str) -> None:
    """A collection's path is not a resource's id."""
    assert parse(text) is None
