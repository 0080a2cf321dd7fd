"""The audit's tables as data: names, columns, meanings.

Documentation and deployment templates are written from here, and a test holds every
record against it. Columns once released only grow.

Source: https://learn.microsoft.com/azure/azure-monitor/logs/create-custom-table (types) and
https://learn.microsoft.com/azure/azure-monitor/logs/log-standard-columns (TimeGenerated
older than two days is replaced by the time of arrival, so ``OccurredAt`` repeats it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Table(StrEnum):
    """The custom tables of the Log Analytics workspace."""

    PLANS = "NightshiftPlans_CL"
    STEPS = "NightshiftSteps_CL"
    DECISIONS = "NightshiftDecisions_CL"


class EventType(StrEnum):
    """The CloudEvents that other systems may react to."""

    PLAN_OPENED = "Nightshift.Plan.Opened"
    PLAN_CLOSED = "Nightshift.Plan.Closed"
    STEP_FINISHED = "Nightshift.Step.Finished"
    DECISION_MADE = "Nightshift.Decision.Made"


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        type: Log Analytics' word: string, int, real, boolean, datetime or dynamic.
    """

    name: str
    type: str
    meaning: str


def _columns(*rows: tuple[str, str, str]) -> tuple[Column, ...]:
    return tuple(Column(*row) for row in rows)


_EVERY = _columns(
    ("TimeGenerated", "datetime", "when it happened; the workspace replaces what is old"),
    ("OccurredAt", "datetime", "when it happened, however late it was exported"),
    ("RecordId", "string", "the same for a record that is sent again: count distinct"),
    ("Rule", "string", "the rule's name; empty where no rule was asked"),
    ("Remediation", "string", "the remediation's name"),
    ("Target", "string", "ARM id of the resource, as the event wrote it"),
    ("SubscriptionId", "string", "the target's subscription, lower case"),
    ("SignalType", "string", "the signal, such as vm.preempt"),
    ("EventId", "string", "the event's own id"),
    ("PlanId", "string", "the plan, or empty"),
)

_PLANS = _columns(
    ("Transition", "string", "opened, withdrawn or closed"),
    ("RuleHash", "string", "of the rule as it stood when it decided"),
    ("Mode", "string", "how far the rule might go"),
    ("EventSource", "string", "where the event came from"),
    ("Phase", "string", "the phase of the event that opened the plan"),
    ("Deadline", "datetime", "when acting stops being useful"),
    ("NoticeSeconds", "real", "deadline less the moment the event was observed"),
    ("StepCount", "int", "how many steps the plan has"),
    ("Undoes", "string", "the plan whose effects this one takes back"),
    ("Rung", "int", "which remediation of the rule's ladder, from 0"),
    ("Approval", "string", "the person's yes it was opened on, or empty"),
    ("Channels", "dynamic", "who is told of it"),
    ("Reason", "string", "why it was withdrawn"),
    ("Outcome", "string", "done, partial, failed, refused, unknown, withdrawn or dry_run"),
    ("MarginSeconds", "real", "deadline less the last step's end; negative if late"),
    ("LeadSeconds", "real", "from the event's observation to the first step's begin"),
    ("DurationSeconds", "real", "from opened to closed"),
    ("Waits", "int", "how often the plan was put down to be looked at later"),
)

_STEPS = _columns(
    ("Transition", "string", "began or finished"),
    ("StepIndex", "int", "from 0"),
    ("Verb", "string", "what is done"),
    ("StepTarget", "string", "ARM id of what it is done to"),
    ("Outcome", "string", "done, already, failed, refused or unknown"),
    ("Reason", "string", "why it did not end well"),
    ("Detail", "dynamic", "what the step has to say"),
    ("Attempts", "int", "how often it was begun"),
    ("StartedAt", "datetime", "when it first began; empty if it never did"),
    ("FinishedAt", "datetime", "when it ended"),
    ("VerifiedAt", "datetime", "when a fresh read of the target showed it"),
    ("DurationSeconds", "real", "from first begun to ended"),
    ("MarginSeconds", "real", "the plan's deadline less its end; negative if late"),
)

_DECISIONS = _columns(
    ("EventSource", "string", "where the event came from"),
    ("Phase", "string", "phase of the event; +n for the engine's nth reminder of it"),
    ("Decision", "string", "act, hold or skip"),
    ("Reason", "string", "the refusal's name; empty for act"),
    ("Until", "datetime", "when a hold is looked at again"),
    ("Detail", "dynamic", "what the rule or the guardrail has to say"),
    ("Steps", "dynamic", "what is, or would have been, done: verb and target"),
)

TABLES: Mapping[Table, tuple[Column, ...]] = MappingProxyType(
    {
        Table.PLANS: _EVERY + _PLANS,
        Table.STEPS: _EVERY + _STEPS,
        Table.DECISIONS: _EVERY + _DECISIONS,
    }
)
