"""Tell that a version of the container's rules was taken or refused; show what is in force.

Told like a person's pause: as an event's record of its own, so that it is exported and
found again. The event is named after the version, so that every instance and every
restart tells of the same thing and it is stored once.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shared.core.notice import Notice, notice_id
from shared.core.notices import rules_refused
from shared.core.signals import Phase
from shared.core.wire import write_moment
from shared.engine.night import Night
from shared.engine.recorded import spoken
from shared.engine.rollout_news import rollout_view, tell_turns
from shared.engine.rule_versions import Refused
from shared.engine.rule_watch import News, RuleWatch
from shared.ports import EventRecord
from shared.ports.rule_source import RuleSource
from shared.rules.problems import RuleProblem

SOURCE = "rules"
LOADED, REFUSED = "loaded", "refused"
MOST_SHOWN = 50
MOST_RECORDED = 20
LONGEST_TEXT = 300


def event_id(version: str) -> str:
    """Name the event that tells what became of a version."""
    return f"rules-{version}"


async def tell(night: Night, watch: RuleWatch, source: RuleSource) -> None:
    """Store what has yet to be told; what fails stays to be told.

    Raises:
        AutomationError: Something could not be stored; call again after the next look.
    """
    while watch.news:
        news = watch.news[0]
        if news.good is not None:
            await source.keep(news.good)
        await night.ports.ledger.record_event(record_of(watch.container, news))
        if news.refused is not None and night.ports.messengers:
            await night.ports.notices.post(_notice(night, news, news.refused))
        if watch.news and watch.news[0] is news:
            del watch.news[0]
    if watch.trying is not None:
        await tell_turns(night, watch.container, watch.trying)


def _notice(night: Night, news: News, refused: Refused) -> Notice:
    """Tell every configured channel; every instance tells of a version by one notice."""
    made = rules_refused(
        [str(problem) for problem in refused.problems],
        at=news.at,
        channels=[messenger.channel for messenger in night.ports.messengers],
    )
    return replace(made, id=notice_id(made.kind, news.version))


def record_of(container: str, news: News) -> EventRecord:
    """Write down what became of a version; both of its ends have a row of their own."""
    view: dict[str, Any] = {"container": container, "version": news.version}
    if news.refused:
        view["problems"] = shown_problems(news.refused, MOST_RECORDED)
        view["problems_in_all"] = len(news.refused.problems)
        detail = str(news.refused.problems[0])[: 2 * LONGEST_TEXT]
    else:
        files = news.good.texts if news.good else ()
        detail = f"{news.rules} rules in force, {len(files)} files of {container}"
    return spoken(
        "rules",
        REFUSED if news.refused else LOADED,
        detail,
        event_id=event_id(news.version),
        phase=(Phase.FAILED if news.refused else Phase.COMPLETED).value,
        at=news.at,
        source=SOURCE,
        kind=SOURCE,
        view=view,
    )


def shown_problems(refused: Refused, most: int = MOST_SHOWN) -> list[dict[str, Any]]:
    """Write the first problems of a version, each cut to what a person reads."""
    return [_shown(problem) for problem in refused.problems[:most]]


def _shown(problem: RuleProblem) -> dict[str, Any]:
    return {
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "message": problem.message[:LONGEST_TEXT],
        "suggestion": problem.suggestion[:LONGEST_TEXT],
    }


def rules_view(night: Night, watch: RuleWatch | None) -> dict[str, Any]:
    """Write the rules in force, where they come from, and what is refused."""
    return {
        "rules": [
            {
                "name": rule.name,
                "mode": rule.mode.value,
                "hash": rule.hash,
                "source": rule.source,
                "on": sorted(signal.value for signal in rule.on),
            }
            for rule in night.rules.rules
        ],
        "folders": list(night.settings.rules),
        "container": None if watch is None else _container(watch),
        "refused": None if watch is None else _refused(watch),
        "rollout": None if watch is None else rollout_view(night, watch.trying),
    }


def _container(watch: RuleWatch) -> dict[str, Any]:
    return {
        "name": watch.container,
        "version": watch.in_force or None,
        "is_last_good": watch.is_last_good,
        "looked_at": write_moment(watch.looked_at),
        "unread": watch.unread or None,
    }


def _refused(watch: RuleWatch) -> dict[str, Any] | None:
    if watch.refused is None:
        return None
    return {
        "version": watch.refused.version,
        "event_id": event_id(watch.refused.version),
        "since": write_moment(watch.refused_at),
        "problems": shown_problems(watch.refused),
        "problems_in_all": len(watch.refused.problems),
    }
