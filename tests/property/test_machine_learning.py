"""Laws of the care of Azure ML jobs and computes, over all facts."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.core.decisions import Act
from shared.core.facts import MlInstanceFacts, MlJobFacts, Resource
from shared.core.ml_clusters import cluster_of
from shared.core.ml_instances import MlInstance, instance_of
from shared.core.ml_jobs import attempt_of, attempts_allowed, successor_name, successor_tags
from shared.core.ml_marks import Mark, read_mark, write_mark
from shared.core.resource_ids import ML_COMPUTE, ML_JOB
from shared.core.signals import SignalType
from tests import builders as make
from tests.ml_instances import QUIET, a_finding
from tests.ml_jobs import JOB, a_change
from tests.property.ml_facts import INSTANCES, JOBS, MOMENTS, WORDS

NOW = datetime(2030, 1, 10, 3, tzinfo=UTC)
NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,254}")
COMPUTE = Resource(make.COMPUTE, ML_COMPUTE, "notebook-1", size="Standard_DS3_v2")
RUN = Resource(JOB, ML_JOB, "owl")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda more: st.lists(more, max_size=3) | st.dictionaries(st.text(max_size=9), more),
    max_leaves=9,
)
INNER = st.dictionaries(
    st.sampled_from(
        [
            *("state", "schedules", "osImageMetadata", "lastOperation", "createdBy"),
            *("idleTimeBeforeShutdown", "applications", "errors", "scaleSettings"),
            *("personalComputeInstanceSettings", "nodeStateCounts", "currentNodeCount"),
        ]
    ),
    JSON,
)

USES = (
    None,
    QUIET,
    replace(QUIET, cpu=0.3),
    replace(QUIET, cpu=None),
    replace(QUIET, samples=3),
)
USED = st.builds(
    MlInstanceFacts,
    resource=st.just(COMPUTE),
    instance=st.builds(
        MlInstance,
        state=st.sampled_from(["running", "jobrunning", "stopped", ""]),
        last_operation_at=st.none() | MOMENTS,
    ),
    jobs=st.sampled_from([None, (), ("owl",)]),
    utilisation=st.sampled_from(USES),
    disk_free_mb=st.sampled_from([None, 0.0, 2047.0, 2048.0, 90_000.0]),
)


def decided(name, signal, facts, **settings):
    known = make.REMEDIATIONS[name]
    return known.decide(signal, facts, known.settings(**settings), NOW)


@given(USED)
def test_an_instance_is_stopped_only_if_it_is_free_and_would_start_again(facts):
    """No job, no doubt, quiet, and room on its disk: all of it, or nothing is done."""
    answer = decided("stop_instance", make.a_tick(target=make.COMPUTE), facts)
    if isinstance(answer, Act):
        use = facts.utilisation
        assert ("running", True) == (facts.instance.state, not facts.jobs)
        assert facts.disk_free_mb is not None
        assert facts.disk_free_mb >= 2048
        assert use is not None
        assert use.cpu is not None
        assert use.cpu < 0.05
        assert (use.network or 0) < 100_000


@given(INSTANCES, WORDS | st.builds(write_mark, st.builds(Mark, MOMENTS, MOMENTS)))
def test_nothing_is_deleted_but_by_a_due_mark_of_this_very_stop(instance, tag):
    """Whatever a tag says."""
    resource = replace(COMPUTE, tags={"nightshift-delete-after": tag})
    facts = MlInstanceFacts(resource, instance)
    if isinstance(decided("delete_marked_instance", a_finding("marked"), facts), Act):
        mark = read_mark(resource.tags)
        assert mark is not None
        assert "stopped" == instance.state
        assert (mark.stopped_at, True) == (instance.stopped_since, mark.due <= NOW)


@given(st.builds(MlJobFacts, st.just(RUN), JOBS, st.none(), st.integers(0, 9)))
def test_a_job_is_submitted_again_only_if_it_declares_it_and_was_preempted(facts):
    """And never more often than it or the rule says."""
    job = facts.job
    for signal in (a_change(), a_change(type=SignalType.AML_RUN_INTERRUPTED)):
        answer = decided("resubmit_job", signal, facts)
        if not isinstance(answer, Act):
            continue
        allowed = attempts_allowed(job.tags, "nightshift-resumable", 3)
        assert allowed
        assert max(attempt_of(job), facts.resubmitted) < allowed <= 3
        assert "command" == job.kind
        assert not job.runs_as_user
        if signal.type is SignalType.AML_RUN_CHANGED:
            said = f"{job.error or ''}{job.canceled_because}".casefold()
            assert "preempt" in said
            assert job.has_ended


@given(JOBS)
def test_a_successor_has_a_name_that_azure_takes_and_no_other_run_gives(job):
    """However long the chain grows."""
    if not NAME.fullmatch(job.name):
        return
    once = replace(job, name=successor_name(replace(job, tags={})), tags={})
    seen = {job.name, once.name}
    for number in range(1, 9):
        tags = successor_tags(once, f"step-{number}")
        once = replace(once, name=successor_name(once), tags=tags)
        assert NAME.fullmatch(once.name)
        assert once.name not in seen
        assert number == attempt_of(once)
        seen.add(once.name)


@given(st.builds(Mark, MOMENTS, MOMENTS))
def test_a_mark_is_read_back_the_same(mark):
    """What people were told is what is heeded."""
    assert mark == read_mark({"Nightshift-Delete-After": write_mark(mark)})


@given(WORDS)
def test_any_other_tag_is_no_mark(text):
    """A person may write there what they like."""
    assert read_mark({"nightshift-delete-after": text}) is None


@given(INNER)
def test_a_document_of_an_odd_shape_hides_no_other(inner):
    """Azure adds and renames fields; what cannot be read is not known."""
    document = {"properties": {"computeType": "x", "properties": inner}, "tags": inner}
    instance = instance_of(document)
    cluster = cluster_of(document, make.COMPUTE)
    assert instance.idle_shutdown is None or instance.idle_shutdown >= timedelta(0)
    assert cluster.least >= 0 or isinstance(inner.get("scaleSettings"), dict)
