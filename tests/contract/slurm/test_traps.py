"""The ten traps of Slurm's REST API, each on a real 24.11: what it does, what we then do."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from http import HTTPStatus

import pytest

from shared.adapters import slurm_api
from shared.adapters.slurm import _FLAGS, SlurmClusters
from shared.core.decisions import Reason
from shared.core.errors import Forbidden, InvalidTarget, NotYet, RetryLater
from shared.core.plans import StepOutcome
from shared.core.steps import Verb
from shared.engine.effects.slurm_jobs import slurm_requeue
from shared.engine.effects.slurm_nodes import slurm_drain
from tests.fakes.slurm import CLUSTER
from tests.slurm_site import RealSite, clusters_of, eventually, node_of
from tests.slurm_work import PLAN, work_on

NODE = "gpu001"
MINE = f"nightshift={PLAN}"


async def raw(site: RealSite, method: str, path: str, **more):
    """Send exactly this; return the HTTP status and Slurm's own error numbers."""
    status, body = await site.slurm._api(CLUSTER)._ask(method, path, **more)
    return status, [one.get("error_number") for one in body.get("errors", [])]


async def post(site: RealSite, **change):
    """Update the node with exactly this."""
    return await raw(site, "POST", f"/node/{NODE}", body=change)


async def drained(site: RealSite):
    """Drain the node as our plan."""
    node = await node_of(site, NODE)
    await site.slurm.drain(node, reason="nightshift: vm.preempt e-1", comment=MINE)
    return await node_of(site, NODE)


async def test_trap_1_a_drain_overwrites_an_operators_reason_so_ours_is_not_sent(real):
    """A second DRAIN is accepted and takes the reason's place; a person's must stay."""
    real.operator(NODE, "bad DIMM")
    result = await slurm_drain(
        work_on(real.slurm, await node_of(real, NODE), Verb.SLURM_DRAIN)
    )
    assert (StepOutcome.ALREADY, Reason.DRAINED_BY_OTHERS) == (result.outcome, result.reason)
    assert ("root", "bad DIMM") == (result.detail["by"], result.detail["said"])
    assert "Reason=bad DIMM [root@" in real.show("node", NODE)
    assert "Comment=" not in real.show("node", NODE)
    # and this is what would have happened:
    assert (HTTPStatus.OK, []) == await post(real, state=["DRAIN"], reason="ours")
    assert "bad DIMM" not in real.show("node", NODE)


async def test_trap_2_a_refused_update_applied_a_part_of_itself(real):
    """500, and the reason is another: so a node is read after each write."""
    status, numbers = await post(real, state=["BOGUS"], reason="x")
    assert HTTPStatus.OK != status
    assert numbers
    assert "x" == (await node_of(real, NODE)).reason
    status, numbers = await post(real, state=["RESUME"], comment="x")
    assert (HTTPStatus.INTERNAL_SERVER_ERROR, [2028]) == (status, numbers)
    assert "x" == (await node_of(real, NODE)).comment


class Clumsy(SlurmClusters):
    """Our adapter, whose first drains reach Slurm with a state that it does not take."""

    half = 1

    async def drain(self, node, *, reason: str, comment: str) -> None:
        """Let Slurm apply the reason and the comment, and refuse the rest."""
        if self.half:
            self.half -= 1
            change = {"state": ["IDLE", "DRAIN"], "reason": reason, "comment": comment}
            await self._api(node.cluster).update(node.name, {**change, "state": ["BOGUS"]})
        await super().drain(node, reason=reason, comment=comment)


async def test_trap_2_a_half_applied_drain_is_recognised_and_finished(real):
    """Mark and reason are there and the state is not: it is written once more."""
    clumsy = clusters_of(real.lab)
    clumsy.__class__ = Clumsy
    result = await slurm_drain(work_on(clumsy, await node_of(real, NODE), Verb.SLURM_DRAIN))
    await clumsy.close()
    assert StepOutcome.DONE == result.outcome
    assert "DRAIN" in real.show("node", NODE)
    assert f"Comment={MINE}" in real.show("node", NODE)


async def test_trap_3_an_error_is_read_from_its_number(real):
    """The status alone would take an unknown node for good and a bad token for an outage."""
    assert (HTTPStatus.OK, [0]) == await raw(real, "GET", "/node/gpu999")
    assert await real.slurm.node(CLUSTER, "gpu999") is None
    status, numbers = await raw(real, "POST", "/node/gpu999", body={"comment": "x"})
    assert (HTTPStatus.INTERNAL_SERVER_ERROR, [2018]) == (status, numbers)
    ghost = replace(await node_of(real, NODE), name="gpu999")
    with pytest.raises(InvalidTarget, match="2018"):
        await real.slurm.comment(ghost, "x")


async def test_trap_3_a_token_by_another_key_is_refused_by_name(real):
    """511 and 1007: no outage that passes, but a setting to correct."""
    stranger = clusters_of(real.lab, key=b"0123456789abcdef0123456789abcdef")
    with pytest.raises(Forbidden, match=r"1007.*NIGHTSHIFT_SLURM_KEY"):
        await stranger.node(CLUSTER, NODE)
    with pytest.raises(Forbidden):
        await stranger.drain(await node_of(real, NODE), reason="r", comment="c")
    await stranger.close()
    assert not (await node_of(real, NODE)).is_drained


async def test_trap_3_an_expired_token_is_refused(real, monkeypatch):
    """A token lives a minute: what is overheard is soon worth nothing."""
    fresh = slurm_api.token
    late = lambda key, user, now: fresh(key, user, now - 120)  # noqa: E731 - one line is clear
    monkeypatch.setattr(slurm_api, "token", late)
    with pytest.raises(Forbidden, match="1007"):
        await real.slurm.node(CLUSTER, NODE)


async def test_trap_3_a_version_that_is_not_served_is_asked_for_in_another(real):
    """404 without JSON: the server says what it has, and the newest known is taken."""
    real.slurm._api(CLUSTER)._version = "v0.0.99"
    assert NODE == (await node_of(real, NODE)).name
    assert "v0.0.42" == real.slurm._api(CLUSTER)._version


async def test_trap_3_a_controller_that_is_away_is_an_outage(real):
    """REST answers, slurmctld does not: try again later, and say which cluster."""
    real.lab.stop("slurmctld")
    try:
        with pytest.raises(RetryLater, match=CLUSTER):
            await real.slurm.node(CLUSTER, NODE)
        found = await real.slurm.find_node(real.add_machine(NODE))
        assert (None, Reason.SLURM_UNREACHABLE) == (found.node, found.trouble)
    finally:
        real.lab.start("slurmctld")

    async def back():
        try:
            return await real.slurm.node(CLUSTER, NODE)
        except RetryLater:
            return None

    assert await eventually(back, "slurmctld")


async def test_trap_4_down_alone_does_not_last_so_it_is_set_on_drained_nodes_only(real):
    """Under ReturnToService=2 its daemon says hello, and it takes jobs again."""
    assert (HTTPStatus.OK, []) == await post(real, state=["DOWN"], reason="evicted")

    async def up_again():
        node = await node_of(real, NODE)
        return not node.is_down and not node.is_drained

    assert await eventually(up_again, "the node to come back by itself")
    real.submit(NODE)
    node = await node_of(real, NODE)
    result = await slurm_requeue(work_on(real.slurm, node, Verb.SLURM_REQUEUE))
    assert (StepOutcome.REFUSED, Reason.RESUMED_BY_HAND) == (result.outcome, result.reason)
    assert not (await node_of(real, NODE)).is_down


async def test_trap_4_a_drained_node_that_is_given_up_stays_away(real):
    """DRAIN first, then DOWN: it takes no job, whatever its daemon says."""
    node = await drained(real)
    await real.slurm.down(node)
    for _ in range(10):
        assert (await node_of(real, NODE)).is_drained
        await asyncio.sleep(0.3)


async def test_trap_5_the_flag_that_sounds_like_a_requeue_cancels(real):
    """So it is not among the flags that we send."""
    number = real.submit(NODE)
    query = {"flags": "FEDERATION_REQUEUE"}
    await raw(real, "DELETE", f"/job/{number}", query=query)

    async def over():
        return "JobState=CANCELLED" in real.show("job", str(number))

    assert await eventually(over, "the job to be cancelled, which nobody wanted")
    assert {"BATCH_JOB", "FULL_JOB"} == set(_FLAGS.values())


async def test_trap_6_a_job_that_may_not_run_again_is_not_ended_for_the_others(real):
    """Slurm refuses to requeue it and DOWN would end it: it is waited for."""
    number = real.submit(NODE, requeue=False)
    with pytest.raises(Exception, match="disabled"):
        real.lab.run("scontrol", "requeue", str(number))
    node = await drained(real)
    result = await slurm_requeue(work_on(real.slurm, node, Verb.SLURM_REQUEUE))
    assert StepOutcome.ALREADY == result.outcome
    assert [f"{number}.0"] == result.detail["left"]
    assert "JobState=RUNNING" in real.show("job", str(number))


async def test_trap_6_where_the_rule_says_all_it_ends_with_the_node(real):
    """NODE_FAIL, as when the machine goes; and the step sees that it has left."""
    number = real.submit(NODE, requeue=False)
    node = await drained(real)
    given = {"requeue": "all"}
    with pytest.raises(NotYet) as later:
        await slurm_requeue(work_on(real.slurm, node, Verb.SLURM_REQUEUE, **given))
    assert [f"{number}.0"] == later.value.progress["ends"]

    async def ended():
        return "JobState=NODE_FAIL" in real.show("job", str(number))

    assert await eventually(ended, "the job to fail with its node")
    assert () == await real.slurm.jobs(node)


async def test_trap_7_a_resume_keeps_the_reason_so_the_state_is_asked(real):
    """By its reason the node would be drained for ever."""
    await real.slurm.resume(await drained(real))
    node = await node_of(real, NODE)
    assert "nightshift: vm.preempt e-1" == node.reason
    assert not node.is_drained
    assert not node.is_ours
    work = work_on(real.slurm, node, Verb.SLURM_DRAIN)
    assert Reason.RESUMED_BY_HAND == (await slurm_drain(work)).reason


async def test_trap_7_the_drain_stays_ours_when_slurms_own_user_rewrites_the_reason(real):
    """What says ``Not responding`` and the like is SlurmUser: nobody took the node over."""
    await drained(real)
    as_slurm = ("setpriv", "--reuid", "slurm", "--regid", "slurm", "--clear-groups")
    update = ("scontrol", "update", f"nodename={NODE}", "reason=Not responding")
    real.lab.run(*as_slurm, *update)
    node = await node_of(real, NODE)
    assert ("Not responding", "slurm", True) == (node.reason, node.reason_user, node.is_ours)


@pytest.mark.parametrize("version", ["v0.0.40", "v0.0.41"])
async def test_trap_8_other_versions_say_the_same_in_other_shapes(real, version):
    """Node and job are the same facts, whichever version is spoken."""
    number = real.submit(NODE, comment="nightshift-checkpoint=USR1")
    node, jobs = await drained(real), await real.slurm.jobs(await node_of(real, NODE))
    real.slurm._api(CLUSTER)._version = version
    assert node == await node_of(real, NODE)
    assert jobs == await real.slurm.jobs(node)
    assert [number] == [job.id for job in jobs]
    await real.slurm.resume(node)
    assert not (await node_of(real, NODE)).is_drained


async def test_trap_9_a_drain_without_a_reason_is_taken_so_we_ask_for_one(real):
    """A node that is drained for no reason is a riddle in the morning."""
    before = await node_of(real, NODE)
    assert (HTTPStatus.OK, []) == await post(real, state=["DRAIN"])
    after = await node_of(real, NODE)
    assert (True, before.reason) == (after.is_drained, after.reason)
    with pytest.raises(InvalidTarget, match="without a reason"):
        await real.slurm.drain(await node_of(real, NODE), reason="", comment="c")


async def test_trap_10_a_plain_users_token_may_look_and_not_drain(real):
    """2010: the message says that the user is no operator, and nothing has changed."""
    alice = clusters_of(real.lab, user="alice")
    node = await alice.node(CLUSTER, NODE)
    assert node is not None
    with pytest.raises(Forbidden, match=r"2010.*alice is no operator"):
        await alice.drain(node, reason="r", comment=MINE)
    await alice.close()
    assert node == replace(await node_of(real, NODE), is_reason_ours=node.is_reason_ours)
