"""Which job a pod is of is read from what its own operator wrote on it, and nothing else."""

from __future__ import annotations

import pytest

from shared.core.gangs import (
    ASKS,
    BY_RULE,
    TELLS,
    TOLD,
    age_s,
    asked,
    gang_of,
    is_signal_key,
    saved,
    slurm_host,
)
from tests.builders import NOW

INDEX = "batch.kubernetes.io/job-completion-index"
JOB = "batch.kubernetes.io/job-name"
LWS = "leaderworkerset.sigs.k8s.io"


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"jobset.sigs.k8s.io/jobset-name": "llm"}, "job_set/ml/llm"),
        ({"training.kubeflow.org/job-name": "llm"}, "training_job/ml/llm"),
        ({"ray.io/cluster": "llm"}, "ray/ml/llm"),
        ({"volcano.sh/job-name": "llm"}, "volcano/ml/llm"),
        ({"kueue.x-k8s.io/pod-group-name": "llm"}, "kueue/ml/llm"),
        ({"scheduling.x-k8s.io/pod-group": "llm"}, "coscheduling/ml/llm"),
        ({"nightshift.azure/gang": "llm"}, "declared/ml/llm"),
        ({JOB: "llm", INDEX: "3"}, "indexed_job/ml/llm"),
        ({f"{LWS}/name": "chat", f"{LWS}/group-index": "2"}, "leader_worker_set/ml/chat/2"),
    ],
)
def test_each_operator_names_its_job_in_its_own_way(labels: dict[str, str], expected: str):
    """One wrong name, and a job is told once for each of its nodes."""
    found = gang_of("ml", labels, {})
    assert found is not None
    assert expected == found.key
    wanted = [f"{key}={value}" for key, value in labels.items() if key != INDEX]
    assert ",".join(wanted) == found.selector


def test_a_group_that_only_an_annotation_names_has_no_selector():
    """Volcano's own group is an annotation; by those nothing can be selected."""
    found = gang_of("ml", {}, {"scheduling.k8s.io/group-name": "podgroup-1"})
    assert found is not None
    assert ("pod_group/ml/podgroup-1", "") == (found.key, found.selector)


@pytest.mark.parametrize("said", ["", "x" * 254, "two words", "UPPER", "a/b", "ü"])
def test_an_annotation_that_names_no_group_is_no_group(said: str):
    """Whatever stands there would become a key of ours."""
    assert gang_of("ml", {}, {"scheduling.k8s.io/group-name": said}) is None


def test_a_plain_job_that_kueue_admitted_is_one_workload():
    """Kueue admits and evicts it as a whole, though its pods bear no name of a group."""
    annotations = {"kueue.x-k8s.io/workload": "job-llm-abcde"}
    labels = {JOB: "llm", "kueue.x-k8s.io/podset": "main"}
    found = gang_of("ml", labels, annotations)
    assert found is not None
    assert ("kueue_workload/ml/job-llm-abcde", "kueue.x-k8s.io/podset") == (
        found.key,
        found.selector,
    )
    without = gang_of("ml", {}, annotations)
    assert without is not None
    assert "" == without.selector


def test_what_restarts_the_job_stands_before_what_admitted_it():
    """A JobSet that Kueue admits begins anew as a JobSet."""
    labels = {
        "kueue.x-k8s.io/pod-group-name": "group",
        "jobset.sigs.k8s.io/jobset-name": "llm",
    }
    found = gang_of("ml", labels, {})
    assert found is not None
    assert "job_set" == found.kind


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {"app": "web"},
        {JOB: "alone"},
        {"ray.io/cluster": ""},
        {f"{LWS}/name": "chat"},
    ],
)
def test_a_pod_of_no_job_stands_for_itself(labels: dict[str, str]):
    """A plain Job's pods fail one by one, and begin anew one by one."""
    assert gang_of("ml", labels, {}) is None


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("", BY_RULE),
        ("true", BY_RULE),
        (" Yes ", BY_RULE),
        ("example.com/save-now", "example.com/save-now"),
        ("nightshift.azure/save", "nightshift.azure/save"),
        ("no", ""),
        ("save now", ""),
        ("cluster-autoscaler.kubernetes.io/safe-to-evict", ""),
        ("kubernetes.io/x", ""),
        ("kueue.x-k8s.io/x", ""),
        ("my-k8s.io/x", "my-k8s.io/x"),
        ("batch.k8s.io/x", ""),
        ("/x", ""),
        ("a/" + "x" * 64, ""),
        ("a" * 254 + "/x", ""),
    ],
)
def test_what_a_pod_asks_for(said: str, expected: str):
    """What cannot be read asks for nothing, and what is Kubernetes' own is not set by us."""
    assert expected == asked({ASKS: said})


def test_a_pod_without_the_annotation_asks_for_nothing():
    """Silence is no wish."""
    assert ("", "") == (asked({}), saved({}))


def test_the_default_annotation_is_one_that_may_be_set():
    """Else no rule could leave it alone."""
    assert is_signal_key(TOLD)
    assert not is_signal_key("checkpoint")


def test_what_a_job_says_is_kept_short():
    """Somebody else's text goes into our ledger."""
    assert 64 == len(saved({TELLS: "x" * 500}))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("2030-01-01T02:59:30Z", 30.0),
        ("2030-01-01T03:59:30+01:00", 30.0),
        (str(int(NOW.timestamp()) - 90), 90.0),
        ("2030-01-01T03:00:20Z", 0.0),
        ("2030-01-01T04:00:00Z", None),
        ("step-4100", None),
        ("", None),
        ("9" * 64, None),
        ("0001-01-01T00:00:00Z", None),
    ],
)
def test_the_age_of_a_checkpoint_is_told_only_by_a_moment(said: str, expected: float | None):
    """Seconds since 1970 or a moment as people write it; anything else is only words."""
    assert expected == age_s(said, NOW.timestamp())


def test_a_slurm_operators_pod_is_known_by_its_label_or_its_owner():
    """Its label is its Slurm node's name; older operators leave only the owner."""
    owner = ("slinky.slurm.net/v1alpha1", "NodeSet")
    other = ("apps/v1", "StatefulSet")
    label = {"nodeset.slinky.slurm.net/pod-hostname": "gpu-0"}
    assert ["gpu-0", "gpu-1", "worker-1", ""] == [
        slurm_host(label, other, "x", "y"),
        slurm_host({}, owner, "gpu-1", "worker-1"),
        slurm_host({}, owner, "", "worker-1"),
        slurm_host({}, other, "gpu-1", "worker-1"),
    ]
