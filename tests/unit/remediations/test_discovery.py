"""Discovery: dropping a file in adds a remediation, and a wrong file is refused."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

import shared.remediations
from shared.core.remediation import Remediation

GOOD = Path(shared.remediations.__file__).with_name("drain_node.py").read_text()
Discover = Callable[[Mapping[str, str]], Mapping[str, Remediation]]


@pytest.fixture
def discover(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Discover]:
    """Run the real discovery in a package of a test's own modules."""
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "dropped_in"
    package.mkdir()
    (package / "__init__.py").write_text(Path(shared.remediations.__file__).read_text())

    def run(modules: Mapping[str, str]) -> Mapping[str, Remediation]:
        for name, text in modules.items():
            (package / f"{name}.py").write_text(text)
        importlib.invalidate_caches()
        found: Mapping[str, Remediation] = importlib.import_module("dropped_in").discover()
        return found

    yield run
    for name in [name for name in sys.modules if name.startswith("dropped_in")]:
        del sys.modules[name]


def renamed(name: str) -> str:
    """Give a good remediation another name."""
    return GOOD.replace('name="drain_node"', f'name="{name}"')


def test_a_file_that_is_dropped_in_is_found(discover: Discover):
    """Nothing else need be touched, and the order is that of the names."""
    found = discover({"drain_twice": renamed("drain_twice"), "drain_node": GOOD})
    assert ["drain_node", "drain_twice"] == list(found)


def test_a_module_that_names_itself_otherwise_is_refused(discover: Discover):
    """A plan names its remediation; the file of that name must hold it."""
    with pytest.raises(ValueError, match=r"drain_twice\.py names itself 'drain_node'"):
        discover({"drain_twice": GOOD})


@pytest.mark.parametrize("kept", ["Act", "Skip"])
def test_a_remediation_without_an_example_of_both_is_refused(discover: Discover, kept: str):
    """One that never shows a refusal has not thought of one."""
    text = GOOD + (
        "\nfrom dataclasses import replace as _r\n"
        f"REMEDIATION = _r(REMEDIATION, examples=tuple(e for e in REMEDIATION.examples"
        f" if type(e.expect).__name__ == {kept!r}))\n"
    )
    with pytest.raises(ValueError, match="needs an example that acts and one that refuses"):
        discover({"drain_node": text})


def test_a_module_without_a_remediation_is_refused(discover: Discover):
    """A stray file in the folder stops the start, and is named."""
    with pytest.raises(AttributeError, match="REMEDIATION"):
        discover({"notes": "X = 1\n"})


def test_what_was_found_cannot_be_changed():
    """One process, one set: nobody registers a remediation at run time."""
    with pytest.raises(TypeError):
        shared.remediations.discover()["x"] = None  # type: ignore[index]
