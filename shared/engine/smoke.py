"""Smoke tests: give tickets out, and answer the events that bear them with a dry run.

The rule that answers is one of its own, like a runbook's: it tells a person, and as a dry
run it tells nobody. So every way in can be tried whatever rules are in force, and an
event that names a ticket can set nothing else off.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from shared.core.errors import InvalidSetting, InvalidTarget
from shared.core.resource_ids import ResourceId
from shared.core.signals import Phase, Signal, SignalType
from shared.core.smoke_tests import PREFIX, Inlet, Ticket, looks_like_one
from shared.engine.answer import answer
from shared.engine.night import Night
from shared.engine.request import Answer, Request
from shared.engine.runbook_rules import runbook_rule

REMEDIATION = "ask_a_person"
_EVERY_FIELD = "/providers/Microsoft.MachineLearningServices/workspaces/nightshift-smoke"


async def issue(night: Night, target: str) -> tuple[Ticket, ...]:
    """Give out a ticket for each way in.

    Args:
        target: What the dry runs are about, and what the app must be able to read; empty
            for the first subscription of the settings.

    Raises:
        InvalidTarget: ``target`` is no ARM id.
        InvalidSetting: There is no subscription in the settings to stand in for one.
    """
    about = _target(night, target)
    now = night.ports.clock.now()
    mark = night.ports.clock.token().rpartition("-")[2][:24].lower()
    tickets = tuple(
        Ticket(f"{PREFIX}{mark}-{inlet.value.replace('_', '-')}", inlet, about, now)
        for inlet in Inlet
    )
    for one in tickets:
        await night.ports.upkeep.tickets.issue(one)
    return tickets


def _target(night: Night, target: str) -> str:
    if target:
        try:
            return ResourceId.parse(target).text
        except ValueError as error:
            raise InvalidTarget(f"$.target: {error}") from None
    if not night.settings.subscriptions:
        raise InvalidSetting(
            "NIGHTSHIFT_SUBSCRIPTIONS is empty: name something the app may read, as in "
            '{"target": "/subscriptions/GUID"}'
        )
    return f"/subscriptions/{night.settings.subscriptions[0]}"


async def put_into_queue(night: Night, ticket: Ticket) -> None:
    """Put the queue's test event where Event Grid puts its own, with the app's identity."""
    event = {
        "specversion": "1.0",
        "id": ticket.id,
        "source": ticket.target.split("/resource", 1)[0]
        + "/resourceGroups/nightshift-smoke"
        + _EVERY_FIELD,
        "type": "Microsoft.MachineLearningServices.RunCompleted",
        "subject": "experiments/nightshift-smoke/runs/nightshift-smoke",
        "time": night.ports.clock.now().isoformat(),
        "data": {"runId": "nightshift-smoke", "experimentName": "nightshift-smoke"},
    }
    await night.ports.upkeep.premises.put_event(json.dumps(event).encode())


async def ticket_for(night: Night, signal: Signal) -> Ticket | None:
    """Find the ticket that an event bears; None if it bears none that counts.

    Raises:
        RetryLater: Tickets cannot be read; the sender sends again.
    """
    if not looks_like_one(signal.event_id):
        return None
    found = await night.ports.upkeep.tickets.find(signal.event_id)
    is_good = found is not None and found.is_good(signal.source, night.ports.clock.now())
    return found if is_good else None


async def answer_test(night: Night, signal: Signal, ticket: Ticket) -> Answer:
    """Answer an event that bears a ticket: think it through, record it, do nothing.

    The target it names is made up; the ticket's takes its place, for facts are read.
    """
    rule = runbook_rule(night.remediations[REMEDIATION], {}, night.settings)
    about = replace(
        signal,
        target=ticket.target,
        phase=Phase.FIRED,
        deadline=None,
        attributes={"inlet": ticket.inlet.value, "named": signal.target},
    )
    rule = replace(rule, name=f"smoke/{ticket.inlet.value}", approval=None)
    return await answer(night, about, Request(is_dry_run=True, rules=(rule,)))


async def answer_waiting(night: Night) -> int:
    """Answer the tickets that wait for a timer; tell how many."""
    count = 0
    for ticket in await night.ports.upkeep.tickets.waiting():
        now = night.ports.clock.now()
        if not ticket.is_good("tick", now):
            continue
        if await night.ports.ledger.find_event(ticket.id):
            continue
        signal = Signal(SignalType.RUNBOOK, ticket.id, "tick", ticket.target, now)
        await answer_test(night, signal, ticket)
        count += 1
    return count


def ticket_view(ticket: Ticket) -> Mapping[str, Any]:
    """Write a ticket for whoever sends what bears it."""
    return {"inlet": ticket.inlet.value, "event_id": ticket.id, "target": ticket.target}
