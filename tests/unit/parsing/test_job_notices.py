"""Notices from a node of an Azure ML cluster, as the job's own forwarder sends them."""

from __future__ import annotations

import pytest

from shared.core.envelopes import Malformed
from shared.core.signals import Phase, Signal, SignalType, Unanswered
from shared.parsing import parse_events
from tests.unit.parsing.samples import WORKSPACE, load

NAME = "scheduled_events__in_vm_document_ml_job"
JOB = f"{WORKSPACE}/jobs/quiet_owl_7h2k"


def test_a_preemption_is_about_the_job_and_not_about_the_machine():
    """The machine is in a subscription of Microsoft's: no rule could read it."""
    first, second = parse_events(load(NAME))
    assert isinstance(first, Signal)
    assert (SignalType.AML_RUN_INTERRUPTED, JOB, Phase.SCHEDULED, None) == (
        first.type,
        first.target,
        first.phase,
        first.deadline,
    )
    assert "vm.preempt" == first.attributes["notice"]
    assert first.attributes["machine"].endswith("/virtualMachines/3")
    assert isinstance(second, Unanswered)


def test_a_notice_for_other_machines_is_not_about_the_job():
    """Each node's own forwarder tells of its own."""
    body = load(NAME)
    body["data"]["document"]["Events"] = body["data"]["document"]["Events"][:1]
    body["data"]["document"]["Events"][0]["Resources"] = ["pool-1_4"]
    [only] = parse_events(body)
    assert isinstance(only, Unanswered)


def test_a_notice_that_came_to_pass_does_not_end_the_wait():
    """The machine is gone, or up again: how the run ended its workspace tells."""
    body = load(NAME)
    body["data"]["document"]["Events"] = body["data"]["document"]["Events"][:1]
    body["data"]["document"]["Events"][0]["EventStatus"] = "Completed"
    [only] = parse_events(body)
    assert isinstance(only, Unanswered)


@pytest.mark.parametrize("job", ["owl", WORKSPACE, f"{WORKSPACE}/computes/spot", 7])
def test_what_is_no_job_is_said_to_be_none(job):
    """A forwarder with a wrong setting must not turn an eviction into silence."""
    body = load(NAME)
    body["data"]["jobId"] = job
    [only] = parse_events(body)
    assert isinstance(only, Malformed)
    assert "jobId" in only.why
