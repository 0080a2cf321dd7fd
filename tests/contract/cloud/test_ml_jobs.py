"""Azure ML jobs and clusters: what both clouds promise."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from shared.core.errors import Forbidden, InvalidTarget, ProviderUnavailable
from tests.contract.cloud import worlds as w
from tests.contract.cloud.clouds import Cloud, eventually
from tests.contract.cloud.test_azure_refusals import standin_of
from tests.contract.cloud.world_document import document

# azure-ai-ml imports what its own dependencies have deprecated.
pytestmark = pytest.mark.filterwarnings("ignore")


async def test_a_job_is_read_with_why_it_ended(cloud: Cloud) -> None:
    """Its status alone does not tell a preemption from a person's cancel."""
    found = await cloud.learning.job(w.OWL)
    assert found is not None
    assert ("owl", "command", "Canceled") == (found.name, found.kind, found.status)
    assert w.SPOT_CLUSTER.casefold() == found.compute.casefold()
    assert ("llm", False, w.RECENT) == (found.experiment, found.runs_as_user, found.ended_at)
    assert {"nightshift-resumable": "true"} == dict(found.tags)
    assert f"UserError: {w.TAKEN_WORDS}" == found.error


async def test_a_cluster_is_read_with_its_nodes_counted(cloud: Cloud) -> None:
    """Every node preempted and none left is what takes a job its place."""
    found = await cloud.learning.cluster(w.SPOT_CLUSTER)
    assert found is not None
    assert found.is_low_priority
    assert found.is_all_preempted
    assert (1, 4, timedelta(minutes=10), "steady") == (
        found.least,
        found.most,
        found.idle_before_scale_down,
        found.state,
    )
    assert w.SPOT_CLUSTER.casefold() == found.resource.id.casefold()
    assert (w.GPU_SIZE, w.TAGS, 0) == (
        found.resource.size,
        dict(found.resource.tags),
        found.resource.pool_size,
    )


async def test_what_is_no_cluster_or_no_job_is_none(cloud: Cloud) -> None:
    """None on a read, an invalid target on a write."""
    assert await cloud.learning.cluster(w.BUSY_CI) is None
    assert await cloud.learning.cluster(f"{w.WORKSPACE}/computes/nobody") is None
    nobody = f"{w.WORKSPACE}/jobs/nobody"
    assert await cloud.learning.job(nobody) is None
    with pytest.raises(InvalidTarget):
        await cloud.learning.submit_again(nobody, name="other", tags={})


async def test_a_job_submitted_again_is_there_once_and_runs(cloud: Cloud) -> None:
    """The same name a second time is the same job."""
    tags = {"nightshift-resumes": "owl"}
    for _ in range(2):
        await cloud.learning.submit_again(w.OWL, name="owl-again-1", tags=tags)
    again = f"{w.WORKSPACE}/jobs/owl-again-1"
    seen = await eventually(
        lambda: cloud.learning.job(again), lambda j: j is None or j.status != "NotStarted"
    )
    assert seen is not None
    assert seen.status in {"Queued", "Running", "Completed"}
    assert (tags, "command", "llm") == (dict(seen.tags), seen.kind, seen.experiment)
    assert w.SPOT_CLUSTER.casefold() == seen.compute.casefold()
    if cloud.standin is not None:
        counted = cloud.standin.world()["observed"]["job_submissions"]
        assert [1] == list(counted.values())


async def test_a_history_that_cannot_be_read_is_not_known(azure: Cloud) -> None:
    """No proof is not a proof of the opposite; the job's status still counts."""
    standin_of(azure).fault(pattern=r"GET /history/.*", status=403)
    found = await azure.learning.job(w.OWL)
    assert found is not None
    assert ("Canceled", None) == (found.status, found.error)


async def test_a_forbidden_call_names_the_action_that_is_missing(azure: Cloud) -> None:
    """Whoever grants it need not search for it."""
    standin_of(azure).fault(pattern=r"PUT .*/jobs/", status=403)
    with pytest.raises(Forbidden, match="workspaces/jobs/write"):
        await azure.learning.submit_again(w.OWL, name="owl-again-1", tags={})


async def test_a_lost_answer_leaves_one_job(azure: Cloud) -> None:
    """The engine asks again; the name is what keeps it one."""
    standin_of(azure).fault(pattern=r"PUT .*/jobs/", drop_connection=True, after_effect=True)
    with pytest.raises(ProviderUnavailable):
        await azure.learning.submit_again(w.OWL, name="owl-again-1", tags={})
    await azure.learning.submit_again(w.OWL, name="owl-again-1", tags={})
    counted = standin_of(azure).world()["observed"]["job_submissions"]
    assert [1] == list(counted.values())


async def test_the_new_job_keeps_all_that_makes_it_run(azure: Cloud) -> None:
    """Command, environment, compute, experiment and identity are the old one's."""
    await azure.learning.submit_again(w.OWL, name="owl-again-1", tags={"a": "b"})
    old, new = (
        standin_of(azure).resource(f"{w.WORKSPACE}/jobs/{name}")["properties"]
        for name in ("owl", "owl-again-1")
    )
    kept = ("command", "environmentId", "computeId", "experimentName", "jobType", "identity")
    assert {key: old[key] for key in kept} == {key: new[key] for key in kept}


async def test_a_job_that_runs_as_its_user_is_known_as_such(azure: Cloud) -> None:
    """Nobody else can submit it: it would run as somebody else."""
    world = document()
    [owl] = [one for one in world["resources"] if one["id"] == w.OWL]
    owl["properties"]["identity"] = {"identityType": "UserIdentity"}
    standin_of(azure).put_world(world)
    found = await azure.learning.job(w.OWL)
    assert found is not None
    assert found.runs_as_user


def test_a_fake_job_is_not_changed_by_a_test_before() -> None:
    """Each test has a world of its own."""
    from tests.contract.cloud import fake_world

    one, other = fake_world.learning(), fake_world.learning()
    key = w.OWL.casefold()
    one.jobs[key] = replace(one.jobs[key], status="Running")
    assert "Canceled" == other.jobs[key].status
