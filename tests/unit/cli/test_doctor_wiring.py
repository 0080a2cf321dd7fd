"""What doctor reads around the app: forms that the sandbox's deployment does not have."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from cli.doctor_wiring import (
    account,
    alerts,
    audit_rule,
    event_subscriptions,
    look,
    site,
    topics,
)
from cli.doctor_wiring.place import Place
from shared.core.audit_tables import TABLES
from shared.core.errors import Forbidden
from shared.core.findings import Finding, Verdict
from shared.core.resource_ids import ResourceId

OWN = "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001"
OTHER = "/subscriptions/5f0ac1d2-0000-4000-8000-000000000002"
GROUP = f"{OWN}/resourceGroups/g"
APP = f"{GROUP}/providers/Microsoft.Web/sites/night"
STORE = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/store"
HOST = "night.azurewebsites.net"
Json = dict[str, Any]


@dataclass
class FakeReader:
    """A resource manager that knows what a test says, and lists nothing else."""

    lists: dict[str, list[Json]] = field(default_factory=dict)
    documents: dict[str, Json] = field(default_factory=dict)
    forbidden: str = "nothing"

    async def get(
        self, path: str, *, api_version: str, query: Mapping[str, str] | None = None
    ) -> Json | None:
        """Read one resource."""
        return self.documents.get(path)

    async def pages(
        self, path: str, *, api_version: str, query: Mapping[str, str] | None = None
    ) -> AsyncIterator[Json]:
        """List."""
        if self.forbidden.casefold() in path.casefold():
            raise Forbidden(f"listing {path}: 403")
        folded = {name.casefold(): some for name, some in self.lists.items()}
        for one in folded.get(path.casefold(), []):
            yield one


def a_place(reader: FakeReader, **about: Any) -> Place:
    """An app as it says it is."""
    arm: Any = reader
    said = {"storage_account": "store", "subscriptions": [OWN.rpartition("/")[2]], **about}
    return Place(arm, ResourceId.parse(APP), said, f"https://{HOST}")


def found(
    check: Callable[[Place], Any], reader: FakeReader, **about: Any
) -> list[tuple[str, str]]:
    """Ask one check; verdict and words of each finding."""

    async def asked() -> list[Finding]:
        said: list[Finding] = await check(a_place(reader, **about))
        return said

    return [(one.verdict.value, one.said) for one in asyncio.run(asked())]


def a_group(**receiver: Any) -> Json:
    """An action group with one webhook."""
    webhook = {
        "serviceUri": f"https://{HOST}/api/alerts?code=secret-1",
        "useCommonAlertSchema": True,
        "useAadAuth": True,
        **receiver,
    }
    about = {"enabled": True, "webhookReceivers": [webhook]}
    return {"id": f"{GROUP}/groups/answers", "name": "answers", "properties": about}


def a_rule(number: int = 1, **about: Any) -> Json:
    """A metric alert that uses the group."""
    attached = [{"actionGroupId": f"{GROUP}/GROUPS/answers"}]
    known = {"enabled": True, "actions": attached, **about}
    return {"id": f"{GROUP}/rules/{number}", "name": f"rule-{number}", "properties": known}


def with_alerts(group: Json, *rules: Json) -> FakeReader:
    """A resource manager with these."""
    metric, _, _ = (name for name, _ in alerts.RULES)
    return FakeReader(
        {
            f"{OWN}/providers/{alerts.GROUPS[0]}": [group],
            f"{OWN}/providers/{metric}": list(rules),
        }
    )


def test_a_secure_webhook_is_found_by_its_host_and_path():
    """Whatever key it carries, which is shown nowhere."""
    said = found(alerts.alerts, with_alerts(a_group(), a_rule()))
    assert [("ok", f"1 alert rules reach {HOST}/api/alerts")] == said


@pytest.mark.parametrize(
    ("reader", "words"),
    [
        (with_alerts(a_group(useCommonAlertSchema=False), a_rule()), "common alert schema"),
        (
            with_alerts(
                a_group(serviceUri="https://old.net/api/alerts?code=secret-2"), a_rule()
            ),
            "others point to old.net/api/alerts",
        ),
        (with_alerts(a_group()), "no alert rule uses the action group"),
        (with_alerts(a_group(), a_rule(enabled=False)), "all 1 alert rules"),
    ],
    ids=["schema", "elsewhere", "no rule", "all off"],
)
def test_a_webhook_that_brings_nothing_is_found(reader: FakeReader, words: str):
    """And no key is in what is said."""
    said = found(alerts.alerts, reader)
    assert [text for verdict, text in said if verdict == "failed" and words in text]
    assert "secret" not in str(said)


def test_some_rules_that_are_off_are_worth_a_look():
    """Deployments switch some off on purpose."""
    reader = with_alerts(a_group(), a_rule(1), a_rule(2, enabled=False))
    assert ["note", "ok"] == [verdict for verdict, _ in found(alerts.alerts, reader)]


@pytest.mark.parametrize(
    ("is_on", "believes", "verdict"),
    [
        (True, True, "ok"),
        (False, True, "failed"),
        (True, False, "note"),
        (False, False, "note"),
    ],
)
def test_headers_are_believed_only_where_somebody_stands_in_front(
    is_on: bool, believes: bool, verdict: str
):
    """The one dangerous pair is a failure."""
    document = {"properties": {"platform": {"enabled": is_on}}}
    reader = FakeReader(documents={f"{APP}/config/authsettingsV2": document})
    [(said, _)] = found(site.sign_in, reader, app_service_auth=believes)
    assert verdict == said


def a_topic(subscription: str, name: str) -> Json:
    """A system topic of a subscription."""
    where = (
        f"{subscription}/resourceGroups/g/providers/Microsoft.EventGrid/systemTopics/{name}"
    )
    kind = "Microsoft.EventGrid/systemTopics"
    return {"id": where, "name": name, "type": kind, "properties": {"source": subscription}}


def a_subscription(to: Json, **about: Any) -> Json:
    """An event subscription with dead letters."""
    letters = {"resourceId": STORE, "blobContainerName": "letters"}
    known = {
        "provisioningState": "Succeeded",
        "destination": to,
        "filter": {},
        "deadLetterWithResourceIdentity": {
            "deadLetterDestination": {"endpointType": "StorageBlob", "properties": letters}
        },
        **about,
    }
    return {"name": "s", "properties": known}


HOOK = {
    "endpointType": "WebHook",
    "properties": {"endpointBaseUrl": f"https://{HOST}/runtime/x"},
}
FUNCTION = {
    "endpointType": "AzureFunction",
    "properties": {"resourceId": f"{APP}/functions/on_maintenance_event"},
}


def with_topics(**by_subscription: list[Json]) -> FakeReader:
    """A resource manager with a topic in each subscription, and what subscribed there."""
    reader = FakeReader(
        {
            f"{OWN}/providers/Microsoft.Storage/storageAccounts": [
                {"id": STORE, "name": "store"}
            ]
        }
    )
    for name, subscriptions in by_subscription.items():
        topic = a_topic(OWN if name == "own" else OTHER, name)
        whose = OWN if name == "own" else OTHER
        reader.lists[f"{whose}/providers/Microsoft.EventGrid/systemTopics"] = [topic]
        reader.lists[f"{topic['id']}/eventSubscriptions"] = subscriptions
    return reader


def failed(said: list[tuple[str, str]]) -> list[str]:
    """The words of failures."""
    return [text for verdict, text in said if verdict == "failed"]


@pytest.mark.parametrize("to", [HOOK, FUNCTION], ids=["webhook", "function"])
def test_a_subscription_is_found_by_where_it_leads(to: Json):
    """A webhook with the host's key is as good as the function's id."""
    reader = with_topics(own=[a_subscription(to)])
    assert [] == failed(found(event_subscriptions.event_subscriptions, reader))


def test_each_watched_subscription_needs_a_topic_of_its_own():
    """One that was added to the settings and not to Event Grid is silent."""
    both = [OWN.rpartition("/")[2], OTHER.rpartition("/")[2]]
    reader = with_topics(own=[a_subscription(FUNCTION)])
    said = failed(found(event_subscriptions.event_subscriptions, reader, subscriptions=both))
    assert [
        f"no subscription brings {what} of {OTHER} to on_maintenance_event"
        for what in ("maintenance notices", "health events")
    ] == said
    whole = with_topics(own=[a_subscription(FUNCTION)], other=[a_subscription(FUNCTION)])
    check = event_subscriptions.event_subscriptions
    assert [] == failed(found(check, whole, subscriptions=both))


def test_a_subscription_that_may_not_be_read_is_unknown_and_the_rest_is_judged():
    """Nobody concludes that nothing is there from not being let in."""
    both = [OWN.rpartition("/")[2], OTHER.rpartition("/")[2]]
    reader = with_topics(own=[a_subscription(FUNCTION, provisioningState="Failed")])
    reader.forbidden = f"{OTHER}/providers"
    said = found(event_subscriptions.event_subscriptions, reader, subscriptions=both)
    assert ["own/s is Failed"] == failed(said)
    assert 1 == [verdict for verdict, _ in said].count("unknown")


def test_what_leads_to_another_app_is_none_of_ours():
    """Several deployments share a subscription."""
    elsewhere = {
        "endpointType": "AzureFunction",
        "properties": {"resourceId": f"{APP}-2/functions/on_maintenance_event"},
    }
    reader = with_topics(own=[a_subscription(elsewhere, provisioningState="Failed")])
    said = failed(found(event_subscriptions.event_subscriptions, reader))
    assert [text for text in said if "is Failed" in text] == []


@pytest.mark.parametrize(
    ("about", "expected"),
    [
        ({"inputSchema": "CloudEventSchemaV1_0", "disableLocalAuth": True}, ["ok"]),
        ({"inputSchema": "CloudEventSchemaV1_0"}, ["note", "ok"]),
        ({"disableLocalAuth": True}, ["failed"]),
    ],
)
def test_a_topic_of_ones_own_takes_cloud_events_and_no_key(about: Json, expected: list[str]):
    """A forwarder's first notice must not be the one that finds it out."""
    address = "https://t.westeurope-1.eventgrid.azure.net/api/events"
    known = {"endpoint": address, **about}
    topic = {"id": f"{GROUP}/topics/t", "name": "t", "properties": known}
    reader = FakeReader({f"{OWN}/providers/Microsoft.EventGrid/topics": [topic]})
    said = found(topics.topics, reader, outcome_topic=address)
    assert expected == [verdict for verdict, _ in said]


def test_outcomes_that_go_to_a_topic_elsewhere_are_worth_a_look():
    """It may be another team's."""
    said = found(topics.topics, FakeReader(), outcome_topic="https://x/api/events")
    assert ["note", "off"] == [verdict for verdict, _ in said]


def test_the_rules_own_endpoint_is_as_good_as_one_apart():
    """A rule of the kind Direct has its endpoint in itself."""
    declared = {
        f"Custom-{table.value}": {
            "columns": [{"name": c.name, "type": c.type} for c in columns]
        }
        for table, columns in TABLES.items()
    }
    about = {
        "immutableId": "dcr-1",
        "endpoints": {"logsIngestion": "https://night.ingest.monitor.azure.com/"},
        "streamDeclarations": declared,
        "dataFlows": [{"streams": list(declared), "destinations": ["w"]}],
    }
    rule = {"name": "audit", "properties": about}
    reader = FakeReader({f"{OWN}/providers/{audit_rule.RULES}": [rule]})
    asked = {
        "ingestion_rule": "dcr-1",
        "ingestion_endpoint": "https://night.ingest.monitor.azure.com",
    }
    assert ["ok"] == [v for v, _ in found(audit_rule.audit_rule, reader, **asked)]
    about["dataFlows"] = []
    assert 3 == len(failed(found(audit_rule.audit_rule, reader, **asked)))


@pytest.mark.parametrize(
    ("has_key", "name", "expected"), [(True, "store", 1), (True, "devstoreaccount1", 0)]
)
def test_an_app_that_opens_its_storage_with_a_key_is_found(
    has_key: bool, name: str, expected: int
):
    """The emulator has nothing else."""
    shut = {
        "allowSharedKeyAccess": False,
        "allowBlobPublicAccess": False,
        "supportsHttpsTrafficOnly": True,
        "minimumTlsVersion": "TLS1_2",
    }
    store = {"id": STORE, "name": name, "properties": shut}
    reader = FakeReader({f"{OWN}/providers/{account.STORAGE}": [store]})
    said = found(account.account, reader, storage_account=name, has_storage_key=has_key)
    assert expected == len(failed(said))


def test_a_check_that_breaks_is_unknown_and_the_others_look():
    """A shape that nobody thought of is no reason to say nothing."""
    reader = FakeReader({f"{OWN}/providers/{alerts.GROUPS[0]}": [{"properties": 7}]})
    reader.documents[APP] = {"properties": {"state": "Running", "hostNames": 7}}

    async def asked() -> list[Finding]:
        return await look(a_place(reader), ["functions"])

    said = {one.check: one.verdict for one in asyncio.run(asked())}
    assert Verdict.FAILED is said["app"]
    assert {"alerts", "account", "audit_rule", "event_subscriptions", "sign_in"} <= set(said)
