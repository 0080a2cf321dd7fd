"""Event Grid: which subscriptions bring events to this app, and whether each can.

They are found by where they lead and not by their names: those that somebody made by
hand count too. Dead-letter containers found here are what the app then counts in.

Source: https://learn.microsoft.com/rest/api/eventgrid/controlplane/system-topic-event-subscriptions/list-by-system-topic,
https://learn.microsoft.com/rest/api/eventgrid/controlplane/topic-event-subscriptions/list
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from cli.doctor_wiring.account import find
from cli.doctor_wiring.place import Json, Place, inside, properties
from shared.core.beats import BEAT_TYPE
from shared.core.errors import AutomationError
from shared.core.findings import Finding, Verdict
from shared.core.resource_ids import same_resource
from shared.parsing import EVENT_TYPES
from shared.parsing.scheduled_events import DOCUMENT_TYPE

TOPICS = ("Microsoft.EventGrid/systemTopics", "Microsoft.EventGrid/topics")
GRID_API = "2025-02-15"
FUNCTION, QUEUE = "on_maintenance_event", "platform-events"
_NOTES = "microsoft.resourcenotifications"
WANTED = {
    "maintenance notices": f"{_NOTES}.maintenanceresources.scheduledeventemitted",
    "health events": f"{_NOTES}.healthresources.resourceannotated",
}
_AGAIN = "deploy infra/bicep/modules/eventgrid.bicep again"


@dataclass(frozen=True, slots=True)
class Found:
    """A subscription that leads to this app.

    Attributes:
        topic: The topic that it is of.
        way: ``function`` or ``queue``.
        by_identity: It is delivered with the topic's managed identity.
        types: Event types it lets through, folded; empty for all.
        letters: Storage account's ARM id and container of its dead letters, or empty.
    """

    topic: Json
    name: str
    state: str
    way: str
    function: str
    by_identity: bool
    types: frozenset[str]
    letters: tuple[str, str]
    letters_by_identity: bool

    @property
    def label(self) -> str:
        """How a person calls it: topic and subscription."""
        return f"{self.topic.get('name')}/{self.name}"

    @property
    def source(self) -> str:
        """Whose events the topic has, folded: a subscription, a workspace, a cluster."""
        return str(properties(self.topic).get("source") or "").casefold()

    @property
    def is_custom(self) -> bool:
        """Tell a topic of ours from one of Azure's."""
        return str(self.topic.get("type")).casefold() == TOPICS[1].casefold()


async def found_here(place: Place) -> list[Found]:
    """Find what leads to the app, from the topics of its own and the watched subscriptions.

    Raises:
        AutomationError: The app's own subscription cannot be read; of another one that
            cannot, ``event_subscriptions`` tells.
    """
    own = await asyncio.gather(*(place.everything(kind, GRID_API) for kind in TOPICS))
    elsewhere = await asyncio.gather(
        *(_topics(place, one) for one in _others(place)), return_exceptions=True
    )
    known = [some for some in elsewhere if isinstance(some, list)]
    topics = [topic for some in (*own, *known) for topic in some]
    store = await find(place)
    storage = str(store.get("id")) if store else ""
    under = await asyncio.gather(
        *(place.listed(f"{one.get('id')}/eventSubscriptions", GRID_API) for one in topics)
    )
    return [
        found
        for topic, subscriptions in zip(topics, under, strict=True)
        for one in subscriptions
        if (found := _read(place, topic, one, storage)) is not None
    ]


def _others(place: Place) -> list[str]:
    mine = place.subscription.casefold()
    return [one for one in place.watched if one.casefold() != mine]


async def _topics(place: Place, subscription: str) -> list[Json]:
    """List Azure's own topics of another subscription; people's are where the app is."""
    return await place.everything(TOPICS[0], GRID_API, subscription)


async def _unread(place: Place) -> list[Finding]:
    """Tell which of the other watched subscriptions cannot be looked at."""
    findings = []
    for one in _others(place):
        try:
            await _topics(place, one)
        except AutomationError as error:
            advice = f"az role assignment create --role Reader --assignee YOU --scope {one}"
            said = f"could not look: {error}"
            findings.append(Finding("event_subscriptions", Verdict.UNKNOWN, said, one, advice))
    return findings


def _read(place: Place, topic: Json, one: Json, storage: str) -> Found | None:
    about = properties(one)
    with_identity = inside(about, "deliveryWithResourceIdentity")
    by_identity = bool(with_identity.get("destination"))
    to = inside(with_identity if by_identity else about, "destination")
    inner, kind = inside(to, "properties"), str(to.get("endpointType") or "").casefold()
    way = function = ""
    if kind == "azurefunction":
        whole = str(inner.get("resourceId") or "")
        site, _, function = whole.partition("/functions/")
        way = "function" if same_resource(site, place.app_id.text) else ""
    elif kind == "webhook":
        address = urlsplit(str(inner.get("endpointBaseUrl") or inner.get("endpointUrl") or ""))
        way, function = (
            ("function" if address.netloc.casefold() == place.host else ""),
            FUNCTION,
        )
    elif kind == "storagequeue":
        is_ours = same_resource(str(inner.get("resourceId") or "-"), storage)
        way = "queue" if is_ours and inner.get("queueName") == QUEUE else ""
    if not way:
        return None
    by_letters = inside(about, "deadLetterWithResourceIdentity", "deadLetterDestination")
    letters = inside(by_letters or inside(about, "deadLetterDestination"), "properties")
    types = inside(about, "filter").get("includedEventTypes")
    return Found(
        topic=topic,
        name=str(one.get("name")),
        state=str(about.get("provisioningState") or ""),
        way=way,
        function=function,
        by_identity=by_identity,
        types=frozenset(str(t).casefold() for t in types) if types else frozenset(),
        letters=(
            str(letters.get("resourceId") or ""),
            str(letters.get("blobContainerName") or ""),
        ),
        letters_by_identity=bool(by_letters),
    )


async def event_subscriptions(place: Place) -> list[Finding]:
    """Judge each subscription, then what all of them together leave out."""
    here = await found_here(place)
    store = await find(place)
    storage = str(store.get("id")) if store else ""
    faults = [fault for one in here for fault in _judged(one, storage)]
    unread = await _unread(place)
    blind = {one.about for one in unread}
    seen = [one for one in place.watched or ("",) if one not in blind]
    return [*faults, *unread, *_notices(here, seen), *_gaps(here), *_good(here, faults)]


def _judged(one: Found, storage: str) -> Iterator[Finding]:
    if one.state.casefold() != "succeeded":
        yield _failed(one, f"{one.label} is {one.state or 'in no state'}", _AGAIN)
    if one.way == "function" and one.function != FUNCTION:
        said = f"{one.label} calls {one.function}, which Event Grid does not trigger"
        yield _failed(one, said, _AGAIN)
    if one.way == "queue" and not one.by_identity:
        said = f"{one.label} writes into the queue without an identity: no key opens it"
        yield _failed(one, said, f"{_AGAIN}: deliveryWithResourceIdentity")
    account, container = one.letters
    if not container:
        said = f"{one.label} has no dead letters: what cannot be delivered is lost"
        yield _failed(one, said, f"{_AGAIN}: deadLetterWithResourceIdentity")
    elif not one.letters_by_identity:
        said = f"{one.label} writes dead letters without an identity: no key opens {container}"
        yield _failed(one, said, f"{_AGAIN}: deadLetterWithResourceIdentity")
    elif not same_resource(account, storage):
        said = f"dead letters of {one.label} are in another account: {container}"
        advice = "they are not counted here: az storage blob list -c " + container
        yield Finding("event_subscriptions", Verdict.NOTE, said, one.label, advice)
    strange = sorted(one.types - _KNOWN)
    if strange:
        said = f"{one.label} brings types that nobody here reads: {', '.join(strange)}"
        advice = "correct the filter, or leave them: they are recorded and not answered"
        yield Finding("event_subscriptions", Verdict.NOTE, said, one.label, advice)


_KNOWN = frozenset(one.casefold() for one in (*EVENT_TYPES, BEAT_TYPE))


def _failed(one: Found, said: str, advice: str) -> Finding:
    return Finding("event_subscriptions", Verdict.FAILED, said, one.label, advice)


def _notices(here: list[Found], watched: list[str]) -> Iterator[Finding]:
    """Name what a watched subscription does not bring: its topic speaks for it alone."""
    azures = [one for one in here if one.way == "function" and not one.is_custom]
    for what, event_type in WANTED.items():
        sources = {one.source for one in azures if _lets(one, event_type)}
        for one in watched:
            if one.casefold() in sources or (not one and sources):
                continue
            of = f" of {one}" if one else ""
            said = f"no subscription brings {what}{of} to {FUNCTION}"
            yield Finding("event_subscriptions", Verdict.FAILED, said, what, _AGAIN)


def _gaps(here: list[Found]) -> Iterator[Finding]:
    """Name which ways of our own nothing leads by."""
    custom = [one for one in here if one.way == "function" and one.is_custom]
    if not custom:
        said = f"no topic of your own leads to {FUNCTION}: forwarders have nowhere to send"
        advice = f"{_AGAIN}, if machines run the forwarder (docs/FORWARDER.md)"
        yield Finding("event_subscriptions", Verdict.NOTE, said, "forwarders", advice)
    for one in custom:
        for event_type in (DOCUMENT_TYPE, BEAT_TYPE):
            if not _lets(one, event_type.casefold()):
                said = f"{one.label} does not let {event_type} through"
                yield _failed(one, said, f"{_AGAIN}: includedEventTypes")
    if not any(one.way == "queue" for one in here):
        said = f"no subscription fills the queue {QUEUE}"
        advice = f"{_AGAIN}, for Azure ML, AKS and resource events"
        yield Finding("event_subscriptions", Verdict.NOTE, said, "queue", advice)


def _lets(one: Found, event_type: str) -> bool:
    return not one.types or event_type in one.types


def _good(here: list[Found], faults: list[Finding]) -> Iterator[Finding]:
    """Sum up those that nothing is wrong with."""
    bad = {one.about for one in faults if one.verdict is Verdict.FAILED}
    good = sorted(one.label for one in here if one.label not in bad)
    if good:
        said = f"{len(good)} subscriptions lead here, with dead letters"
        yield Finding("event_subscriptions", Verdict.OK, said, items=tuple(good))


async def dead_letter_containers(place: Place) -> tuple[str, ...]:
    """Name the containers of the app's own account in which dead letters would be."""
    store = await find(place)
    storage = str(store.get("id")) if store else ""
    names = {
        container
        for account, container in (one.letters for one in await found_here(place))
        if container and same_resource(account, storage)
    }
    return tuple(sorted(names))
