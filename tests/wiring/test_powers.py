"""Every power is named, implemented, granted and explained."""

import dataclasses
from pathlib import Path

import pytest

from cli.catalogue import attributes, catalogue
from shared.core.decisions import Act
from shared.core.facts import FactsKind
from shared.core.operations import ACKNOWLEDGE, READS, VERBS
from shared.core.steps import UNDO, Verb
from shared.engine.effects import EFFECTS
from shared.engine.runbook import WORKS_ON
from shared.remediations import discover

ROOT = Path(__file__).parents[2]
REMEDIATIONS = tuple(discover().values())
NAMES = [one.name for one in REMEDIATIONS]
one_by_one = pytest.mark.parametrize("remediation", REMEDIATIONS, ids=NAMES)


def test_discovery_finds_every_module_and_nothing_else():
    """A file dropped into the folder is a remediation; nobody registers it by hand."""
    folder = ROOT / "shared" / "remediations"
    modules = sorted(p.stem for p in folder.glob("*.py") if p.stem != "__init__")
    assert modules == NAMES


def test_every_verb_has_an_effect():
    """A verb without an effect would be a plan that nobody can carry out."""
    assert set(Verb) == set(EFFECTS)


def test_every_verb_is_in_the_role_table():
    """A new verb is a new power: somebody must say which operations it needs."""
    assert set(Verb) == set(VERBS)


def test_every_kind_of_facts_is_in_the_role_table():
    """What only observes must be granted its reads too."""
    assert set(FactsKind) == set(READS)


def test_every_kind_of_facts_says_what_it_works_on():
    """A runbook's target is refused by this table before anything is read."""
    assert set(FactsKind) == set(WORKS_ON)


def test_reads_grant_no_write():
    """A deployment that only observes must be able to do nothing else."""
    granted = [n for kind in READS.values() for n in (*kind.actions, *kind.data_actions)]
    harmless = {
        "Microsoft.ContainerService/managedClusters/listClusterUserCredential/action",
    }
    assert [n for n in granted if not n.endswith("/read") and n not in harmless] == []


@pytest.mark.parametrize(
    "table", [VERBS, READS, {"acknowledge": ACKNOWLEDGE}], ids=["verbs", "reads", "notice"]
)
def test_an_operation_is_named_in_full_and_once(table):
    """A wildcard would grant what nobody listed."""
    for needed in table.values():
        for names in (needed.actions, needed.data_actions):
            assert len(names) == len(set(names))
            assert [n for n in names if "*" in n or not n.startswith("Microsoft.")] == []
            assert [n for n in names if n.rpartition("/")[2] not in _ENDS] == []


_ENDS = {"read", "write", "delete", "action"}


@one_by_one
def test_a_remediation_uses_only_verbs_it_declares(remediation):
    """Its verbs are what is granted: a step beyond them would fail, at night."""
    used = {
        step.verb
        for example in remediation.examples
        if isinstance(example.expect, Act)
        for step in example.expect.steps
    }
    undone = {UNDO[verb] for verb in used if verb in UNDO}
    assert used | undone == remediation.verbs


@one_by_one
def test_a_setting_has_a_default_and_an_explanation(remediation):
    """A rule may leave out any setting, and the catalogue explains each."""
    remediation.settings()
    described = attributes(remediation.settings)
    assert {f.name for f in dataclasses.fields(remediation.settings)} == set(described)


def test_an_undescribed_setting_is_refused():
    """The catalogue may not pass over a setting in silence."""

    @dataclasses.dataclass(frozen=True)
    class Settings:
        """What a rule may set.

        Attributes:
            known: It is described,
                over two lines.
        """

        known: int = 1
        unknown: int = 2

    with pytest.raises(ValueError, match="lacks unknown"):
        attributes(Settings)


def test_the_catalogue_is_what_the_code_says():
    """``make catalogue`` was forgotten if this fails."""
    written = (ROOT / "docs" / "CATALOGUE.md").read_text(encoding="utf-8")
    assert catalogue() == written


def test_the_catalogue_names_every_remediation_with_its_examples():
    """Each example is there with its title, so that a person can see what is promised."""
    text = catalogue()
    for one in REMEDIATIONS:
        assert f"## {one.name}\n" in text
        assert [e.title for e in one.examples if e.title not in text] == []
