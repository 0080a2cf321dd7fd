"""The Batch data plane, through the real azure-batch client."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from azure.batch.aio import BatchClient
from azure.batch.models import BatchNodeDisableSchedulingOptions
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from tests.contract.azure_standin.running import Standin
from tests.contract.azure_standin.worlds import BATCH_ACCOUNT, world

FAILED = "state eq 'completed' and executionInfo/result eq 'failure'"


def task(name: str, **rest: Any) -> dict[str, Any]:
    return {"id": name, **rest}


def failed(name: str, ended: str = "2026-11-22T01:00:00Z", **rest: Any) -> dict[str, Any]:
    info = {"exitCode": 3, "result": "failure", "retryCount": 2, "endTime": ended}
    return {"id": name, "state": "completed", "executionInfo": info, **rest}


def batch_world(*tasks: dict[str, Any], job_state: str = "active", **settings: Any) -> Any:
    job = {"id": "frames", "state": job_state, "tasks": list(tasks)}
    other = {"id": "old", "state": "completed", "tasks": []}
    node = {"id": "tvm-1", "vmSize": "standard_nc6s_v3"}
    pools = [{"id": "gpu", "vmSize": "standard_nc6s_v3", "nodes": [node]}]
    return world(
        {"id": BATCH_ACCOUNT, "location": "westeurope"},
        batch={"renders": {"jobs": [job, other], "pools": pools}},
        settings=settings,
    )


@pytest.fixture
async def batch(
    azure_standin: Standin, credential: Any, transport: dict[str, Any]
) -> AsyncIterator[BatchClient]:
    """A client for the address that resource manager gives, as an adapter finds it."""
    azure_standin.put_world(batch_world())
    _, account, _ = azure_standin.arm("GET", f"{BATCH_ACCOUNT}?api-version=2024-07-01")
    endpoint = "https://" + account["properties"]["accountEndpoint"]
    async with BatchClient(endpoint, credential, retry_total=0, **transport) as client:
        yield client


async def test_failed_tasks_are_found_by_filter_in_pages(
    azure_standin: Standin, batch: BatchClient
) -> None:
    """Only what failed is fetched, and only the properties that are needed."""
    tasks = [failed(f"f{number}") for number in range(5)]
    good = {"id": "good", "state": "completed", "executionInfo": {"exitCode": 0}}
    azure_standin.put_world(batch_world(*tasks, good, task("waiting"), page_size=2))
    found = [
        one
        async for one in batch.list_tasks(
            "frames", filter=FAILED, select=["id", "state", "executionInfo"]
        )
    ]
    assert [f"f{number}" for number in range(5)] == [one.id for one in found]
    assert 3 == found[0].execution_info.exit_code
    assert found[0].command_line is None
    assert 3 == len(azure_standin.calls(containing="/tasks?"))


async def test_tasks_that_ended_before_a_moment_are_left_out(
    azure_standin: Standin, batch: BatchClient
) -> None:
    """An alert's window begins somewhere; older failures are not its business."""
    early, late = failed("early"), failed("late", ended="2026-11-22T03:00:00Z")
    azure_standin.put_world(batch_world(early, late))
    since = FAILED + " and executionInfo/endTime ge datetime'2026-11-22T02:00:00Z'"
    assert ["late"] == [one.id async for one in batch.list_tasks("frames", filter=since)]


async def test_jobs_are_filtered_by_state_and_read_one_by_one(
    azure_standin: Standin, batch: BatchClient
) -> None:
    """Completed jobs are not looked into."""
    active = [one.id async for one in batch.list_jobs(filter="state eq 'active'")]
    assert ["frames"] == active
    assert "completed" == (await batch.get_job("old")).state.value
    with pytest.raises(ResourceNotFoundError) as refused:
        await batch.get_job("gone")
    assert "JobNotFound" in str(refused.value)


@pytest.mark.parametrize(("after", "result"), [("success", "success"), ("failure", "failure")])
async def test_a_reactivated_task_loses_its_past_and_completes_anew(
    azure_standin: Standin, batch: BatchClient, after: str, result: str
) -> None:
    """Exit information is wiped at once: whoever wants it must save it before."""
    azure_standin.put_world(
        batch_world(failed("a", _after_reactivation=after), task_seconds=2)
    )
    await batch.reactivate_task("frames", "a")
    between = await batch.get_task("frames", "a")
    await asyncio.sleep(2.3)
    later = await batch.get_task("frames", "a")
    assert ("active", None, 0) == (
        between.state.value,
        between.execution_info.exit_code,
        between.execution_info.retry_count,
    )
    assert ("completed", result) == (later.state.value, later.execution_info.result.value)
    assert {"renders/frames/a": 1} == azure_standin.world()["observed"]["reactivations"]


@pytest.mark.parametrize(
    ("world_document", "code"),
    [
        (batch_world(task("a")), "TaskNotCompleted"),
        (batch_world(task("a", state="completed")), "TaskSucceeded"),
        (batch_world(failed("a"), job_state="completed"), "JobCompleted"),
        (batch_world(failed("a"), job_state="terminating"), "JobBeingTerminated"),
        (batch_world(failed("a"), job_state="deleting"), "JobBeingDeleted"),
    ],
)
async def test_what_cannot_be_reactivated_is_refused_with_409(
    azure_standin: Standin, batch: BatchClient, world_document: Any, code: str
) -> None:
    """Reactivating a task that succeeded would compute, and pay for, it twice."""
    azure_standin.put_world(world_document)
    with pytest.raises(HttpResponseError) as refused:
        await batch.reactivate_task("frames", "a")
    assert 409 == refused.value.status_code
    assert code in str(refused.value)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"filter": "nodeInfo/nodeId eq 'x'"}, "nodeInfo/nodeId"),
        ({"filter": "state gt 'active'"}, "not 'gt'"),
        ({"filter": "(state eq 'active')"}, "'('"),
        ({"filter": "executionInfo/endTime ge '2026-01-01'"}, "datetime"),
        ({"filter": "state eq"}, "ends too early"),
        ({"max_page_size": 1001}, "maxresults"),
    ],
)
async def test_a_list_query_that_the_service_would_refuse_is_refused(
    azure_standin: Standin, batch: BatchClient, query: dict[str, Any], reason: str
) -> None:
    """A filter that is silently ignored would reactivate the wrong tasks."""
    azure_standin.put_world(batch_world(failed("a")))
    extra = {"params": {"maxresults": "1001"}} if "max_page_size" in query else query
    with pytest.raises(HttpResponseError) as refused:
        [one async for one in batch.list_tasks("frames", **extra)]
    assert 400 == refused.value.status_code
    assert reason in refused.value.response.text()


async def test_a_node_leaves_the_schedule_and_comes_back(
    azure_standin: Standin, batch: BatchClient
) -> None:
    """Disabling twice is an error in Azure: a caller has to read the state first."""
    running = task("a", state="running", nodeInfo={"nodeId": "tvm-1", "poolId": "gpu"})
    azure_standin.put_world(batch_world(running))
    wanted = BatchNodeDisableSchedulingOptions(node_disable_scheduling_option="requeue")
    await batch.disable_node_scheduling("gpu", "tvm-1", wanted)
    with pytest.raises(HttpResponseError, match="NodeAlreadyInTargetSchedulingState"):
        await batch.disable_node_scheduling("gpu", "tvm-1", wanted)
    await asyncio.sleep(0.15)
    node = await batch.get_node("gpu", "tvm-1")
    requeued = await batch.get_task("frames", "a")
    await batch.enable_node_scheduling("gpu", "tvm-1")
    back = await batch.get_node("gpu", "tvm-1")
    assert ("offline", "disabled") == (node.state.value, node.scheduling_state.value)
    assert ("active", 1) == (requeued.state.value, requeued.execution_info.requeue_count)
    assert ("idle", "enabled") == (back.state.value, back.scheduling_state.value)


async def test_a_reboot_takes_its_time_and_is_refused_meanwhile(
    azure_standin: Standin, batch: BatchClient
) -> None:
    """The client's poller looks at the node until it is no longer rebooting."""
    azure_standin.put_world(batch_world(operation_seconds=2))
    wanted: Any = {"nodeRebootOption": "requeue"}  # without a body the client raises
    poller = await batch.begin_reboot_node("gpu", "tvm-1", wanted, polling_interval=0.1)
    with pytest.raises(HttpResponseError, match="NodeBeingRebooted"):
        await batch.begin_reboot_node("gpu", "tvm-1", wanted)
    await poller.result()
    nodes = [one async for one in batch.list_nodes("gpu", filter="state eq 'idle'")]
    assert ["tvm-1"] == [one.id for one in nodes]
    assert {"renders/gpu/tvm-1": 1} == azure_standin.world()["observed"]["node_reboots"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/jobs", 400, "MissingRequiredQueryParameter"),
        ("/jobs?api-version=2012-01-01", 400, "UnsupportedRequestVersion"),
        ("/jobs?api-version=2025-06-01&$top=3", 400, "UnsupportedQueryParameter"),
        ("/things?api-version=2025-06-01", 400, "InvalidUri"),
    ],
)
def test_raw_requests_are_refused_in_the_form_of_batch(
    azure_standin: Standin, path: str, status: int, code: str
) -> None:
    """Batch words its errors in a form of its own, which its client knows."""
    azure_standin.put_world(batch_world())
    bearer = azure_standin.token("https://batch.core.windows.net/")
    got, body, _ = azure_standin.request(
        "GET", f"/batch/renders{path}", headers={"Authorization": f"Bearer {bearer}"}
    )
    assert (status, code) == (got, body["code"])
    assert body["message"]["value"]
