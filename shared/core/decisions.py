"""What a rule or a guardrail answers: act, hold or skip, each no with its named reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.core.steps import Step


class Reason(StrEnum):
    """Why nothing is done now. Ledger field, log field and metric label in one; stable."""

    # the event
    NO_RULE = "no_rule"
    NOT_MATCHED = "not_matched"
    CONDITION_FAILED = "condition_failed"
    TOO_FEW_STRIKES = "too_few_strikes"
    OTHER_RULE_ACTED = "other_rule_acted"
    DUPLICATE = "duplicate"
    TEST_EVENT = "test_event"
    NOT_ACTIONABLE = "not_actionable"
    WITHDRAWN = "withdrawn"
    NOTHING_TO_UNDO = "nothing_to_undo"
    EVENT_OVER = "event_over"
    ALREADY_STARTED = "already_started"
    NOT_ACKNOWLEDGED = "not_acknowledged"
    # the target
    TARGET_GONE = "target_gone"
    NOT_A_NODE = "not_a_node"
    NO_PROVIDER_ID = "no_provider_id"
    NOT_A_SLURM_NODE = "not_a_slurm_node"
    AMBIGUOUS_NODE = "ambiguous_node"
    NO_DATA = "no_data"
    NOT_IDLE = "not_idle"
    BUSY = "busy"
    TOO_SOON = "too_soon"
    ALREADY_STOPPED = "already_stopped"
    ALREADY_DRAINED = "already_drained"
    NO_DISKS = "no_disks"
    NOTHING_FAILED = "nothing_failed"
    JOB_NOT_ACTIVE = "job_not_active"
    RETRIES_SPENT = "retries_spent"
    WOULD_FAIL_AGAIN = "would_fail_again"
    TASKS_FAILED = "tasks_failed"
    UNDRAINABLE_PODS = "undrainable_pods"
    NOT_RUNNING = "not_running"
    ALREADY_RUNNING = "already_running"
    IS_WELL = "is_well"
    NO_CONSOLE = "no_console"
    STILL_LEAVING = "still_leaving"
    BY_HAND = "by_hand"
    STILL_THERE = "still_there"
    NOT_A_BATCH_NODE = "not_a_batch_node"
    NOTHING_UNUSABLE = "nothing_unusable"
    DISABLED_BY_OTHERS = "disabled_by_others"
    ENABLED_BY_HAND = "enabled_by_hand"
    NOT_A_SHARED_POOL = "not_a_shared_pool"
    TAKEN_OUT_BY_OTHERS = "taken_out_by_others"
    RETURNED_BY_HAND = "returned_by_hand"
    NOT_STANDALONE = "not_standalone"
    NOTHING_DECLARED = "nothing_declared"
    BAD_DECLARATION = "bad_declaration"
    NOT_SPOT = "not_spot"
    NOT_LEFT_OVER = "not_left_over"
    NOT_MARKED = "not_marked"
    MANAGED_POOL = "managed_pool"
    POOL_FULL = "pool_full"
    NOT_RESUMABLE = "not_resumable"
    NOT_PREEMPTED = "not_preempted"
    DISK_FULL = "disk_full"
    IN_USE = "in_use"
    SET_ALREADY = "set_already"
    MARKED_ALREADY = "marked_already"
    NO_MARK = "no_mark"
    NO_GOOD_SPLIT = "no_good_split"
    GATE_FAILED = "gate_failed"
    SPLIT_CHANGED = "split_changed"
    AMBIGUOUS_SIGNAL = "ambiguous_signal"
    REGION_NOT_ALLOWED = "region_not_allowed"
    NOT_SAVED = "not_saved"
    NOT_SEVERE = "not_severe"
    UP_TO_DATE = "up_to_date"
    NOT_OURS = "not_ours"
    CORDONED_BY_OTHERS = "cordoned_by_others"
    UNCORDONED_BY_HAND = "uncordoned_by_hand"
    DRAINED_BY_OTHERS = "drained_by_others"
    RESUMED_BY_HAND = "resumed_by_hand"
    # the guardrails
    PAUSED = "paused"
    MODE_OFF = "mode_off"
    OBSERVE_ONLY = "observe_only"
    SUGGEST_ONLY = "suggest_only"
    DRY_RUN = "dry_run"
    OPTED_OUT = "opted_out"
    PROTECTED = "protected"
    FROZEN = "frozen"
    STALE_EVENT = "stale_event"
    DEADLINE_PASSED = "deadline_passed"
    COOLDOWN = "cooldown"
    IN_FLIGHT = "in_flight"
    POOL_INTERRUPTED = "pool_interrupted"
    BLAST_RADIUS = "blast_radius"
    STORM = "storm"
    BREAKER_OPEN = "breaker_open"
    BUDGET_SPENT = "budget_spent"
    CANARY = "canary"
    CANARY_FAILED = "canary_failed"
    AWAITING_APPROVAL = "awaiting_approval"
    REJECTED_BY_PERSON = "rejected_by_person"
    APPROVAL_EXPIRED = "approval_expired"
    # while carrying out
    NO_LONGER_WANTED = "no_longer_wanted"
    EARLIER_STEP_FAILED = "earlier_step_failed"
    FORBIDDEN = "forbidden"
    REJECTED = "rejected"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    UNVERIFIED = "unverified"
    TIMED_OUT = "timed_out"
    UNREADABLE = "unreadable"
    NO_CHANNEL = "no_channel"
    SLURM_UNREACHABLE = "slurm_unreachable"
    SLURM_REFUSED = "slurm_refused"
    HALF_APPLIED = "half_applied"
    JOBS_REMAIN = "jobs_remain"
    SLURM_PODS_REMAIN = "slurm_pods_remain"
    NO_CAPACITY = "no_capacity"
    NOT_MENDED = "not_mended"
    SESSIONS_REMAIN = "sessions_remain"
    JOB_FAILED = "job_failed"
    COMMAND_FAILED = "command_failed"
    CANCELED_BY_PERSON = "canceled_by_person"


@dataclass(frozen=True, slots=True)
class Act:
    """Do these steps, in this order."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Hold:
    """Not now; look again at ``until``, or when the source says so again if None."""

    reason: Reason
    until: datetime | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Skip:
    """Not this time, and looking again at this event will not help."""

    reason: Reason
    detail: str = ""


Decision = Act | Hold | Skip
