"""What each verb does: read, compare, act, and look whether it happened.

One function a verb, one table. An effect returns how the step ended, or raises NotYet
with what to remember; it never waits. Each is safe to repeat from any point at which a
worker may have died.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from shared.core.steps import Verb
from shared.engine.effects.batch_jobs import batch_close_job
from shared.engine.effects.batch_mending import batch_reboot, batch_reimage, batch_replace
from shared.engine.effects.batch_nodes import batch_disable, batch_enable, batch_idle
from shared.engine.effects.batch_pools import batch_rest_pool
from shared.engine.effects.batch_tasks import reactivate, save_exit_info
from shared.engine.effects.checkpoint import checkpoint
from shared.engine.effects.disks import snapshot
from shared.engine.effects.extensions import (
    extension_create,
    extension_delete,
    extension_repair,
    extension_show,
    extension_update,
)
from shared.engine.effects.leftovers import mark, remove, unmark
from shared.engine.effects.ml_computes import (
    ml_delete,
    ml_idle_time,
    ml_mark,
    ml_restart,
    ml_scale,
    ml_schedules,
    ml_show,
    ml_start,
)
from shared.engine.effects.ml_endpoints import endpoint_gate, endpoint_traffic
from shared.engine.effects.ml_jobs import job_resubmit, job_watch
from shared.engine.effects.nodes import cordon, drain, uncordon
from shared.engine.effects.patches import assess_patches, install_patches
from shared.engine.effects.pool_instances import (
    pool_leave,
    pool_return,
    pool_sessions,
    pool_warn,
)
from shared.engine.effects.power import deallocate, redeploy
from shared.engine.effects.replacing import grow, start
from shared.engine.effects.restore_points import restore_point, restore_point_remove
from shared.engine.effects.slurm_jobs import slurm_checkpoint, slurm_requeue
from shared.engine.effects.slurm_nodes import slurm_drain, slurm_resume
from shared.engine.effects.snapshot_copies import snapshot_copy
from shared.engine.effects.tell import tell
from shared.engine.effects.verify import verify
from shared.engine.effects.vm_care import boot_diagnostics, restart
from shared.engine.effects.work import Effect, Work

EFFECTS: Mapping[Verb, Effect] = MappingProxyType(
    {
        Verb.CORDON: cordon,
        Verb.UNCORDON: uncordon,
        Verb.DRAIN: drain,
        Verb.DEALLOCATE: deallocate,
        Verb.SAVE_EXIT_INFO: save_exit_info,
        Verb.REACTIVATE: reactivate,
        Verb.SNAPSHOT: snapshot,
        Verb.REDEPLOY: redeploy,
        Verb.BOOT_DIAGNOSTICS: boot_diagnostics,
        Verb.RESTART: restart,
        Verb.SLURM_DRAIN: slurm_drain,
        Verb.SLURM_RESUME: slurm_resume,
        Verb.SLURM_CHECKPOINT: slurm_checkpoint,
        Verb.SLURM_REQUEUE: slurm_requeue,
        Verb.CHECKPOINT: checkpoint,
        Verb.POOL_LEAVE: pool_leave,
        Verb.POOL_RETURN: pool_return,
        Verb.POOL_WARN: pool_warn,
        Verb.POOL_SESSIONS: pool_sessions,
        Verb.START: start,
        Verb.REBUILD: start,
        Verb.BATCH_DISABLE: batch_disable,
        Verb.BATCH_ENABLE: batch_enable,
        Verb.BATCH_IDLE: batch_idle,
        Verb.BATCH_REBOOT: batch_reboot,
        Verb.BATCH_REIMAGE: batch_reimage,
        Verb.BATCH_REPLACE: batch_replace,
        Verb.BATCH_CLOSE_JOB: batch_close_job,
        Verb.BATCH_REST_POOL: batch_rest_pool,
        Verb.GROW: grow,
        Verb.JOB_WATCH: job_watch,
        Verb.JOB_RESUBMIT: job_resubmit,
        Verb.ML_SHOW: ml_show,
        Verb.ML_START: ml_start,
        Verb.ML_RESTART: ml_restart,
        Verb.ML_DELETE: ml_delete,
        Verb.ML_MARK: ml_mark,
        Verb.ML_IDLE_TIME: ml_idle_time,
        Verb.ML_SCHEDULES: ml_schedules,
        Verb.ML_SCALE: ml_scale,
        Verb.EXTENSION_SHOW: extension_show,
        Verb.EXTENSION_CREATE: extension_create,
        Verb.EXTENSION_UPDATE: extension_update,
        Verb.EXTENSION_REPAIR: extension_repair,
        Verb.EXTENSION_DELETE: extension_delete,
        Verb.ENDPOINT_TRAFFIC: endpoint_traffic,
        Verb.ENDPOINT_GATE: endpoint_gate,
        Verb.MARK: mark,
        Verb.UNMARK: unmark,
        Verb.REMOVE: remove,
        Verb.SNAPSHOT_COPY: snapshot_copy,
        Verb.RESTORE_POINT: restore_point,
        Verb.RESTORE_POINT_REMOVE: restore_point_remove,
        Verb.ASSESS_PATCHES: assess_patches,
        Verb.INSTALL_PATCHES: install_patches,
        Verb.VERIFY: verify,
        Verb.TELL: tell,
    }
)

__all__ = ["EFFECTS", "Effect", "Work"]
