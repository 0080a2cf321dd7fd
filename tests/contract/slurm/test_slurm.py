"""One suite for the port ``Slurm``: what is promised holds on the fake and on a real 24.11."""

from __future__ import annotations

import pytest

from shared.core.errors import InvalidTarget
from shared.core.slurm import with_marks
from tests.fakes.slurm import CLUSTER
from tests.slurm_site import eventually, node_of, saving, vm

REASON = "nightshift: vm.preempt e-1"
MINE = "nightshift=p-1"


async def drained(site, name: str = "gpu001"):
    """Drain a node as our plan p-1 and return it."""
    await site.slurm.drain(await node_of(site, name), reason=REASON, comment=MINE)
    return await node_of(site, name)


async def test_an_idle_node_is_read_as_it_is(site):
    """What everything else rests on."""
    node = await node_of(site, "gpu001")
    # A real node may be slow to answer its controller, which says so for a moment.
    states = tuple(one for one in node.states if one != "NOT_RESPONDING")
    assert (("IDLE",), "") == (states, node.comment)
    assert not node.is_drained
    assert not node.is_down
    assert () == node.marks


async def test_a_node_that_is_not_there_is_none(site):
    """Not an error: it is what a removed node looks like."""
    assert await site.slurm.node(CLUSTER, "gpu999") is None


async def test_a_cluster_that_nobody_configured_is_an_error(site):
    """A plan of a former deployment names one."""
    with pytest.raises(InvalidTarget, match="no Slurm cluster is called"):
        await site.slurm.node("elsewhere", "gpu001")


async def test_a_drain_is_ours_by_the_comment(site):
    """State, reason and comment in one write."""
    node = await drained(site)
    assert node.is_drained
    assert node.is_ours
    assert ("p-1",) == node.marks
    assert REASON == node.reason


async def test_draining_again_changes_nothing_but_the_words(site):
    """Repeatable from any point; a new reason takes the old one's place."""
    node = await drained(site)
    await site.slurm.drain(node, reason=f"{REASON} again", comment="nightshift=p-1,p-2")
    again = await node_of(site, "gpu001")
    assert (node.states, f"{REASON} again", ("p-1", "p-2")) == (
        again.states,
        again.reason,
        again.marks,
    )


async def test_resuming_keeps_reason_and_comment(site):
    """So neither says whether a node is drained: the state does."""
    await site.slurm.resume(await drained(site))
    node = await node_of(site, "gpu001")
    assert not node.is_drained
    assert (REASON, MINE) == (node.reason, node.comment)
    assert not node.is_ours


async def test_resuming_what_is_not_drained_is_refused(site):
    """The node is as it was."""
    before = await node_of(site, "gpu001")
    with pytest.raises(InvalidTarget):
        await site.slurm.resume(before)
    assert before == await node_of(site, "gpu001")


async def test_a_comment_is_replaced_alone_and_may_be_emptied(site):
    """Our mark is taken off without touching the state."""
    node = await drained(site)
    await site.slurm.comment(node, with_marks("rack 4 nightshift=p-1", []))
    after = await node_of(site, "gpu001")
    assert ("rack 4", node.states, REASON) == (after.comment, after.states, after.reason)
    await site.slurm.comment(after, "")
    assert (await node_of(site, "gpu001")).comment == ""


async def test_a_node_that_a_person_drained_is_not_ours(site):
    """Nobody's mark is on it."""
    site.operator("gpu001", "bad DIMM")
    node = await node_of(site, "gpu001")
    assert node.is_drained
    assert not node.is_ours
    assert "bad DIMM" == node.reason


async def test_a_person_who_drains_our_node_again_takes_it_over(site):
    """Our mark is still there, and the reason is theirs."""
    await drained(site)
    site.operator("gpu001", "bad DIMM")
    node = await node_of(site, "gpu001")
    assert ("p-1",) == node.marks
    assert not node.is_ours


async def test_jobs_are_read_with_what_they_ask_for(site):
    """Only those on the node."""
    number = site.submit("gpu001", comment="nightshift-checkpoint=USR1", script=saving())
    node = await node_of(site, "gpu001")
    [job] = await site.slurm.jobs(node)
    assert (number, "alice", True, "batch:USR1", 0, ("gpu001",)) == (
        job.id,
        job.user,
        job.is_requeueable,
        job.asks,
        job.restarts,
        job.nodes,
    )
    assert () == await site.slurm.jobs(await node_of(site, "gpu002"))


async def test_draining_leaves_jobs_where_they_are(site):
    """DRAIN stops nothing: that is what the other steps are for."""
    number = site.submit("gpu001")
    node = await drained(site)
    [job] = await site.slurm.jobs(node)
    assert number == job.id
    assert "RUNNING" in job.states


async def test_giving_a_drained_node_up_moves_its_jobs(site):
    """What may run again begins elsewhere; the reason stays ours."""
    number = site.submit("gpu001")
    node = await drained(site)
    await site.slurm.down(node)

    async def gone():
        return not await site.slurm.jobs(node)

    await eventually(gone, "the job to leave")
    after = await node_of(site, "gpu001")
    assert after.is_drained
    assert REASON == after.reason

    async def elsewhere():
        found = [await site.slurm.jobs(await node_of(site, n)) for n in ("gpu002", "gpu003")]
        return [job for jobs in found for job in jobs if job.id == number]

    [job] = await eventually(elsewhere, "the job to run elsewhere")
    assert 1 == job.restarts


async def test_a_resume_clears_a_node_that_was_given_up(site):
    """One verb takes back both."""
    node = await drained(site)
    await site.slurm.down(node)
    await site.slurm.resume(node)
    after = await node_of(site, "gpu001")
    assert not after.is_drained
    assert not after.is_down


async def test_a_signal_reaches_the_batch_script(site):
    """The job saves; it is not ended by it."""
    number = site.submit("gpu001", script=saving(), comment="nightshift-checkpoint")
    node = await node_of(site, "gpu001")
    [job] = await site.slurm.jobs(node)
    assert await site.slurm.signal(node, job, "USR1", whom="batch")

    async def saved():
        return site.signals_of(number)

    assert ["saved"] == await eventually(saved, "the job to save")
    assert "RUNNING" in (await site.slurm.jobs(node))[0].states


async def test_a_job_that_is_over_is_no_error(site):
    """It ended between our look and our signal."""
    site.submit("gpu001", requeue=False)
    node = await drained(site)
    [job] = await site.slurm.jobs(node)
    await site.slurm.down(node)

    async def gone():
        return not await site.slurm.jobs(node)

    await eventually(gone, "the job to leave")
    assert not await site.slurm.signal(node, job, "USR1", whom="batch")


async def test_a_requeue_that_is_not_served_asks_for_nothing(site):
    """24.11 has none over REST: the caller takes the other way."""
    number = site.submit("gpu001")
    node = await node_of(site, "gpu001")
    jobs = await site.slurm.jobs(node)
    assert not await site.slurm.requeue(node, jobs)
    assert [number] == [job.id for job in await site.slurm.jobs(node)]


async def test_a_node_is_found_by_its_machine(site):
    """And a machine that no cluster has is none, without trouble."""
    found = await site.slurm.find_node(site.add_machine("gpu002"))
    assert found.node is not None
    assert ("gpu002", CLUSTER, "") == (found.node.name, found.node.cluster, found.trouble)
    nobody = await site.slurm.find_node(vm("web-1"))
    assert (None, "") == (nobody.node, nobody.trouble)


async def test_a_node_is_found_by_the_host_name_that_a_pod_bears(site):
    """Where an operator runs Slurm in pods, no machine's name or address leads to it."""
    found = await site.slurm.find_host("gpu002")
    assert found.node is not None
    assert (CLUSTER, "gpu002", "") == (found.node.cluster, found.node.name, found.trouble)
    nobody = await site.slurm.find_host("slinky-0")
    assert (None, "") == (nobody.node, nobody.trouble)
