"""Azure ML jobs: what is known of one, and what proves that it lost its machines. Pure.

A job is preempted if its run says so, or if it was cancelled while its whole low-priority
cluster was taken away: then there is no capacity left for it, and it must be submitted
again. A single lost node is no such case: Azure ML starts that job again by itself.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-use-low-priority-batch
("If the entire cluster is preempted (or running on a single-node cluster), the job is
cancelled"), https://github.com/Azure/MachineLearningNotebooks/issues/1242 (the run's error
names a ``PreemptionError``)
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.core.ml_clusters import MlCluster
from shared.core.resources import Resource, retry_key

ROOT_TAG = "nightshift-first-run"
ATTEMPT_TAG = "nightshift-attempt"
PREDECESSOR_TAG = "nightshift-resumes"
STEP_TAG = "nightshift-step"
NAME_AT_MOST = 255
_ROOM = 40
_PREEMPTED = re.compile(r"pre-?empt", re.IGNORECASE)
_YES = frozenset({"true", "yes", "on"})
_NO = frozenset({"", "false", "no", "off", "0"})
ENDED = frozenset({"completed", "failed", "canceled"})
"""States that a job does not leave.

Source: https://learn.microsoft.com/rest/api/azureml/jobs/get (JobStatus)
"""


class BadDeclaration(ValueError):
    """A job says that it may run again in a way that nobody can read."""


@dataclass(frozen=True, slots=True)
class MlJob:
    """An Azure ML job, with what its run's history says of its end.

    Attributes:
        kind: ``command``, ``pipeline``, ``sweep``, ... in lower case.
        status: As the service spells it: ``Running``, ``Canceled``, ...
        compute: ARM id of the compute it runs on; empty for serverless or unknown.
        runs_as_user: Whether it runs with the identity of whoever submitted it.
        error: Code and message of its end; None if the history could not be read.
        canceled_because: What the history gives as reason of a cancellation.
        ended_at: When it ended; None if it has not, or if that is not told.
    """

    name: str
    kind: str
    status: str
    compute: str = ""
    experiment: str = ""
    runs_as_user: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)
    error: str | None = ""
    canceled_because: str = ""
    ended_at: datetime | None = None

    @property
    def has_ended(self) -> bool:
        """Tell whether it does not run any more, and never will under this name."""
        return self.status.casefold() in ENDED


@dataclass(frozen=True, slots=True)
class MlJobFacts:
    """A job, the cluster that it ran on, and how often it was submitted again.

    Attributes:
        resource: With the workspace's tags under the job's own.
        cluster: None if it is not known, or not a cluster.
        resubmitted: How often Nightshift submitted a run of this chain again.
    """

    resource: Resource
    job: MlJob
    cluster: MlCluster | None = None
    resubmitted: int = 0


def attempts_allowed(tags: Mapping[str, str], tag: str, most: int) -> int | None:
    """Read how often a job says that it may be submitted again; None if it says nothing.

    ``true`` means as often as the rule allows, a number means so often, but no more than
    the rule allows.

    Raises:
        BadDeclaration: It says something else.
    """
    said = next((v for k, v in tags.items() if k.casefold() == tag.casefold()), None)
    if said is None:
        return None
    word = said.strip().casefold()
    if word in _NO:
        return 0
    if word in _YES:
        return most
    if word.isdecimal() and word.isascii():
        return min(int(word[:6]), most)
    raise BadDeclaration(f"{tag} is {said[:40]!r}: write true, false or a number")


def preempted_because(
    job: MlJob, cluster: MlCluster | None, now: datetime, *, cluster_for: timedelta
) -> str:
    """Say what proves that a job ended because its machines were taken; empty if nothing.

    Args:
        cluster_for: How long after its end the cluster's state still says anything.
    """
    if job.status.casefold() not in {"failed", "canceled"}:
        return ""
    for said in (job.error or "", job.canceled_because):
        if _PREEMPTED.search(said):
            return "its run says that it was preempted"
    if job.status.casefold() != "canceled" or job.error or job.canceled_because:
        return ""
    if cluster is None or not cluster.is_low_priority or not cluster.is_all_preempted:
        return ""
    if job.ended_at is None or now - job.ended_at > cluster_for:
        return ""
    return "it was cancelled, and every node of its low-priority cluster is preempted"


def root_of(job: MlJob) -> str:
    """Name the run that a chain of resubmissions began with."""
    return job.tags.get(ROOT_TAG) or job.name


def attempt_of(job: MlJob) -> int:
    """Tell how many resubmissions lie before a run; 0 for one that a person submitted."""
    said = job.tags.get(ATTEMPT_TAG, "")
    return int(said[:6]) if said.isdecimal() and said.isascii() else 0


def budget_key(workspace: str, job: MlJob) -> str:
    """Name what counts the resubmissions of a chain of runs."""
    return retry_key(workspace, "azureml-job", root_of(job))


def successor_name(job: MlJob) -> str:
    """Name the job that takes a preempted run's place: one name for one run, always.

    Made of nothing but the run, so that two events about it, or two rules, or a worker that
    takes over from a dead one, all mean the same job.
    """
    mark = hashlib.sha256(job.name.encode()).hexdigest()[:8]
    root = root_of(job)[: NAME_AT_MOST - _ROOM]
    return f"{root}-again-{attempt_of(job) + 1}-{mark}"


def successor_tags(job: MlJob, step: str) -> dict[str, str]:
    """Return the tags of that job: the run's own, and where it comes from."""
    return {
        **job.tags,
        ROOT_TAG: root_of(job),
        ATTEMPT_TAG: str(attempt_of(job) + 1),
        PREDECESSOR_TAG: job.name,
        STEP_TAG: step,
    }
