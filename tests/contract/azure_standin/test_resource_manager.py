"""Resource manager's general part, by raw requests: what is served and what refused."""

from typing import Any

import pytest

from tests.contract.azure_standin.running import Standin
from tests.contract.azure_standin.worlds import (
    COMPUTE,
    GROUP,
    SUBSCRIPTION,
    WORKSPACE,
    disk,
    vm,
    vm_id,
    world,
)

VERSION = "api-version=2024-07-01"
LOCKS = "/providers/Microsoft.Authorization/locks"


def lock(scope: str, level: str, name: str = "keep") -> dict[str, Any]:
    return {"id": f"{scope}{LOCKS}/{name}", "properties": {"level": level}}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", vm_id("a"), 400, "MissingApiVersionParameter"),
        ("GET", f"{vm_id('a')}?api-version=latest", 400, "InvalidApiVersionParameter"),
        ("GET", f"{vm_id('a')}?api-version=2010-01-01", 400, "NoRegisteredProviderFound"),
        ("GET", f"{vm_id('b')}?{VERSION}", 404, "ResourceNotFound"),
        ("POST", f"{vm_id('b')}/deallocate?{VERSION}", 404, "ResourceNotFound"),
        ("POST", f"{vm_id('a')}/hibernate?{VERSION}", 405, "MethodNotAllowed"),
        ("GET", f"{vm_id('a')}?{VERSION}&$expand=all", 400, "InvalidParameter"),
        ("GET", f"/subscriptions/nobody?{VERSION}", 404, "SubscriptionNotFound"),
        ("GET", f"/providers/nothing?{VERSION}", 404, "InvalidResourceType"),
    ],
)
def test_a_request_that_azure_would_refuse_is_refused(
    azure_standin: Standin, method: str, path: str, status: int, code: str
) -> None:
    """A double that answered anyway would let a wrong call ship."""
    azure_standin.put_world(world(vm("a")))
    got, body, _ = azure_standin.arm(method, path)
    assert (status, code) == (got, body["error"]["code"]), body


def test_a_refused_version_is_answered_with_those_that_exist(azure_standin: Standin) -> None:
    """Whoever reads the error must see what to write instead."""
    azure_standin.put_world(world(vm("a")))
    _, body, _ = azure_standin.arm("GET", f"{vm_id('a')}?api-version=2010-01-01")
    assert "2026-04-01" in body["error"]["message"]


def test_any_resource_is_read_by_id_whatever_the_case(azure_standin: Standin) -> None:
    """Azure writes resourceGroups in every case there is."""
    odd = {"id": f"{GROUP}/providers/Contoso.Things/boxes/b", "tags": {"x": "y"}}
    group = {"id": GROUP, "tags": {"owner": "ml"}}
    azure_standin.put_world(world(odd, group))
    status, body, _ = azure_standin.arm("GET", f"{odd['id'].upper()}?api-version=2020-01-01")
    _, found, _ = azure_standin.arm("GET", f"{GROUP}?api-version=2021-04-01")
    assert (200, {"x": "y"}) == (status, body["tags"])
    assert {"owner": "ml"} == found["tags"]


def test_lists_are_paged_and_children_do_not_show_among_others(
    azure_standin: Standin,
) -> None:
    """Following nextLink gives everything once."""
    other = WORKSPACE.replace("/lab", "/other")
    computes = [{"id": f"{WORKSPACE}/computes/c{number}"} for number in range(5)]
    strange = {"id": f"{other}/computes/far"}
    azure_standin.put_world(world(*computes, strange, settings={"page_size": 2}))
    path = f"{WORKSPACE}/computes?api-version=2024-10-01"
    names, pages = [], 0
    while path:
        _, body, _ = azure_standin.arm("GET", path)
        names += [one["name"] for one in body["value"]]
        path = body.get("nextLink", "").removeprefix(azure_standin.url)
        pages += 1
    assert (["c0", "c1", "c2", "c3", "c4"], 3) == (names, pages)


def test_resources_of_a_type_are_listed_by_subscription(azure_standin: Standin) -> None:
    """The sweep begins with this list."""
    azure_standin.put_world(world(vm("a"), disk("d")))
    _, disks, _ = azure_standin.arm(
        "GET",
        f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute/disks"
        "?api-version=2024-03-02",
    )
    _, every, _ = azure_standin.arm(
        "GET", f"/subscriptions/{SUBSCRIPTION}/resources?api-version=2021-04-01"
    )
    assert ["d"] == [one["name"] for one in disks["value"]]
    assert ["a", "d"] == [one["name"] for one in every["value"]]


def test_tags_are_merged_and_replaced(azure_standin: Standin) -> None:
    """The opt-out is a tag: tests put it there as a person would."""
    azure_standin.put_world(world(vm("a"), disk("d")))
    path = f"{vm_id('a')}/providers/Microsoft.Resources/tags/default?api-version=2021-04-01"
    change = {"operation": "Merge", "properties": {"tags": {"nightshift": "off"}}}
    _, merged, _ = azure_standin.arm("PATCH", path, change)
    replaced, _, _ = azure_standin.arm(
        "PATCH", f"{COMPUTE}/disks/d?api-version=2024-03-02", {"tags": {"a": "b"}}
    )
    refused, body, _ = azure_standin.arm(
        "PATCH", f"{COMPUTE}/disks/d?api-version=2024-03-02", {"properties": {}}
    )
    expected = {"workload": "training", "nightshift": "off"}
    assert (
        expected == merged["properties"]["tags"] == azure_standin.resource(vm_id("a"))["tags"]
    )
    assert 200 == replaced
    assert (400, True) == (refused, "'properties'" in body["error"]["message"])


def test_locks_are_listed_from_the_scope_upwards(azure_standin: Standin) -> None:
    """A person's lock is a word that wins, wherever above the resource it lies."""
    locks = [
        lock(vm_id("a"), "ReadOnly", "mine"),
        lock(GROUP, "CanNotDelete", "ours"),
        lock(vm_id("b"), "ReadOnly", "theirs"),
    ]
    azure_standin.put_world(world(vm("a"), vm("b"), *locks))
    listed = azure_standin.arm("GET", f"{vm_id('a')}{LOCKS}?api-version=2016-09-01")[1]
    upward = azure_standin.arm(
        "GET", f"{GROUP}{LOCKS}?api-version=2016-09-01&$filter=atScope()"
    )[1]
    assert ["mine", "ours"] == [one["name"] for one in listed["value"]]
    assert ["ours"] == [one["name"] for one in upward["value"]]


def test_a_locked_resource_is_not_changed(azure_standin: Standin) -> None:
    """ReadOnly forbids actions too; CanNotDelete only deletion."""
    locks = [lock(vm_id("a"), "ReadOnly"), lock(vm_id("b"), "CanNotDelete")]
    azure_standin.put_world(world(vm("a"), vm("b"), *locks))
    answers = {
        name: azure_standin.arm(method, f"{vm_id(vm_name)}{action}?{VERSION}")[0]
        for name, method, vm_name, action in (
            ("deallocate a", "POST", "a", "/deallocate"),
            ("delete b", "DELETE", "b", ""),
            ("deallocate b", "POST", "b", "/deallocate"),
        )
    }
    assert {"deallocate a": 409, "delete b": 409, "deallocate b": 202} == answers
