"""Verbs and steps: the closed set of effects, and one verb on one target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any


class Verb(StrEnum):
    """Every effect Nightshift can have. A new one is a new power: see the role table.

    CORDON / UNCORDON: no new pods on an AKS node / again, if the cordon is ours.
    DRAIN: move the pods off, asking their budgets; a job on several nodes is told once,
        and leaves them at one moment.
    DEALLOCATE: stop paying for a VM or an Azure ML compute instance.
    SAVE_EXIT_INFO: keep what reactivating Batch tasks would erase.
    REACTIVATE: let failed Batch tasks run again.
    SNAPSHOT: an incremental snapshot of one managed disk.
    REDEPLOY: move a VM to another host.
    BOOT_DIAGNOSTICS: keep what a VM's console wrote.
    RESTART: restart a VM where it is.
    SLURM_DRAIN / SLURM_RESUME: no new jobs on a Slurm node / again, if the drain is ours.
    SLURM_CHECKPOINT: signal the jobs on a Slurm node that ask for it, and give them time.
    SLURM_REQUEUE: let the jobs on a Slurm node that may run again begin elsewhere.
    START: start an evicted spot machine again, in the rule's ways, one after another.
    REBUILD: as START, in ways that may delete the machine and make it anew from its disks.
    GROW: set a spot pool to one machine more than it has now.
    BATCH_DISABLE / BATCH_ENABLE: no new tasks on a Batch node / again, if that was ours.
    BATCH_IDLE: wait until no task runs on a Batch node; changes nothing.
    BATCH_CLOSE_JOB: close a Batch job of which nothing is going on any more.
    BATCH_REST_POOL: set an idle Batch pool to no nodes, or give it back its formula.
    BATCH_REBOOT / BATCH_REIMAGE / BATCH_REPLACE: mend Batch nodes that take no tasks.
    CHECKPOINT: run the command that a VM's owner declared for this; keep what it wrote.
    POOL_LEAVE / POOL_RETURN: take an instance of a shared pool out of rotation / back if ours.
    POOL_WARN: tell the users of an instance, by a file and on their terminals.
    POOL_SESSIONS: wait until nobody works on an instance; changes nothing.
    JOB_WATCH: wait until an Azure ML job has ended; changes nothing.
    JOB_RESUBMIT: submit an Azure ML job again that lost its machines.
    ML_SHOW: write down how an Azure ML compute instance stands; changes nothing.
    ML_START / ML_RESTART / ML_DELETE: of an Azure ML compute instance.
    ML_MARK: say by a tag when a stopped compute instance is to be deleted.
    ML_IDLE_TIME / ML_SCHEDULES: let Azure stop a compute instance: unused, by the clock.
    ML_SCALE: set the bounds of an Azure ML compute cluster.
    ENDPOINT_TRAFFIC: set which deployment of an online endpoint gets how much of it.
    EXTENSION_SHOW: write down how Azure ML extensions stand; changes nothing.
    EXTENSION_CREATE / EXTENSION_UPDATE / EXTENSION_DELETE: of the Azure ML extension.
    EXTENSION_REPAIR: have an Azure ML extension reconciled, and see its components ready.
    ENDPOINT_GATE: watch how a deployment answers; send the traffic back if it is not well.
    MARK / UNMARK: write on a leftover until when it may stay / take that off.
    REMOVE: delete a leftover whose marked date has passed.
    SNAPSHOT_COPY: an incremental copy of a snapshot in another region.
    RESTORE_POINT: all managed disks of a VM at one moment, under a name with its dates.
    RESTORE_POINT_REMOVE: delete one that is past its date and not the newest whole one.
    ASSESS_PATCHES / INSTALL_PATCHES: have Update Manager assess a machine / install
        critical and security updates on it once.
    VERIFY: look whether what a rule's ladder asks for is true by now; changes nothing.
    TELL: ask a person to look; changes nothing on the target.
    """

    CORDON = "cordon"
    UNCORDON = "uncordon"
    DRAIN = "drain"
    DEALLOCATE = "deallocate"
    SAVE_EXIT_INFO = "save_exit_info"
    REACTIVATE = "reactivate"
    SNAPSHOT = "snapshot"
    REDEPLOY = "redeploy"
    BOOT_DIAGNOSTICS = "boot_diagnostics"
    RESTART = "restart"
    SLURM_DRAIN = "slurm_drain"
    SLURM_RESUME = "slurm_resume"
    SLURM_CHECKPOINT = "slurm_checkpoint"
    SLURM_REQUEUE = "slurm_requeue"
    START = "start"
    REBUILD = "rebuild"
    GROW = "grow"
    BATCH_DISABLE = "batch_disable"
    BATCH_ENABLE = "batch_enable"
    BATCH_IDLE = "batch_idle"
    BATCH_REBOOT = "batch_reboot"
    BATCH_REIMAGE = "batch_reimage"
    BATCH_REPLACE = "batch_replace"
    BATCH_CLOSE_JOB = "batch_close_job"
    BATCH_REST_POOL = "batch_rest_pool"
    CHECKPOINT = "checkpoint"
    POOL_LEAVE = "pool_leave"
    POOL_RETURN = "pool_return"
    POOL_WARN = "pool_warn"
    POOL_SESSIONS = "pool_sessions"
    JOB_WATCH = "job_watch"
    JOB_RESUBMIT = "job_resubmit"
    ML_SHOW = "ml_show"
    ML_START = "ml_start"
    ML_RESTART = "ml_restart"
    ML_DELETE = "ml_delete"
    ML_MARK = "ml_mark"
    ML_IDLE_TIME = "ml_idle_time"
    ML_SCHEDULES = "ml_schedules"
    ML_SCALE = "ml_scale"
    ENDPOINT_TRAFFIC = "endpoint_traffic"
    EXTENSION_SHOW = "extension_show"
    EXTENSION_CREATE = "extension_create"
    EXTENSION_UPDATE = "extension_update"
    EXTENSION_REPAIR = "extension_repair"
    EXTENSION_DELETE = "extension_delete"
    ENDPOINT_GATE = "endpoint_gate"
    MARK = "mark"
    UNMARK = "unmark"
    REMOVE = "remove"
    SNAPSHOT_COPY = "snapshot_copy"
    RESTORE_POINT = "restore_point"
    RESTORE_POINT_REMOVE = "restore_point_remove"
    ASSESS_PATCHES = "assess_patches"
    INSTALL_PATCHES = "install_patches"
    VERIFY = "verify"
    TELL = "tell"

    @property
    def touches(self) -> bool:
        """Tell whether it changes anything in the cloud."""
        looks = {Verb.JOB_WATCH, Verb.ML_SHOW, Verb.EXTENSION_SHOW}
        return self not in {Verb.VERIFY, Verb.TELL, *looks}


UNDO: Mapping[Verb, Verb] = MappingProxyType(
    {
        Verb.CORDON: Verb.UNCORDON,
        Verb.SLURM_DRAIN: Verb.SLURM_RESUME,
        Verb.BATCH_DISABLE: Verb.BATCH_ENABLE,
        Verb.POOL_LEAVE: Verb.POOL_RETURN,
        Verb.MARK: Verb.UNMARK,
    }
)
"""Verbs that a withdrawn event takes back, and with what."""


MANY: frozenset[Verb] = frozenset(
    {Verb.DRAIN, Verb.START, Verb.REBUILD, Verb.BATCH_IDLE, Verb.POOL_SESSIONS}
    | {Verb.ENDPOINT_GATE}
)
"""Verbs that are many effects: before each attempt somebody may have said stop."""


@dataclass(frozen=True, slots=True)
class Step:
    """One verb on one target.

    Attributes:
        target: Full ARM id (a disk's for SNAPSHOT, a Batch job's for REACTIVATE).
        args: JSON values that the verb needs beside its target, decided with the plan.
    """

    verb: Verb
    target: str
    args: Mapping[str, Any] = field(default_factory=dict)
