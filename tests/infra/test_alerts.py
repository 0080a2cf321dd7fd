"""Each alert rule that is deployed fires something that a default rule answers.

What would arrive is written from the vendor's samples and the deployed rule's own words;
the parser reads it, and the default rules are asked.
"""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime

import pytest

from cli.alert_rules import PAGE, page
from cli.rules import read_layer
from shared.core.decisions import Act
from shared.core.facts import ResourceFacts
from shared.engine.rulings import judge_rule
from shared.parsing import parse_alert
from shared.remediations import discover
from shared.rules.loading import load_rules
from tests import builders as make
from tests.infra.bicep import INFRA, ROOT
from tests.unit.parsing.samples import CLUSTER, GROUP, VM, WORKSPACE, load

RULES = json.loads((INFRA / "modules" / "alert-rules.json").read_text(encoding="utf-8"))
SHAPES = json.loads((INFRA / "types.json").read_text(encoding="utf-8"))["shapes"]
BOOK = load_rules([read_layer(ROOT / "rules")], discover())
NOW = datetime(2026, 11, 22, 3, 5, tzinfo=UTC)
TARGETS = {
    "machines": VM,
    "batch": f"{GROUP}/providers/Microsoft.Batch/batchAccounts/trainbatch",
    "ml": WORKSPACE,
    "endpoints": f"{WORKSPACE}/onlineEndpoints/chat",
    "aks": CLUSTER,
}
SAMPLES = {
    "ResourceHealth": "resource_health_one_word",
    "ServiceHealth": "service_health_active",
    "Activity Log - Administrative": "activity_log_administrative",
}
BETTER_NAMES = {
    "batch-tasks-failed": "batch.tasks_failed",
    "batch-nodes-unusable": "batch.nodes_unusable",
    "batch-start-tasks-failed": "batch.nodes_unusable",
    "endpoint-errors": "endpoint.degraded",
    "endpoint-latency": "endpoint.degraded",
    "machine-health": "alert.resource_health",
    "azure-maintenance": "alert.service_health",
    "spot-evicted": "alert.activity_log",
}


def for_nightshift():
    """List the rules whose action group is Nightshift's, each with its kind."""
    found = [(kind, rule) for kind, rules in RULES.items() for rule in rules]
    return [(kind, rule) for kind, rule in found if not rule.get("isOurs")]


def metric(rule):
    """Write what a metric alert sends."""
    is_multiple = rule["scope"] == "machines"
    case = "metric_multiple_resources" if is_multiple else "metric_static_fired"
    sent = copy.deepcopy(load(f"common_alert__{case}"))
    sent["data"]["essentials"]["alertTargetIDs"] = [TARGETS[rule["scope"]]]
    sent["data"]["alertContext"]["condition"]["windowSize"] = rule["window"]
    sent["data"]["alertContext"]["condition"]["allOf"] = [
        {
            "metricName": rule["metric"],
            "metricNamespace": rule["namespace"],
            "operator": rule["operator"],
            "threshold": str(rule["threshold"]),
            "timeAggregation": rule["aggregation"],
            "dimensions": [
                {"name": one["name"], "value": one["values"][0]} for one in rule["dimensions"]
            ],
            "metricValue": rule["threshold"] + 1,
        }
    ]
    return sent


def log(rule):
    """Write what a log search alert sends."""
    sent = copy.deepcopy(load("common_alert__log_v2"))
    condition = sent["data"]["alertContext"]["condition"]
    condition["windowSize"] = rule["window"]
    condition["allOf"][0]["searchQuery"] = "\n".join(rule["query"])
    condition["allOf"][0]["operator"] = rule["operator"]
    condition["allOf"][0]["threshold"] = str(rule["threshold"])
    return sent


def activity_log(rule):
    """Write what an activity log alert sends; all of these say Sev4."""
    return copy.deepcopy(load(f"common_alert__{SAMPLES[rule['service']]}"))


WRITE = {"metric": metric, "log": log, "activityLog": activity_log}


def signals(kind, rule):
    """Parse what an alert rule would send."""
    sent = WRITE[kind](rule)
    sent["data"]["essentials"]["alertRule"] = f"nightshift-abc123-{rule['name']}"
    sent["data"]["essentials"]["description"] = rule["says"]
    if "severity" in rule:
        sent["data"]["essentials"]["severity"] = f"Sev{rule['severity']}"
    return parse_alert(json.dumps(sent).encode())


@pytest.mark.parametrize(
    ("kind", "rule"), for_nightshift(), ids=[rule["name"] for _, rule in for_nightshift()]
)
def test_a_default_rule_answers_the_alert(kind, rule):
    """An alert that no rule answers wakes nobody and mends nothing."""
    (signal,) = signals(kind, rule)
    wanted = BETTER_NAMES.get(rule["name"], f"alert.{kind}")
    assert wanted == signal.type.value
    assert not signal.is_test
    assert signal.target
    answering = [one for one in BOOK.rules if signal.type in one.on]
    assert rule["answeredBy"] in [one.name for one in answering]


@pytest.mark.parametrize(
    ("kind", "rule"), for_nightshift(), ids=[rule["name"] for _, rule in for_nightshift()]
)
def test_what_is_only_told_is_severe_enough_to_be_told(kind, rule):
    """The default rule leaves out what is less severe than Sev2."""
    (signal,) = signals(kind, rule)
    answers = [one for one in BOOK.rules if signal.type in one.on]
    (answering,) = [one for one in answers if one.name == rule["answeredBy"]]
    if answering.remediation.name == "ask_a_person":
        facts = ResourceFacts(make.a_resource(signal.target))
        assert isinstance(judge_rule(answering, signal, facts, NOW).decision, Act)
    else:
        assert signal.type.value.startswith(("batch.", "endpoint."))


def test_every_name_is_its_own():
    """Names become names of resources: two alike would be one alert."""
    names = [rule["name"] for rules in RULES.values() for rule in rules]
    assert len(set(names)) == len(names)


def test_the_page_shows_every_rule():
    """``python -m cli.alert_rules`` was forgotten."""
    text = PAGE.read_text(encoding="utf-8")
    assert page(text) == text


def test_a_window_is_no_shorter_than_its_frequency():
    """Between two windows that do not touch, something happens unseen."""
    minutes = {"PT1M": 1, "PT5M": 5, "PT15M": 15, "PT30M": 30, "PT1H": 60}
    rules = [*RULES["metric"], *RULES["log"]]
    assert [
        rule["name"] for rule in rules if minutes[rule["window"]] < minutes[rule["frequency"]]
    ] == []


@pytest.mark.parametrize(
    ("kind", "shape", "name", "key"),
    [
        ("metric", "MetricCriteria", "operator", "operator"),
        ("metric", "MetricCriteria", "timeAggregation", "aggregation"),
        ("log", "Condition", "operator", "operator"),
    ],
)
def test_the_words_of_the_rules_are_azures(kind, shape, name, key):
    """They reach Bicep as data, so the table of types is asked here."""
    known = SHAPES[f"azure.mgmt.monitor.models.{shape}"]["properties"][name]["values"]
    assert {rule[key] for rule in RULES[kind]} <= set(known)


def test_the_night_shift_watches_itself():
    """Dead letters, poison messages, the oldest open plan, the export's lag, silence."""
    ours = {rule["name"] for rules in RULES.values() for rule in rules if rule.get("isOurs")}
    assert {
        "dead-letters",
        "forwarder-dead-letters",
        "ledger-unavailable",
        "poison-messages",
        "oldest-open-plan",
        "sweep-silent",
        "export-lag",
        "deadlines-missed",
    } == ours
