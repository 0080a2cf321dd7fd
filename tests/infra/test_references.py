"""Every Bicep file is read by its grammar, and every name in it means something."""

from __future__ import annotations

import pytest

from tests.infra import bicep, names
from tests.infra.bicep import FILES, INFRA, PARAMETER_FILES, pair, pairs, read

ALL = [pytest.param(path, id=str(path.relative_to(INFRA))) for path in FILES]


@pytest.mark.parametrize("path", [*FILES, *PARAMETER_FILES], ids=lambda path: path.name)
def test_the_grammar_reads_the_file(path):
    """What does not parse is found here, and not in somebody's first deployment."""
    assert bicep.broken(read(path)) == []


@pytest.mark.parametrize("path", ALL)
def test_every_name_is_declared(path):
    """A parameter that was renamed in one place only."""
    assert names.unknown(read(path)) == []


@pytest.mark.parametrize("path", ALL)
def test_nothing_is_declared_twice(path):
    """The compiler refuses it; nobody runs the compiler here."""
    assert read(path).twice == ()


@pytest.mark.parametrize("path", ALL)
def test_nothing_is_declared_in_vain(path):
    """A parameter without effect is a promise that is not kept."""
    assert names.unused(read(path)) == []


@pytest.mark.parametrize("path", ALL)
def test_every_parameter_and_output_says_what_it_is(path):
    """They are all that the person who deploys it gets to see."""
    template = read(path)
    silent = [
        f"{template.at(one.node)}: {one.name}"
        for one in (*template.of("param"), *template.outputs.values())
        if "@description(" not in _decorators(one)
    ]
    assert silent == []


@pytest.mark.parametrize("path", ALL)
def test_every_module_gets_what_it_needs_and_nothing_else(path):
    """A parameter that a module lacks, does not know, or that is missing."""
    template, wrong = read(path), []
    for module in template.of("module"):
        where, its = template.at(module.node), path.parent / module.what
        if not its.is_file():
            wrong.append(f"{where}: there is no {module.what}")
            continue
        given = {name for name, _ in pairs(pair(module.body, "params") or module.body)}
        given = given if pair(module.body, "params") else set()
        takes = {one.name: one for one in read(its).of("param")}
        needs = {name for name, one in takes.items() if not one.has_default}
        wrong += [f"{where}: {module.what} needs {name}" for name in sorted(needs - given)]
        wrong += [f"{where}: {module.what} takes no {n}" for n in sorted(given - set(takes))]
    assert wrong == []


@pytest.mark.parametrize("path", ALL)
def test_every_output_that_is_read_is_given(path):
    """An output that a module no longer has."""
    template, wrong = read(path), []
    for name, output, node in names.outputs_asked(template):
        module = template.named[name]
        if module.kind != "module":
            continue
        if output not in read(path.parent / module.what).outputs:
            wrong.append(f"{template.at(node)}: {module.what} gives no {output}")
    assert wrong == []


@pytest.mark.parametrize("path", ALL)
def test_a_module_is_deployed_where_it_can_be(path):
    """A subscription's template must say in which resource group a module belongs."""
    template, wrong = read(path), []
    for module in template.of("module"):
        scope = read(path.parent / module.what).scope
        given = pair(module.body, "scope")
        if scope != template.scope and given is None:
            wrong.append(f"{template.at(module.node)}: {module.what} is of a {scope}")
    assert wrong == []


def _decorators(one):
    before = one.node.prev_named_sibling
    return bicep.text(before) if before is not None and before.type == "decorators" else ""
