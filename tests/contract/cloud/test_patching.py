"""Update Manager: what both clouds promise whoever assesses or patches a machine."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.core.errors import Forbidden, GiveUp, InvalidTarget, StaleFacts
from tests.contract.cloud import worlds as w
from tests.contract.cloud.clouds import Cloud, eventually

machines = pytest.mark.parametrize("machine", [w.DEV, w.ARC_SERVER], ids=["vm", "arc"])
HOUR = timedelta(hours=1)


async def ask_to_install(cloud: Cloud, machine: str, **changes: str) -> None:
    """Ask for critical and security updates, for an hour."""
    asked = {"os": "linux", "restart": "IfRequired", **changes}
    classes = ("Critical", "Security")
    await cloud.patching.install(machine, longest=HOUR, classes=classes, **asked)


@machines
async def test_a_machine_is_assessed_and_says_what_it_lacks(
    cloud: Cloud, machine: str
) -> None:
    """Never assessed at first; then with a moment and a count."""
    before = await cloud.patching.patches(machine)
    assert before is not None
    assert ("", None, True) == (before.assessment, before.assessed_at, before.is_on)
    await cloud.patching.assess(machine)
    after = await eventually(
        lambda: cloud.patching.patches(machine), lambda one: bool(one and one.assessed_at)
    )
    assert after is not None
    assert ("succeeded", 1) == (after.assessment, after.urgent)


@machines
async def test_what_is_installed_is_missing_no_more(cloud: Cloud, machine: str) -> None:
    """How the installation ended is the machine's own record."""
    await ask_to_install(cloud, machine)
    after = await eventually(
        lambda: cloud.patching.patches(machine),
        lambda one: bool(one and one.installation == "succeeded"),
    )
    assert after is not None
    assert ("succeeded", 1, 0) == (after.installation, after.installed, after.urgent)
    assert after.installation_began is not None


async def test_a_machine_that_is_gone_has_no_facts(cloud: Cloud) -> None:
    """Gone is an answer."""
    assert None is await cloud.patching.patches(w.MISSING)


async def test_nothing_but_a_machine_is_touched(cloud: Cloud) -> None:
    """Whatever a rule or a person asks for."""
    with pytest.raises(InvalidTarget, match="left alone"):
        await cloud.patching.patches(w.WORKSPACE)


async def test_a_machine_that_is_off_is_seen_as_off_and_refused(azure: Cloud) -> None:
    """The service's own last word: the step looks again."""
    seen = await azure.patching.patches(w.OFF)
    assert seen is not None
    assert seen.is_on is False
    with pytest.raises(StaleFacts, match="not running"):
        await azure.patching.assess(w.OFF)


async def test_a_missing_right_is_told_by_name(azure: Cloud) -> None:
    """With the action that somebody must grant."""
    assert azure.standin is not None
    fault = {"pattern": "POST .*/installPatches", "status": 403}
    azure.standin.request("POST", "/_faults", fault)
    with pytest.raises(Forbidden, match="installPatches/action"):
        await ask_to_install(azure, w.DEV)


@pytest.mark.parametrize("changes", [{"os": "beos"}, {"restart": "maybe"}])
async def test_a_body_that_the_service_does_not_know_is_refused(
    azure: Cloud, changes: dict[str, str]
) -> None:
    """The stand-in checks what the service checks."""
    with pytest.raises(GiveUp):
        await ask_to_install(azure, w.DEV, **changes)
