"""Azure ML extensions: what both clouds promise whoever creates, mends or deletes one."""

from __future__ import annotations

import pytest

from shared.core.errors import Forbidden, InvalidTarget, StaleFacts
from shared.core.ml_extension_facts import ExtensionFacts, MlExtension
from tests.contract.cloud import worlds as w
from tests.contract.cloud.clouds import Cloud, eventually


async def read(cloud: Cloud, target: str = w.EXTENSION) -> ExtensionFacts:
    """Read what must be there."""
    facts = await cloud.extensions.read(target)
    assert facts is not None
    return facts


async def comes_to(cloud: Cloud, state: str, target: str = w.EXTENSION) -> MlExtension:
    """Look until an extension is in a state."""

    def is_so(seen: ExtensionFacts) -> bool:
        return seen.extension is not None and seen.extension.state == state

    facts = await eventually(lambda: read(cloud, target), is_so)
    assert facts.extension is not None
    assert state == facts.extension.state
    return facts.extension


async def test_an_extension_is_seen_with_its_cluster(cloud: Cloud) -> None:
    """The cluster's tags and place speak for it; whether it runs is told."""
    facts = await read(cloud)
    assert facts.extension is not None
    assert ("failed", w.ML_SETTINGS) == (facts.extension.state, dict(facts.extension.settings))
    assert ("managedClusters", 2, "") == (facts.kind, facts.nodes, facts.trouble)
    assert (w.CLUSTER, w.REGION) == (facts.resource.pool, facts.resource.location)


async def test_a_cluster_lists_its_extensions_and_an_arc_cluster_its_trouble(
    cloud: Cloud,
) -> None:
    """What is not connected is not worked with; its tags count."""
    assert [w.EXTENSION] == [one.id for one in (await read(cloud, w.CLUSTER)).extensions]
    facts = await read(cloud, w.ON_ARC)
    assert (None, "the cluster is Offline") == (facts.extension, facts.trouble)
    assert ("connectedClusters", w.TAGS) == (facts.kind, dict(facts.resource.tags))


async def test_a_cluster_that_is_not_there_has_nothing(cloud: Cloud) -> None:
    """Gone is an answer; another kind of thing is an error."""
    assert None is await cloud.extensions.read(f"{w.CLUSTER}-2")
    with pytest.raises(InvalidTarget, match="extensions/NAME"):
        await cloud.extensions.read(w.DEV)


async def test_an_update_changes_what_it_names_and_mends_what_runs(cloud: Cloud) -> None:
    """A component that did not start says why; afterwards it is ready."""
    assert (w.GATEWAY,) == await cloud.cluster.workloads(w.CLUSTER, "azureml")
    await cloud.extensions.update(w.EXTENSION, {"installVolcano": "False"})
    extension = await comes_to(cloud, "succeeded")
    assert {**w.ML_SETTINGS, "installVolcano": "False"} == dict(extension.settings)
    [gateway] = await cloud.cluster.workloads(w.CLUSTER, "azureml")
    assert (1, 1, ()) == (gateway.wanted, gateway.ready, gateway.because)


async def test_an_extension_is_created_and_deleted(cloud: Cloud) -> None:
    """Under way for a while, then there, then gone; deleting twice is no error."""
    await cloud.extensions.create(w.ON_ARC, {"enableTraining": "True"})
    extension = await comes_to(cloud, "succeeded", w.ON_ARC)
    assert {"enableTraining": "True"} == dict(extension.settings)
    await cloud.extensions.delete(w.ON_ARC)
    gone = await eventually(lambda: read(cloud, w.ON_ARC), lambda seen: seen.extension is None)
    assert gone.extension is None
    await cloud.extensions.delete(w.ON_ARC)


async def test_what_azure_refuses_is_told_by_name(azure: Cloud) -> None:
    """With the operation that somebody must grant."""
    assert azure.standin is not None
    fault = {"pattern": "PATCH .*/extensions/azureml", "status": 403}
    azure.standin.request("POST", "/_faults", fault)
    with pytest.raises(Forbidden, match="extensions/write"):
        await azure.extensions.update(w.EXTENSION, {})


async def test_two_changes_at_once_are_refused(azure: Cloud) -> None:
    """The step looks again, and waits for the first."""
    await azure.extensions.update(w.EXTENSION, {})
    with pytest.raises(StaleFacts):
        await azure.extensions.delete(w.EXTENSION)


async def test_only_extensions_are_changed(azure: Cloud) -> None:
    """Whatever a rule or a person asks for."""
    with pytest.raises(InvalidTarget):
        await azure.extensions.delete(w.CLUSTER)
