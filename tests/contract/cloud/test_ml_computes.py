"""Azure ML computes: what both clouds promise of power, settings and tags."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.core.errors import Forbidden, InvalidTarget
from shared.core.ml_measures import DISK_FREE
from tests.contract.cloud import worlds as w
from tests.contract.cloud.clouds import Cloud, eventually
from tests.contract.cloud.test_azure_refusals import standin_of

# azure-ai-ml imports what its own dependencies have deprecated.
pytestmark = pytest.mark.filterwarnings("ignore")
NOBODY = f"{w.WORKSPACE}/computes/nobody"


async def state_of(cloud: Cloud, compute: str) -> str:
    found = await cloud.learning.compute_instance(compute)
    return found[1].state if found else ""


async def test_an_instance_is_read_with_what_it_is_set_to(cloud: Cloud) -> None:
    """State, size, tags and workspace are enough to know which it is."""
    found = await cloud.learning.compute_instance(w.STOPPED_CI)
    assert found is not None
    resource, instance = found
    assert ("stopped", w.GPU_SIZE, w.TAGS) == (
        instance.state,
        resource.size,
        dict(resource.tags),
    )
    assert w.WORKSPACE.casefold() == resource.pool.casefold()
    assert instance.idle_shutdown is None
    assert await cloud.learning.compute_instance(w.SPOT_CLUSTER) is None
    assert await cloud.learning.compute_instance(NOBODY) is None


@pytest.mark.parametrize(
    ("ask", "compute", "after", "operation"),
    [
        ("start", w.STOPPED_CI, "running", "start"),
        ("restart", w.BUSY_CI, "running", "restart"),
        ("stop", w.BUSY_CI, "stopped", "stop"),
    ],
)
async def test_power_is_seen_in_the_state_and_the_last_operation(
    cloud: Cloud, ask: str, compute: str, after: str, operation: str
) -> None:
    """Accepted is not done: the next reads say when it is."""
    await getattr(cloud.learning, ask)(compute)
    found = await eventually(
        lambda: cloud.learning.compute_instance(compute),
        lambda f: f is not None and (f[1].state, f[1].last_operation) == (after, operation),
    )
    assert found is not None
    assert (after, operation) == (found[1].state, found[1].last_operation)
    assert found[1].last_operation_at is not None


async def test_a_deleted_compute_is_gone_and_deleting_it_again_is_no_error(
    cloud: Cloud,
) -> None:
    """Whoever takes over from a dead worker deletes it once more."""
    await cloud.learning.delete(w.STOPPED_CI)
    gone = await eventually(
        lambda: cloud.learning.compute_instance(w.STOPPED_CI), lambda f: f is None
    )
    assert gone is None
    await cloud.learning.delete(w.STOPPED_CI)


async def test_an_idle_time_is_set_and_read_back(cloud: Cloud) -> None:
    """Azure stops it by itself from then on."""
    await cloud.learning.set_idle_shutdown(w.BUSY_CI, timedelta(minutes=90))
    found = await cloud.learning.compute_instance(w.BUSY_CI)
    assert found is not None
    assert timedelta(minutes=90) == found[1].idle_shutdown


async def test_schedules_are_replaced_and_read_back(cloud: Cloud) -> None:
    """The list as a whole, as the service takes it."""
    cron = {
        "expression": "0 19 * * 1-5",
        "timeZone": "UTC",
        "startTime": "2026-01-01T00:00:00",
    }
    wanted = {"action": "Stop", "status": "Enabled", "triggerType": "Cron", "cron": cron}
    await cloud.learning.set_schedules(w.BUSY_CI, [wanted])
    found = await cloud.learning.compute_instance(w.BUSY_CI)
    assert found is not None
    [only] = found[1].schedules
    assert ("stop", True, "0 19 * * 1-5", "UTC") == (
        only.action,
        only.is_enabled,
        only.when,
        only.zone,
    )
    assert found[1].stops_by_the_clock


async def test_a_tag_is_added_and_the_others_stay(cloud: Cloud) -> None:
    """A mark must not cost a team its tags."""
    await cloud.learning.tag(w.STOPPED_CI, {"nightshift-delete-after": "some day"})
    found = await cloud.learning.compute_instance(w.STOPPED_CI)
    assert found is not None
    assert {**w.TAGS, "nightshift-delete-after": "some day"} == dict(found[0].tags)


async def test_a_cluster_is_scaled_and_keeps_what_it_may_grow_to(cloud: Cloud) -> None:
    """Only its bounds change."""
    idle = timedelta(minutes=5)
    await cloud.learning.scale(w.SPOT_CLUSTER, least=0, most=4, idle=idle)
    found = await eventually(
        lambda: cloud.learning.cluster(w.SPOT_CLUSTER), lambda c: c is None or c.least == 0
    )
    assert found is not None
    assert (0, 4, idle) == (found.least, found.most, found.idle_before_scale_down)


async def test_jobs_on_a_compute_are_those_that_have_not_ended(cloud: Cloud) -> None:
    """The preempted one has; the one that took its place has not, for a moment."""
    assert await cloud.learning.active_jobs(w.SPOT_CLUSTER) == ()
    await cloud.learning.submit_again(w.OWL, name="owl-again-1", tags={})
    assert await cloud.learning.active_jobs(w.SPOT_CLUSTER) == ("owl-again-1",)
    assert await cloud.learning.active_jobs(w.BUSY_CI) == ()


async def test_free_disk_space_is_known_by_compute(cloud: Cloud) -> None:
    """The workspace carries the metric; one that reports none has none."""
    places = {w.BUSY_CI: w.REGION, w.STOPPED_CI: w.REGION}
    found = await cloud.metrics.points(places, DISK_FREE)
    assert {w.BUSY_CI.casefold()} == set(found)
    assert 30_000 == min(found[w.BUSY_CI.casefold()])


@pytest.mark.parametrize("ask", ["start", "restart", "stop"])
async def test_what_is_not_there_has_no_power(cloud: Cloud, ask: str) -> None:
    """An invalid target, and no error that is tried again."""
    with pytest.raises(InvalidTarget):
        await getattr(cloud.learning, ask)(NOBODY)


@pytest.mark.parametrize(
    ("pattern", "act", "action"),
    [
        ("POST .*/start", lambda c: c.start(w.STOPPED_CI), "computes/start/action"),
        ("POST .*/stop", lambda c: c.stop(w.BUSY_CI), "computes/stop/action"),
        ("POST .*/restart", lambda c: c.restart(w.BUSY_CI), "computes/restart/action"),
        ("DELETE .*/ci-off", lambda c: c.delete(w.STOPPED_CI), "computes/delete"),
        (
            "POST .*/updateSchedules",
            lambda c: c.set_schedules(w.BUSY_CI, []),
            "computes/updateSchedules/action",
        ),
        (
            "POST .*/updateIdleShutdownSetting",
            lambda c: c.set_idle_shutdown(w.BUSY_CI, timedelta(hours=1)),
            "computes/updateIdleShutdownSetting/action",
        ),
        (
            "PATCH .*/computes/spot",
            lambda c: c.scale(w.SPOT_CLUSTER, least=0, most=4, idle=timedelta(minutes=5)),
            "computes/write",
        ),
        ("PATCH .*/tags/default", lambda c: c.tag(w.BUSY_CI, {}), "Resources/tags/write"),
    ],
)
async def test_a_forbidden_call_names_the_action_that_is_missing(
    azure: Cloud, pattern: str, act, action: str
) -> None:
    """Whoever grants it need not search for it."""
    standin_of(azure).fault(pattern=pattern, status=403)
    with pytest.raises(Forbidden, match=action):
        await act(azure.learning)
