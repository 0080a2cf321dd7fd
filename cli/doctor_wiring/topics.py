"""Topics of one's own: where forwarders send, and where outcomes are told.

Source: https://learn.microsoft.com/rest/api/eventgrid/controlplane/topics/list-by-subscription,
https://learn.microsoft.com/azure/event-grid/authenticate-with-microsoft-entra-id
(``disableLocalAuth``)
"""

from __future__ import annotations

from collections.abc import Iterator

from cli.doctor_wiring.event_subscriptions import GRID_API, TOPICS, found_here
from cli.doctor_wiring.place import Json, Place, properties
from shared.core.findings import Finding, Verdict

CLOUD = "CloudEventSchemaV1_0"


async def topics(place: Place) -> list[Finding]:
    """See that each takes CloudEvents, and nobody's key."""
    listed = await place.everything(TOPICS[1], GRID_API)
    told = str(place.about.get("outcome_topic") or "").casefold()
    outcomes = [one for one in listed if told and _endpoint(one) == told]
    inward = [one.topic for one in await found_here(place) if one.is_custom]
    found = [fault for topic in (*outcomes, *inward) for fault in _judged(topic)]
    if told and not outcomes:
        said = f"NIGHTSHIFT_OUTCOME_TOPIC is no topic of {place.subscription}"
        advice = "it may be elsewhere; check `export` says whether it takes what is told"
        found.append(Finding("topics", Verdict.NOTE, said, "outcomes", advice))
    if any(one.verdict is Verdict.FAILED for one in found):
        return found
    names = [str(one.get("name")) for one in (*outcomes, *inward)]
    if not names:
        said = "no topic of your own: neither forwarders nor outcomes"
        return [*found, Finding("topics", Verdict.OFF, said, advice="docs/FORWARDER.md")]
    return [*found, Finding("topics", Verdict.OK, f"{', '.join(names)} take CloudEvents")]


def _endpoint(topic: Json) -> str:
    return str(properties(topic).get("endpoint") or "").casefold()


def _judged(topic: Json) -> Iterator[Finding]:
    about, name = properties(topic), str(topic.get("name"))
    schema = about.get("inputSchema") or "EventGridSchema"
    if schema != CLOUD:
        said = f"{name} takes {schema}: what is sent there are CloudEvents"
        advice = (
            f"its schema cannot be changed: deploy another, --input-schema {CLOUD.lower()}"
        )
        yield Finding("topics", Verdict.FAILED, said, name, advice)
    state = str(about.get("provisioningState") or "Succeeded")
    if state != "Succeeded":
        advice = f"az eventgrid topic show --ids {topic.get('id')}"
        yield Finding("topics", Verdict.FAILED, f"{name} is {state}", name, advice)
    if about.get("disableLocalAuth") is not True:
        said = f"{name} takes access keys: whoever has one may send notices of any machine"
        change = "--set properties.disableLocalAuth=true"
        advice = f"az resource update --ids {topic.get('id')} {change}"
        yield Finding("topics", Verdict.NOTE, said, name, advice)
