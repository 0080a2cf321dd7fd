"""A survey: what it reads of a subscription, and what it then finds.

A survey is pure. It names the lists it needs, keeps what matters of each document, and
looks at what was read; the engine reads, asks the rules about each finding, and writes
the report. A finding is a signal like any other: a rule may answer it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Protocol

from shared.core.facts import Facts, FactsKind
from shared.core.resource_ids import ResourceId
from shared.core.signals import SignalType

Document = Mapping[str, Any]
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class Severity(StrEnum):
    """How bad a finding is, in Azure Monitor's words.

    Source: https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-overview
    """

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFORMATIONAL = "informational"


class Item(Protocol):
    """What a listing keeps of a document: small, and at least its id."""

    @property
    def id(self) -> str:
        """Full ARM id."""
        ...


@dataclass(frozen=True, slots=True)
class Listing:
    """One list of the resource manager, or one query of Resource Graph.

    Attributes:
        path: With ``{subscription}``, and ``{id}`` for each item of the listing ``of``.
        keep: Makes an item of a document, or None to leave it out. Whatever it raises
            is a document that cannot be read: named in the report, never judged.
        of: Read once for each item of that listing, an earlier one.
        is_one: The path is one document and no list; one that is not there is no item.
        graph: A Resource Graph query instead of a path.
        file: A list that is deployed with the app (``rules/FILE.json``) instead of a path.
        batch: What is listed of each Batch account of the listing ``of``: ``jobs``, the
            active ones, as ``{"id", "job"}``, or ``pools``, as ``{"id", "pool"}``.
        must_be_whole: What is missing from it is concluded from: where one document of
            it cannot be read, nothing of the subscription is judged.
    """

    path: str = ""
    api_version: str = ""
    keep: Callable[[Document], Item | None] = lambda _: None
    query: Mapping[str, str] = field(default_factory=dict)
    of: str = ""
    is_one: bool = False
    graph: str = ""
    file: str = ""
    batch: str = ""
    must_be_whole: bool = False


@dataclass(frozen=True, slots=True)
class Measure:
    """A platform metric of the items of a listing; they need a ``location``.

    Attributes:
        of: The listing.
        aggregation: ``average``, ``maximum``, ``minimum``, ``total`` or ``count``.
        filter: Dimensions and their values, as Azure Monitor writes it; of a total or
            count over several values the sum is given, else the largest.
    """

    of: str
    namespace: str
    metric: str
    aggregation: str
    window: timedelta = timedelta(hours=1)
    grain: timedelta = timedelta(minutes=5)
    filter: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read of one subscription; whole, or it is not shown to the survey.

    Attributes:
        items: By listing. Of a listing read once an item: all of them together.
        children: By listing and the parent's folded id. A parent whose children could
            not be read is in none of its listing's items either.
        points: By metric and folded id: the points that have a value, oldest first. An
            id without an entry was not measured, which means nothing.
    """

    subscription: str
    items: Mapping[str, Sequence[Any]]
    children: Mapping[str, Mapping[str, Sequence[Any]]] = field(default_factory=dict)
    points: Mapping[str, Mapping[str, Sequence[float]]] = field(default_factory=dict)

    def under(self, listing: str, parent: str) -> Sequence[Any]:
        """Return what a listing holds of one parent."""
        return self.children.get(listing, {}).get(parent.casefold(), ())

    def measured(self, metric: str, resource_id: str) -> Sequence[float]:
        """Return a metric's points; empty where nothing is known."""
        return self.points.get(metric, {}).get(resource_id.casefold(), ())


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a survey found.

    Attributes:
        target: Full ARM id of what it is about.
        name: What is the matter, ``snake_case``; ``signal.finding`` in conditions.
        evidence: What was seen, in a sentence, with its figures.
        guidance: Address of the page that says how it should be.
        fixed_by: Remediation that would mend it, or empty.
        fix: What somebody does about it, in words.
        attributes: More for conditions and remediations, JSON values.
        facts: What a remediation of the survey's kind of facts would be told, so that
            nobody reads it twice; None to have it read.
    """

    target: str
    name: str
    severity: Severity
    evidence: str
    guidance: str = ""
    fixed_by: str = ""
    fix: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    facts: Facts | None = None


@dataclass(frozen=True, slots=True)
class Point:
    """One thing that a posture survey looks at, as people read it in POSTURE.md.

    Attributes:
        name: Of its findings.
        matter: What is the matter where it is found, in a sentence.
        guidance: Address of the page that says how it should be.
        fix: What somebody does about it.
        fixed_by: Remediation that does it, or empty.
    """

    name: str
    severity: Severity
    matter: str
    guidance: str
    fix: str
    fixed_by: str = ""

    def found(self, target: str, evidence: str, **attributes: Any) -> Finding:
        """Make the finding that it is the matter with a target."""
        return Finding(
            target=target,
            name=self.name,
            severity=self.severity,
            evidence=evidence,
            guidance=self.guidance,
            fixed_by=self.fixed_by,
            fix=self.fix,
            attributes=attributes,
        )


@dataclass(frozen=True, slots=True)
class SurveyExample:
    """One worked case: shown in the catalogue and run as a test.

    Attributes:
        expect: Names of the findings, in order.
    """

    title: str
    seen: Seen
    now: datetime
    expect: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Survey:
    """A look at every subscription in scope, every so often.

    Attributes:
        summary: One sentence for the catalogue.
        says: The signal that a finding is.
        every: How often; a whole number of 5 minutes.
        reads: Listings by name, in the order they are read.
        actions: Operations that reading them needs, in full (``Microsoft.X/y/read``).
        look: ``look(seen, now)``: the findings.
        facts: Kind of the findings' ``facts``; None where they carry none.
        points: What a posture survey looks at; each of its findings is one of these.
        examples: At least one that finds something and one that finds nothing.
    """

    name: str
    summary: str
    says: SignalType
    every: timedelta
    reads: Mapping[str, Listing]
    actions: tuple[str, ...]
    look: Callable[[Seen, datetime], Iterable[Finding]]
    examples: tuple[SurveyExample, ...]
    measures: tuple[Measure, ...] = ()
    facts: FactsKind | None = None
    points: tuple[Point, ...] = ()


def slot(survey: Survey, now: datetime) -> datetime:
    """Return when the present turn of a survey began: the same on every instance."""
    return now - (now - _EPOCH) % survey.every


def check(survey: Survey) -> None:
    """Refuse a survey that cannot work.

    Raises:
        ValueError: Saying what is wrong with it.
    """
    minutes = survey.every / timedelta(minutes=5)
    if minutes < 1 or minutes % 1:
        raise ValueError(f"{survey.name}: every is no whole number of 5 minutes")
    if {bool(example.expect) for example in survey.examples} != {True, False}:
        raise ValueError(f"{survey.name} needs an example that finds and one that does not")
    known: set[str] = set()
    for name, listing in survey.reads.items():
        if listing.of and listing.of not in known:
            raise ValueError(f"{survey.name}: {name} is read for {listing.of}, not read yet")
        sources = (listing.path, listing.graph, listing.file, listing.batch)
        if len([one for one in sources if one]) != 1:
            raise ValueError(
                f"{survey.name}: {name} needs a path or a graph query, a file, or batch"
            )
        if listing.batch and not listing.of:
            raise ValueError(f"{survey.name}: {name} is read for no Batch account")
        known.add(name)
    for measure in survey.measures:
        if measure.of not in known:
            raise ValueError(f"{survey.name}: {measure.metric} is of {measure.of}, not read")


@dataclass(frozen=True, slots=True)
class Kept:
    """The plainest item: an id, where it is, its tags and what else matters."""

    id: str
    location: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def name(self) -> str:
        """The innermost name of its id."""
        return ResourceId.parse(self.id).name


def kept(document: Document, **more: Any) -> Kept:
    """Keep a document's id, location and tags, and what is named.

    Raises:
        ValueError: It has no id.
    """
    found = document.get("id")
    if not isinstance(found, str) or not found:
        raise ValueError("it has no id")
    tags = document.get("tags")
    return Kept(
        id=found,
        location=str(document.get("location") or ""),
        tags={str(k): str(v) for k, v in tags.items()} if isinstance(tags, Mapping) else {},
        more=more,
    )
