"""Tell how a trial of rules goes, and show it: to the record, to people, over HTTP.

Like everything about a version of the rules it is an event's record of its own, named
after the version, so that every instance tells the same thing and it is stored once.
"""

from __future__ import annotations

from typing import Any

from shared.core.notices import rules_fell_back
from shared.core.rollouts import Verdict, rollout_to_json
from shared.core.signals import Phase
from shared.core.wire import write_moment
from shared.engine.night import Night
from shared.engine.recorded import spoken
from shared.engine.trying import BEGUN, Trying, Turn
from shared.ports import EventRecord
from shared.rules.book import Rule

SOURCE = "rules"
PHASES = {
    BEGUN: Phase.STARTED,
    Verdict.PROMOTE.value: Phase.COMPLETED,
    Verdict.FALL_BACK.value: Phase.FAILED,
}


async def tell_turns(night: Night, container: str, trying: Trying) -> None:
    """Store what has yet to be told; what fails stays to be told.

    Raises:
        AutomationError: Something could not be stored; call again after the next look.
    """
    while trying.turns:
        turn = trying.turns[0]
        await night.ports.ledger.record_event(record_of(container, turn))
        if turn.what == Verdict.FALL_BACK.value and night.ports.messengers:
            channels = [messenger.channel for messenger in night.ports.messengers]
            notice = rules_fell_back(turn.version, turn.why, at=turn.at, channels=channels)
            await night.ports.notices.post(notice)
        if trying.turns and trying.turns[0] is turn:
            del trying.turns[0]


def record_of(container: str, turn: Turn) -> EventRecord:
    """Write down that a trial began, or how it ended."""
    return spoken(
        "rules",
        turn.what,
        turn.why,
        event_id=f"rules-{turn.version}",
        phase=PHASES[turn.what].value,
        at=turn.at,
        source=SOURCE,
        kind=SOURCE,
        view={"container": container, "version": turn.version},
    )


def _tried(rule: Rule, known: Rule | None) -> dict[str, Any]:
    """Write a rule on trial; who leaps from observing to acting is seen by its modes."""
    was = known.mode.value if known is not None else None
    return {"name": rule.name, "mode": rule.mode.value, "was": was, "hash": rule.hash}


def rollout_view(night: Night, trying: Trying | None) -> dict[str, Any] | None:
    """Write which version counts where; None if what loads counts everywhere at once."""
    if trying is None or trying.state is None:
        return None
    state, terms = trying.state, trying.terms
    return {
        **rollout_to_json(state),
        "percent": terms.percent,
        "soaked_at": write_moment(state.since + terms.soak) if state.since else None,
        "failures": terms.failures,
        "rules_on_trial": [
            _tried(rule, night.rules.named(rule.name))
            for rule in night.every_rule[len(night.rules.rules) :]
        ],
    }
