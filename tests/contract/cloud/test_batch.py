"""Batch jobs and tasks: what both clouds promise."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.core.errors import InvalidTarget
from tests.contract.cloud import worlds as w
from tests.contract.cloud.clouds import Cloud, eventually

SINCE = w.RECENT - timedelta(hours=1)


async def test_failed_tasks_of_active_jobs_since_a_moment(cloud: Cloud) -> None:
    """Not the successes, not the running, not the old, not those of a job that ends."""
    read = await cloud.batch.failed_tasks(w.ACCOUNT, job="", since=SINCE, limit=10)
    assert {"train": "active"} == dict(read.jobs)
    assert [("train", "failed", 7, "usererror", w.RECENT)] == [
        (t.job, t.id, t.exit_code, t.category, t.ended_at) for t in read.tasks
    ]
    assert read.is_complete


async def test_a_limit_that_cut_the_list_is_told(cloud: Cloud) -> None:
    """Half a list looks like a whole one unless it says so."""
    long_ago = w.LONG_AGO - timedelta(hours=1)
    read = await cloud.batch.failed_tasks(w.ACCOUNT, job="train", since=long_ago, limit=1)
    assert (1, False) == (len(read.tasks), read.is_complete)


async def test_a_named_job_is_read_whatever_its_state(cloud: Cloud) -> None:
    """The rule must be able to say that the job is ending."""
    read = await cloud.batch.failed_tasks(w.ACCOUNT, job="ending", since=SINCE, limit=10)
    nobody = await cloud.batch.failed_tasks(w.ACCOUNT, job="nobody", since=SINCE, limit=10)
    assert ({"ending": "terminating"}, ["failed"]) == (
        dict(read.jobs),
        [task.id for task in read.tasks],
    )
    assert ({}, ()) == (dict(nobody.jobs), nobody.tasks)
    assert "terminating" == await cloud.batch.job_state(w.ACCOUNT, "ending")
    assert await cloud.batch.job_state(w.ACCOUNT, "nobody") is None


async def test_reactivation_erases_what_the_task_said_before(cloud: Cloud) -> None:
    """That is why it is saved first: afterwards nobody can say why the task failed."""
    before = await cloud.batch.task(w.ACCOUNT, "train", "failed")
    await cloud.batch.reactivate(w.ACCOUNT, "train", "failed")
    after = await cloud.batch.task(w.ACCOUNT, "train", "failed")
    assert before is not None
    assert after is not None
    assert ("completed", True, 7, w.RECENT) == (
        before.state,
        before.has_failed,
        before.exit_info["exitCode"],
        before.ended_at,
    )
    assert (None, {}, None) == (after.has_failed, dict(after.exit_info), after.ended_at)


@pytest.mark.parametrize("task", ["fine", "going"])
async def test_a_task_that_is_not_failed_is_left_as_it_is(cloud: Cloud, task: str) -> None:
    """A repeat of a reactivation that worked finds it running, which is success."""
    before = await cloud.batch.task(w.ACCOUNT, "train", task)
    await cloud.batch.reactivate(w.ACCOUNT, "train", task)
    assert before == await cloud.batch.task(w.ACCOUNT, "train", task)


@pytest.mark.parametrize(("job", "task"), [("ending", "failed"), ("train", "nobody")])
async def test_what_cannot_be_reactivated_is_an_invalid_target(
    cloud: Cloud, job: str, task: str
) -> None:
    """A job that ends takes no task back; retrying would not help."""
    with pytest.raises(InvalidTarget):
        await cloud.batch.reactivate(w.ACCOUNT, job, task)


async def test_a_task_that_is_not_there_reads_as_none(cloud: Cloud) -> None:
    """Gone is an answer."""
    assert await cloud.batch.task(w.ACCOUNT, "train", "nobody") is None


async def test_active_jobs_are_read_with_how_their_tasks_stand(cloud: Cloud) -> None:
    """One that ends is not among them, and its numbers are read by its name."""
    jobs = {one.id: one for one in await cloud.batch.active_jobs(w.ACCOUNT)}
    ending = await cloud.batch.job(w.ACCOUNT, "ending")
    train = jobs["train"]
    assert ({"train"}, (1, 1, 2), False) == (
        set(jobs),
        (train.unfinished, train.succeeded, train.failed),
        train.ends_itself,
    )
    assert f"{w.ACCOUNT}/jobs/train" == train.target
    assert ending is not None
    assert ("terminating", 1) == (ending.state, ending.failed)
    assert await cloud.batch.job(w.ACCOUNT, "nobody") is None


async def test_a_job_has_moved_if_a_task_waits_runs_or_ended_since(cloud: Cloud) -> None:
    """The last one that ended says since when it is quiet."""
    assert await cloud.batch.has_moved(w.ACCOUNT, "train", since=SINCE)
    after = w.RECENT + timedelta(days=3650)
    assert not await cloud.batch.has_moved(w.ACCOUNT, "ending", since=after)


async def test_a_job_is_closed_and_closed_twice_is_no_error(cloud: Cloud) -> None:
    """A worker may have died after the first time."""
    await cloud.batch.terminate_job(w.ACCOUNT, "train")
    await cloud.batch.terminate_job(w.ACCOUNT, "train")
    seen = await eventually(
        lambda: cloud.batch.job(w.ACCOUNT, "train"),
        lambda job: job is not None and job.state == "completed",
    )
    assert seen is not None
    assert "completed" == seen.state
    with pytest.raises(InvalidTarget):
        await cloud.batch.terminate_job(w.ACCOUNT, "nobody")
