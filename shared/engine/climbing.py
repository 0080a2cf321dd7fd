"""Ladders: when a rung did not help, the rule's next remediation is asked.

The message that asks is stored before the plan is closed: if the worker dies between the
two, the plan is closed by whoever finds it, and the message meets a closed plan in the
end. Each rung is a plan of its own, decided on fresh facts.
"""

from __future__ import annotations

from datetime import timedelta

from shared.core import ledger
from shared.core.decisions import Hold, Reason, Skip
from shared.core.plans import Plan, plan_id, rung_name
from shared.core.signals import Signal
from shared.engine import acknowledging
from shared.engine.night import Night
from shared.engine.request import Request
from shared.ports import TargetView

SOON = timedelta(seconds=1)
NOT_YET = timedelta(seconds=2)


async def before_closing(night: Night, plan: Plan) -> None:
    """Ask for the next rung, if this plan closes without having helped.

    And for a look at its notice, if its rule would have that acknowledged.
    """
    await acknowledging.before_closing(night, plan)
    if not ledger.may_climb(plan):
        return
    rule = night.rules_for(plan.target).named(plan.rule)
    if rule is None or plan.rung + 1 >= len(rule.rungs):
        return
    message = {
        "signal": dict(plan.signal),
        "attempt": 1,
        "rule": plan.rule,
        "rung": plan.rung + 1,
    }
    await night.ports.queue.put(message, delay=SOON)


def below(signal: Signal, request: Request) -> str:
    """Name the plan of the rung below, or nothing at the foot of the ladder."""
    if not request.rung:
        return ""
    name = rung_name(request.rule, request.rung - 1)
    return plan_id(name, signal.event_id, signal.target)


def may_not_climb(night: Night, view: TargetView, previous: str) -> Hold | Skip | None:
    """Refuse a rung while the one below is at work, or if it helped after all."""
    stored = view.plans.get(previous)
    if stored is None:
        return Skip(Reason.NO_LONGER_WANTED, "the rung below was never tried")
    if stored.plan.is_open:
        return Hold(Reason.IN_FLIGHT, night.ports.clock.now() + NOT_YET, previous)
    if not ledger.may_climb(stored.plan):
        return Skip(Reason.NO_LONGER_WANTED, "the rung below was enough, or was stopped")
    return None
