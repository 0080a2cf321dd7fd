"""Management locks: what both clouds promise the guardrail."""

from __future__ import annotations

from collections import Counter
from urllib.parse import unquote

import pytest

from shared.core.errors import InvalidTarget, ProviderUnavailable
from shared.core.protection import LOCKED_OUT, LockLevel, lock_against
from tests.contract.cloud import worlds as w
from tests.contract.cloud.clouds import Cloud

SUBSCRIPTION = w.VAULT.partition("/resourceGroups")[0]


async def seen(cloud: Cloud, target: str) -> set[tuple[str, str, str]]:
    """Read the locks over a target as name, level and folded scope."""
    found = await cloud.resources.locks(target)
    assert len(found) == len(set(found))
    return {(one.name, one.level.value, one.scope.casefold()) for one in found}


async def test_locks_are_read_at_the_resource_and_above_it(cloud: Cloud) -> None:
    """A lock on the group or the subscription holds for all that is in it."""
    assert {
        ("month-end", "ReadOnly", w.LOCKED_DISK.casefold()),
        ("keep", "CanNotDelete", w.LOCKED_DISK.casefold()),
        ("vault", "CanNotDelete", w.VAULT.casefold()),
        ("all", "CanNotDelete", SUBSCRIPTION),
    } == await seen(cloud, w.LOCKED_DISK)


async def test_a_lock_on_a_neighbour_or_below_is_not_ours(cloud: Cloud) -> None:
    """Nor does it hold for the group that the neighbour is in."""
    assert {"vault", "all"} == {name for name, _, _ in await seen(cloud, w.OPEN_DISK)}
    assert {"vault", "all"} == {name for name, _, _ in await seen(cloud, w.VAULT)}


async def test_case_does_not_matter(cloud: Cloud) -> None:
    """Azure mixes the case of ids from one message to the next."""
    folded = w.LOCKED_DISK.lower().replace("/resourcegroups/", "/resourceGroups/")
    locks = await cloud.resources.locks(folded)
    assert "month-end" in lock_against(LOCKED_OUT, folded, locks)


async def test_where_there_are_none_there_are_none(cloud: Cloud) -> None:
    """Also for an instance in a scale set, and for what does not exist."""
    for target in (w.DEV, w.INSTANCE, w.BUSY_CI, w.MISSING):
        assert () == await cloud.resources.locks(target)


async def test_a_lock_brings_its_notes(cloud: Cloud) -> None:
    """Whoever is refused reads whom to ask."""
    [lock] = [k for k in await cloud.resources.locks(w.LOCKED_DISK) if k.name == "month-end"]
    assert (LockLevel.READ_ONLY, "ask Ada") == (lock.level, lock.notes)


async def test_a_storm_on_one_group_reads_its_locks_once(azure: Cloud) -> None:
    """Within seconds; the reads of one target go out together."""
    assert azure.standin is not None
    azure.standin.request("DELETE", "/_calls")
    for target in (w.LOCKED_DISK, w.OPEN_DISK, w.LOCKED_DISK):
        await azure.resources.locks(target)
    asked = [unquote(one["path"]) for one in azure.standin.calls(containing="/locks?")]
    assert all("atScope()" in one for one in asked)
    first_pages = [one.partition("/providers/Microsoft.Auth")[0] for one in asked]
    once = {w.LOCKED_DISK, w.OPEN_DISK, w.VAULT, SUBSCRIPTION}
    assert once == set(first_pages)
    pages = {w.LOCKED_DISK: 4, w.OPEN_DISK: 2, w.VAULT: 2, SUBSCRIPTION: 1}  # one lock a page
    assert pages == Counter(first_pages)


async def test_locks_that_cannot_be_read_are_an_error(azure: Cloud) -> None:
    """Never an empty list: that would read as permission."""
    assert azure.standin is not None
    azure.standin.fault(pattern="locks", status=503, count=50)
    with pytest.raises(ProviderUnavailable):
        await azure.resources.locks(w.LOCKED_DISK)
    with pytest.raises(InvalidTarget):
        await azure.resources.locks("not an id")
