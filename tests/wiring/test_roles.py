"""The roles that are deployed grant what the role table lists, and nothing else."""

from __future__ import annotations

import json
import re
from collections import Counter
from types import ModuleType

import pytest

from cli.roles import FILE, OBSERVE, written
from shared.core import operations
from shared.core.operations import ACKNOWLEDGE, READS, VERBS, Operations
from shared.remediations import discover
from tests.infra.bicep import FILES as TEMPLATES
from tests.infra.bicep import INFRA, literal, pairs, read, text, walk
from tests.infra.test_whole import BUILT_IN_ROLES

ROLES = json.loads(FILE.read_text(encoding="utf-8"))
FILES = (INFRA / "modules" / "roles.bicep", INFRA / "management-group.bicep")


def names(tables):
    """Fold the operations of some entries: actions, data actions."""
    return (
        {name.casefold() for one in tables for name in one.actions},
        {name.casefold() for one in tables for name in one.data_actions},
    )


def granted(role):
    """Fold what a role grants."""
    actions, data_actions = role["actions"], role["dataActions"]
    return ({n.casefold() for n in actions}, {n.casefold() for n in data_actions})


def test_the_roles_are_what_the_table_says():
    """``make roles`` was forgotten if this fails."""
    assert written() == FILE.read_text(encoding="utf-8")


def test_observing_grants_the_reads_and_nothing_else():
    """A deployment that only observes can change nothing, even if its code were replaced."""
    assert names(OBSERVE) == granted(ROLES["observe"])
    harmless = "microsoft.containerservice/managedclusters/listclusterusercredential/action"
    actions, data_actions = granted(ROLES["observe"])
    assert {harmless} == {n for n in actions | data_actions if not n.endswith("/read")}


def test_every_entry_of_the_table_is_in_a_role():
    """A power that is written down beside the verbs and the facts must be granted too."""
    named = [v for n, v in vars(operations).items() if n.isupper() and n[0] != "_"]
    alone = [one for one in named if isinstance(one, Operations)]
    assert [one for one in alone if one not in (*OBSERVE, ACKNOWLEDGE)] == []
    assert [one for one in READS.values() if one not in OBSERVE] == []


def test_no_two_areas_name_the_same_verb_or_facts():
    """The later would take the place of the earlier, and nobody would see it."""
    areas = [v for v in vars(operations).values() if isinstance(v, ModuleType)]
    for table in ("VERBS", "READS"):
        named = Counter(key for area in areas for key in getattr(area, table))
        assert len(named) > 0
        assert [key for key, times in named.items() if times > 1] == []


def test_every_remediation_has_a_role_of_what_its_verbs_need():
    """Neither a step that is refused at night, nor a right that nothing uses."""
    needed = {n: names([VERBS[v] for v in one.verbs]) for n, one in discover().items()}
    assert needed == {name: granted(one) for name, one in ROLES["remediations"].items()}


def test_acknowledging_is_granted_by_itself():
    """It is a preview interface, and most deployments leave it to forwarders."""
    assert names([ACKNOWLEDGE]) == granted(ROLES["acknowledge"])


def test_no_role_grants_an_operation_that_the_table_lacks():
    """Whatever is combined in Bicep is combined from these."""
    table = names([*VERBS.values(), *OBSERVE, ACKNOWLEDGE])
    each = [ROLES["observe"], ROLES["acknowledge"], *ROLES["remediations"].values()]
    for one in each:
        actions, data_actions = granted(one)
        assert actions <= table[0]
        assert data_actions <= table[1]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_role_in_bicep_names_no_operation_itself(path):
    """An operation written there would be in no table, and no test would know it."""
    template = read(path)
    resources = {one.what.partition("@")[0] for one in template.of("resource")}
    plain = {literal(n) for n in walk(template.root)} - {None}
    operations = {t for t in plain if re.fullmatch(r"[\w.]+(/[\w*]+)+", t) and "." in t}
    assert {t for t in operations if not t.startswith("modules/")} == set()
    assert {t for t in plain if t == "*" or t.startswith("*/")} == set()
    assert resources == {
        "Microsoft.Authorization/roleDefinitions",
        "Microsoft.Authorization/roleAssignments",
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_role_grants_only_what_comes_from_the_file(path):
    """The lists are put together of parts of roles.json, by functions that add nothing."""
    template = read(path)
    built = {one.name: text(one.node) for one in template.of("var")}
    lists = [
        text(value)
        for node in walk(template.root)
        if node.type == "object"
        for key, value in pairs(node)
        if key in {"actions", "dataActions"}
    ]
    assert len(lists) == 4
    for one in lists:
        assert re.sub(r"[()\[\]?:,\s]+", " ", one).split() == [
            word for word in re.sub(r"[()\[\]?:,\s]+", " ", one).split() if known(word, built)
        ]


def known(word, built):
    """Tell whether a word of a list is a function, a part of the file, or made of those."""
    if word in {"union", "empty", "flatten"} or word.startswith("roles."):
        return True
    return (word in built and "roles." in built[word]) or (
        word in built and "flatten(" in built[word]
    )


def test_what_is_disabled_is_taken_away_again():
    """With nothing enabled the acting role must still be written, and hold reads only."""
    source = FILES[0].read_text(encoding="utf-8")
    assert "actions: empty(actActions) ? roles.observe.actions : actActions" in source
    assert "resource act 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {" in source


GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def test_every_role_of_azure_is_in_the_table_for_the_security_review():
    """Who reads the page must not find another role in the subscription."""
    given = {}
    for path in TEMPLATES:
        template = read(path)
        if any("roleAssignments" in one.what for one in template.of("resource")):
            plain = [literal(node) for node in walk(template.root)]
            given |= {t: path.name for t in plain if t and GUID.fullmatch(t)}
    assert set(BUILT_IN_ROLES) == set(given)
    page = (INFRA.parents[1] / "docs" / "DEPLOY.md").read_text(encoding="utf-8")
    table = page.partition("| identity | role |")[2].partition("\n\n")[0]
    kinds = {
        name.removeprefix("Storage ").removesuffix(" Data Contributor")
        for name in BUILT_IN_ROLES.values()
    }
    assert [name for name in kinds if name not in table] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_nobody_is_given_a_role_that_may_do_everything(path):
    """Owner, Contributor and User Access Administrator would make the table above a joke."""
    source = path.read_text(encoding="utf-8")
    mighty = ("8e3af657", "b24988ac", "18d7d88d", "f58310d9")
    assert [one for one in mighty if one in source] == []
