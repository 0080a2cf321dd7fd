"""What is deployed is what Azure takes: types, API versions, properties, values.

The table is kept with its source: ``infra/bicep/types.json``, written by ``make bicep-types``
from the vendor's libraries, each entry naming its own. What the table cannot say: rules
between properties, limits of a region, what a name may look like.
"""

from __future__ import annotations

import json

import pytest

from tests.infra import fitting, shapes
from tests.infra.bicep import FILES, INFRA, read

TABLE = json.loads((INFRA / "types.json").read_text(encoding="utf-8"))
ALL = [pytest.param(path, id=str(path.relative_to(INFRA))) for path in FILES]
USED = {one.what for path in FILES for one in read(path).of("resource")}


@pytest.mark.parametrize("path", ALL)
def test_every_resource_is_given_what_it_takes(path):
    """A misspelt property is dropped by some services without a word."""
    assert shapes.faults(TABLE, read(path)) == []


def test_what_is_really_sent_is_what_resources_take():
    """With the data that comes from JSON, from loops and from a person's parameters."""
    wrong = {
        name: sorted(set(fitting.Fit(TABLE).deployment(made).wrong))
        for name, made in fitting.deployments()
    }
    assert {name: [] for name in wrong} == wrong


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ({"type": "datetime"}, "it may be"),
        ({"typ": "int"}, "typ is not known"),
        ({"type": 1}, "should be string"),
        ({"isHidden": True}, "cannot be set"),
        ([], "should be object"),
    ],
)
def test_a_fault_in_what_is_sent_is_found(value, what):
    """A column of a table, as the audit's list of columns gives it."""
    fit = fitting.Fit(TABLE)
    spec = {"type": "object", "shape": "azure.mgmt.loganalytics.models.Column"}
    fit.value(value, spec, "a column")
    assert what in " ".join(fit.wrong)


@pytest.mark.parametrize("path", ALL)
def test_whatever_is_read_from_a_resource_is_there(path):
    """A property that does not exist fails in the middle of a deployment."""
    assert shapes.misread(TABLE, read(path)) == []


def test_every_type_is_in_the_table_and_no_other():
    """``make bicep-types`` was forgotten."""
    assert set(TABLE["resources"]) == USED


def test_every_entry_names_its_source():
    """What nobody can look up is no fact."""
    silent = [
        kind
        for kind, one in TABLE["resources"].items()
        if "==" not in one.get("package", "") and "/types.md" not in one.get("page", "")
    ]
    assert silent == []


@pytest.mark.parametrize(
    ("wrong", "what"),
    [
        ("topicTyp: 'a', source: 'b'", "topicTyp is not known"),
        ("source: 1, topicType: 'a'", "source is 1, should be string"),
        ("source: 'a', provisioningState: 'Failed'", "provisioningState cannot be set"),
    ],
)
def test_a_fault_is_found(tmp_path, wrong, what):
    """The check itself can fail."""
    said = fault(tmp_path, f"properties: {{ {wrong.replace(', ', chr(10))} }}\n location: 'x'")
    assert what in said


def test_what_is_missing_is_found(tmp_path):
    """Azure asks for a topic's location."""
    assert "location is missing" in fault(tmp_path, "properties: {}")


def test_a_type_that_nobody_looked_up_is_found(tmp_path):
    """Also where only its API version is another."""
    said = fault(tmp_path, "location: 'x'", kind="Microsoft.EventGrid/systemTopics@2031-01-01")
    assert "not in the table" in said


def fault(tmp_path, body, kind="Microsoft.EventGrid/systemTopics@2025-02-15"):
    """Write a file with one resource and return what is wrong with it."""
    path = tmp_path / "wrong.bicep"
    path.write_text(f"resource topic '{kind}' = {{\n name: 'a'\n {body}\n}}\n")
    return " ".join(shapes.faults(TABLE, read(path)))
