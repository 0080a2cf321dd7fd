"""The queries of the workbook and of the alerts ask for what is there.

A query with a misspelt column is found by nobody: the chart stays empty, the alert quiet.
"""

from __future__ import annotations

import json
import re

import pytest

from shared.core.audit_tables import TABLES, Table
from shared.core.decisions import Reason
from shared.core.plans import PlanOutcome, StepOutcome
from shared.core.steps import Verb
from tests.infra.bicep import INFRA, ROOT
from tests.infra.kql import faults
from tests.wiring.trigger_table import QUEUES

MODULES = INFRA / "modules"
WORKBOOK = json.loads((MODULES / "workbook.json").read_text(encoding="utf-8"))
ALERTS = json.loads((MODULES / "alert-rules.json").read_text(encoding="utf-8"))
LOG = {rule["name"]: "\n".join(rule["query"]) for rule in ALERTS["log"]}


def of_workbook():
    """Give every query of the workbook, the parameters' too, by name."""
    found = {}
    for item in WORKBOOK["items"]:
        content = item["content"]
        for one in [content, *content.get("parameters", [])]:
            if "query" in one:
                found[f"{item['name']}-{one.get('name', '')}".rstrip("-")] = one["query"]
    return found


QUERIES = {**of_workbook(), **LOG}


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_asks_for_what_is_there(name):
    """Tables, columns, functions and operators."""
    assert faults(QUERIES[name]) == []


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("NightshiftPlan_CL\n| where Mode == 'auto'", "no table"),
        ("NightshiftPlans_CL\n| where Margin < 0", "no column 'Margin'"),
        ("NightshiftPlans_CL\n| summarise Plans = count()", "no operator"),
        ("NightshiftPlans_CL\n| summarize Plans = counts()", "no function"),
    ],
)
def test_a_fault_is_found(query, said):
    """The check itself can fail."""
    assert [one for one in faults(query) if said in one] != []


def test_the_workbook_is_one():
    """The portal shows an empty page for what it cannot read."""
    assert WORKBOOK["version"] == "Notebook/1.0"
    names = [item["name"] for item in WORKBOOK["items"]]
    assert len(set(names)) == len(names)
    assert {item["type"] for item in WORKBOOK["items"]} == {1, 3, 9}


def test_the_workbook_tells_what_it_should():
    """What happened, lead times and margins, refusals, money, approvals."""
    headings = [
        item["content"]["json"].partition("\n")[0].removeprefix("## ")
        for item in WORKBOOK["items"]
        if item["type"] == 1
    ]
    assert [
        "# Nightshift",
        "What happened",
        "Lead times and margins",
        "What was refused, and why",
        "Money not spent",
        "Open approvals",
    ] == headings


def test_every_parameter_that_is_asked_for_is_given():
    """The portal leaves a query with an unknown parameter unasked."""
    [parameters] = [item for item in WORKBOOK["items"] if item["type"] == 9]
    given = {one["name"] for one in parameters["content"]["parameters"]}
    asked = {
        name for query in of_workbook().values() for name in re.findall(r"\{(\w+)\}", query)
    }
    assert asked <= given
    assert given - {"Time"} == asked


def test_every_word_that_is_compared_is_one_of_ours():
    """A reason that was renamed would silently match nothing."""
    words = {
        "Reason": set(Reason),
        "Verb": set(Verb),
        "Outcome": set(StepOutcome) | set(PlanOutcome),
        "Transition": {"opened", "withdrawn", "closed", "began", "finished"},
        "Decision": {"act", "hold", "skip"},
    }
    ours = [query for query in QUERIES.values() if "Nightshift" in query]
    for query in ours:
        for column, one, several in re.findall(
            r"(\w+) (?:[!=]= '(\w+)'|in \(([^)]*)\))", query
        ):
            said = {one} if one else set(re.findall(r"'(\w+)'", several))
            assert said - words.get(column, said) == set(), f"{column} in {query}"
    assert {"closed"} <= {word for _, word in compared(ours)}


def compared(queries):
    """Give every column that is compared with one text, and the text."""
    return {pair for query in queries for pair in re.findall(r"(\w+) == '(\w+)'", query)}


def test_the_transitions_are_those_of_the_tables():
    """The meanings of the columns name them."""
    meanings = {
        one.meaning
        for table in (Table.PLANS, Table.STEPS)
        for one in TABLES[table]
        if one.name == "Transition"
    }
    assert {"opened, withdrawn or closed", "began or finished"} == meanings


@pytest.mark.parametrize("name", ["oldest-open-plan", "sweep-silent"])
def test_a_metric_that_is_asked_for_is_told(name):
    """The engine's own word for it."""
    [metric] = re.findall(r"Name == '([^']+)'", LOG[name])
    source = (ROOT / "shared/engine/backlog.py").read_text(encoding="utf-8")
    assert f'"{metric}"' in source


def test_the_line_that_tells_the_lag_is_written_so():
    """The alert takes the number out of the log's text."""
    source = (ROOT / "shared/journal.py").read_text(encoding="utf-8")
    [begin] = re.findall(r"startswith '([^']+)'", LOG["export-lag"])
    [line] = re.findall(rf'"({begin}.*)"', source)
    assert re.search(r"export_lag_seconds=([0-9.]+)", line.replace("%.1f", "3601.5"))


def test_every_poison_queue_has_its_alert():
    """The functions that keep what failed every time."""
    asked = set(re.findall(r"'(\w+)'", LOG["poison-messages"]))
    assert {name for name in QUEUES if name.endswith("_poison")} == asked
