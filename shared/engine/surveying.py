"""Surveys: read a part of the estate, let the rules answer what is found, report.

A tick only puts messages, one for each survey and subscription that is due, so that a
large estate is read by as many instances as the platform gives. Whoever takes one reads,
looks, answers, and keeps the report. What could not be read is named there, and nothing
is concluded from it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared.core.errors import AutomationError
from shared.core.moments import read_moment
from shared.core.signals import Phase, Signal
from shared.core.surveys import Finding, Item, Listing, Seen, Survey, slot
from shared.core.wire import write_moment
from shared.engine.answer import answer
from shared.engine.night import Night
from shared.engine.request import Answer, Request
from shared.engine.rulings import FactsByKind, facts_key, reason_of
from shared.ports import EventRecord
from shared.rules.book import Rule
from shared.surveys import discover

SURVEY = "survey"
AT_ONCE = 16
NAMED_AT_MOST = 2_000
Surveys = Mapping[str, Survey]


@dataclass(slots=True)
class Read:
    """What was read so far.

    Attributes:
        unread: Each thing that could not be read, with the reason.
        lost: Listings of which something is missing as a whole.
    """

    items: dict[str, list[Any]] = field(default_factory=dict)
    children: dict[str, dict[str, list[Any]]] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Report:
    """What one survey of one subscription came to."""

    survey: str
    subscription: str
    began_at: datetime
    looked_at: dict[str, int] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    findings: list[dict[str, Any]] = field(default_factory=list)
    by_reason: Counter[str] = field(default_factory=Counter)
    left_out: int = 0

    def to_json(self) -> dict[str, Any]:
        """Write it for the record and for people."""
        return {
            "survey": self.survey,
            "subscription": self.subscription,
            "began_at": write_moment(self.began_at),
            "is_whole": not self.unread,
            "looked_at": dict(self.looked_at),
            "unread": self.unread[:NAMED_AT_MOST],
            "by_reason": dict(sorted(self.by_reason.items())),
            "findings": self.findings,
            "left_out": self.left_out,
        }


def turn_id(survey: str, began_at: datetime) -> str:
    """Name a survey's turn: what its findings are events of."""
    return f"survey-{survey}-{began_at:%Y%m%dT%H%M}"


def report_name(survey: str, subscription: str, began_at: datetime) -> str:
    """Name the document that keeps a report."""
    return f"{turn_id(survey, began_at)}-{subscription.casefold()}"


async def begin(night: Night, surveys: Surveys | None = None) -> int:
    """Put a message for each survey that is due and that some rule would answer.

    Returns:
        How many were put.
    """
    now, count = night.ports.clock.now(), 0
    for survey in (discover() if surveys is None else surveys).values():
        if not night.answering(survey.says):
            continue
        began_at = slot(survey, now)
        known = await night.ports.ledger.find_event(turn_id(survey.name, began_at))
        begun = {record.target for record in known}
        for subscription in night.settings.subscriptions:
            target = f"/subscriptions/{subscription}"
            if target in begun:
                continue
            message = {
                SURVEY: survey.name,
                "subscription": subscription,
                "began_at": write_moment(began_at),
            }
            await night.ports.queue.put(message, delay=timedelta(0))
            await _note(night, survey, target, began_at, Phase.SCHEDULED, {})
            count += 1
    return count


async def carry_out_survey(
    night: Night, message: Mapping[str, Any], surveys: Surveys | None = None
) -> Report | None:
    """Read, look, answer and report; None for a survey that this version does not have."""
    survey = (discover() if surveys is None else surveys).get(str(message[SURVEY]))
    began_at = read_moment(str(message["began_at"]))
    if survey is None or began_at is None:
        return None
    report = Report(survey.name, str(message["subscription"]), began_at)
    read = await _read(night, survey, report.subscription)
    report.unread = read.unread
    report.looked_at = {name: len(items) for name, items in read.items.items()}
    if not read.lost:
        seen = await _measured(night, survey, report.subscription, read)
        await _answer(night, survey, report, survey.look(seen, night.ports.clock.now()))
    shown = report.to_json()
    name = report_name(survey.name, report.subscription, began_at)
    await night.ports.records.keep(name, shown)
    brief = {**shown, "findings": len(report.findings), "report": name}
    target = f"/subscriptions/{report.subscription}"
    await _note(night, survey, target, began_at, Phase.COMPLETED, brief)
    return report


async def _read(night: Night, survey: Survey, subscription: str) -> Read:
    read = Read()
    for name, listing in survey.reads.items():
        read.items[name] = []
        if listing.of in read.lost:
            read.lost.add(name)
        elif listing.of:
            await _read_children(night, name, listing, read)
        else:
            try:
                odd = len(read.unread)
                async for document in _documents(night, listing, subscription=subscription):
                    _keep(name, listing, document, read.items[name], read.unread)
                if listing.must_be_whole and len(read.unread) > odd:
                    read.lost.add(name)
            except AutomationError as error:
                read.unread.append(f"{name} of {subscription}: {error}")
                read.lost.add(name)
    return read


async def _read_children(night: Night, name: str, listing: Listing, read: Read) -> None:
    """Read a list for each parent; a parent whose list is not whole is left out."""
    gate = asyncio.Semaphore(AT_ONCE)
    held = read.children.setdefault(name, {})

    async def one(parent: Item) -> Item | None:
        items: list[Any] = []
        unread: list[str] = []
        async with gate:
            try:
                async for document in _documents(night, listing, parent=parent.id):
                    _keep(name, listing, document, items, unread)
            except AutomationError as error:
                unread.append(f"{name} of {parent.id}: {error}")
        if unread:
            read.unread += unread
            return None
        held[parent.id.casefold()] = items
        return parent

    parents = await asyncio.gather(*(one(parent) for parent in read.items[listing.of]))
    read.items[listing.of] = [parent for parent in parents if parent is not None]
    read.items[name] = [item for children in held.values() for item in children]


async def _documents(
    night: Night, listing: Listing, *, subscription: str = "", parent: str = ""
) -> AsyncIterator[Mapping[str, Any]]:
    estate = night.ports.estate
    if listing.graph:
        async for row in estate.graph(listing.graph, subscription=subscription):
            yield row
        return
    if listing.file:
        for row in night.ports.references.rows(listing.file):
            yield row
        return
    if listing.batch:
        for row in await _of_account(night, listing.batch, parent):
            yield row
        return
    path = listing.path.format(subscription=subscription, id=parent)
    version, query = listing.api_version, listing.query
    if listing.is_one:
        document = await estate.one(path, api_version=version, query=query)
        if document is not None:
            yield document
        return
    async for document in estate.listed(path, api_version=version, query=query):
        yield document


async def _of_account(night: Night, what: str, account: str) -> list[Mapping[str, Any]]:
    """Read what a Batch account's own endpoint lists."""
    if what == "pools":
        pools = await night.ports.batch_nodes.pools_of(account)
        return [{"id": pool.target, "pool": pool} for pool in pools]
    jobs = await night.ports.batch.active_jobs(account)
    return [{"id": job.target, "job": job} for job in jobs]


def _keep(
    name: str,
    listing: Listing,
    document: Mapping[str, Any],
    items: list[Any],
    unread: list[str],
) -> None:
    """Keep what matters of a document; one of an odd shape hides no other."""
    try:
        item = listing.keep(document)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        unread.append(f"{name}: {document.get('id')}: {type(error).__name__}: {error}")
        return
    if item is not None:
        items.append(item)


async def _measured(night: Night, survey: Survey, subscription: str, read: Read) -> Seen:
    points: dict[str, Mapping[str, Sequence[float]]] = {}
    for measure in survey.measures:
        places = {item.id: item.location for item in read.items[measure.of]}
        points[measure.metric] = await night.ports.metrics.points(places, measure)
    return Seen(subscription, read.items, read.children, points)


async def _answer(
    night: Night, survey: Survey, report: Report, findings: Iterable[Finding]
) -> None:
    """Let the rules answer each finding; one finding's trouble is no other's."""
    rules = night.answering(survey.says)
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(finding: Finding) -> None:
        async with gate:
            signal = _signal(night, survey, report.began_at, finding)
            request = Request(facts=_known(survey, finding, rules))
            try:
                given = await answer(night, signal, request)
            except AutomationError as error:
                report.unread.append(f"{finding.target}: {error}")
                return
        _count(report, finding, given)

    await asyncio.gather(*(one(finding) for finding in findings))
    report.findings.sort(key=lambda shown: (shown["name"], shown["target"].casefold()))


def _signal(night: Night, survey: Survey, began_at: datetime, finding: Finding) -> Signal:
    return Signal(
        type=survey.says,
        event_id=f"{turn_id(survey.name, began_at)}-{finding.name}",
        source=SURVEY,
        target=finding.target,
        observed_at=night.ports.clock.now(),
        attributes={
            **finding.attributes,
            "survey": survey.name,
            "finding": finding.name,
            "severity": finding.severity.value,
            "evidence": finding.evidence,
            "guidance": finding.guidance,
            "fixed_by": finding.fixed_by,
            **({"fix": finding.fix} if finding.fix else {}),
        },
        is_recurring=True,
    )


def _known(survey: Survey, finding: Finding, rules: Iterable[Rule]) -> FactsByKind:
    """Hand the facts that a survey has on to every rule that decides on such."""
    if finding.facts is None or survey.facts is None:
        return {}
    return {
        facts_key(rule): finding.facts
        for rule in rules
        if rule.remediation.facts is survey.facts
    }


def _count(report: Report, finding: Finding, given: Answer) -> None:
    reason = reason_of(given.rulings)
    report.by_reason[reason] += 1
    if len(report.findings) >= NAMED_AT_MOST:
        report.left_out += 1
        return
    shown = {
        "target": finding.target,
        "name": finding.name,
        "severity": finding.severity.value,
        "evidence": finding.evidence,
        "guidance": finding.guidance,
        "fixed_by": finding.fixed_by,
        "fix": finding.fix,
        "decision": reason,
    }
    if given.is_new and given.stored is not None:
        shown["plan"] = given.stored.plan.id
    report.findings.append(shown)


async def _note(
    night: Night,
    survey: Survey,
    target: str,
    began_at: datetime,
    phase: Phase,
    brief: Mapping[str, Any],
) -> None:
    turn = turn_id(survey.name, began_at)
    said = {"type": survey.says.value, "source": SURVEY, "event_id": turn, **brief}
    record = EventRecord(turn, phase.value, target, night.ports.clock.now(), said, ())
    await night.ports.ledger.record_event(record)


async def latest(
    night: Night, *, survey: str = "", surveys: Surveys | None = None
) -> list[Mapping[str, Any]]:
    """Return the newest report of each survey and subscription; a named one only."""
    now, found = night.ports.clock.now(), []
    for one in (discover() if surveys is None else surveys).values():
        if survey and one.name != survey:
            continue
        began_at = slot(one, now)
        for subscription in night.settings.subscriptions:
            for at in (began_at, began_at - one.every):
                name = report_name(one.name, subscription, at)
                document = await night.ports.records.read(name)
                if document is not None:
                    found.append(document)
                    break
    return found
