"""What the compiler would refuse about order: nothing waits for itself, names come first.

A name, a scope, a condition and what a loop runs over are worked out before anything is
made, so they may not come from what is only known afterwards; and no two of a file may
wait for each other.

Source: https://learn.microsoft.com/azure/azure-resource-manager/bicep/diagnostics/bcp120,
https://learn.microsoft.com/azure/azure-resource-manager/bicep/diagnostics/bcp182,
https://learn.microsoft.com/azure/azure-resource-manager/bicep/diagnostics/bcp080
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.infra.bicep import FILES, INFRA, chain, pair, read, text, walk

ALL = [pytest.param(path, id=str(path.relative_to(INFRA))) for path in FILES]
AT_ONCE = {"id", "name", "type", "apiVersion"}
"""What is known of a resource before it is there; of a module, its name."""


def late(template, node, seen=frozenset()):
    """List what in an expression is known only once something has been made."""
    found = []
    for one in walk(node):
        if one.type != "identifier" or (
            one.parent
            and one.parent.type == "object_property"
            and one.parent.named_children[0] == one
        ):
            continue
        known = template.named.get(text(one))
        if known is None or known.node == one.parent or text(one) in seen:
            continue
        if known.kind == "var":
            found += late(template, known.node.named_children[-1], seen | {text(one)})
        elif known.kind in {"resource", "module"} and not is_at_once(one, known):
            found.append(f"{template.at(one)}: {text(top(one))}")
    return found


def top(node):
    """Climb from a name to the whole of ``name[0].a.b``."""
    while node.parent is not None and node.parent.type in {
        "member_expression",
        "subscript_expression",
    }:
        parent = node.parent
        inner = parent.child_by_field_name("object")
        if inner is None or inner.start_byte != node.start_byte:
            break
        node = parent
    return node


def is_at_once(node, known):
    """Tell whether what follows a name can be said beforehand."""
    _, names = chain(top(node))
    if not names:
        return True  # the whole of it: a scope or a parent
    return names[0] in ({"name"} if known.kind == "module" else AT_ONCE)


def early(template):
    """Give every expression that must be known at once, with what it is."""
    for one in (*template.of("resource"), *template.of("module")):
        for name in ("name", "scope", "parent"):
            value = pair(one.body, name)
            if value is not None:
                yield f"{one.name}.{name}", value
    for node in walk(template.root):
        if node.type == "if_statement":
            yield "a condition", node.named_children[0]
        if node.type == "for_statement":
            yield "a loop", over(node)
    for one in template.of("var"):
        if any(n.type == "for_statement" for n in walk(one.node)):
            yield f"var {one.name}", one.node.named_children[-1]


def over(loop):
    """Find what a loop runs over: what stands between ``in`` and the colon."""
    after = False
    for child in loop.children:
        if after and child.is_named:
            return child
        after = after or child.type == "in"
    raise AssertionError(text(loop))


def waits(template):
    """Give what each resource and module of a file waits for."""
    made = {one.name: one for one in (*template.of("resource"), *template.of("module"))}

    def named(node, seen):
        for one in walk(node):
            if one.type != "identifier" or text(one) in seen:
                continue
            known = template.named.get(text(one))
            if known is not None and known.kind == "var":
                yield from named(known.node.named_children[-1], seen | {known.name})
            elif text(one) in made:
                yield text(one)

    return {n: set(named(one.node.children[-1], frozenset())) - {n} for n, one in made.items()}


def circles(graph):
    """List who waits for themselves, by whichever way."""
    found = []
    for begin in graph:
        reached, border = set(), set(graph[begin])
        while border:
            reached |= border
            border = {n for one in border for n in graph.get(one, ())} - reached
        if begin in reached:
            found.append(begin)
    return sorted(found)


@pytest.mark.parametrize("path", ALL)
def test_what_must_be_known_at_once_is(path):
    """A role assignment named by an id that Azure makes up would be refused."""
    template = read(path)
    assert [
        (what, late(template, node)) for what, node in early(template) if late(template, node)
    ] == []


@pytest.mark.parametrize("path", ALL)
def test_nothing_waits_for_itself(path):
    """The app's settings name a topic, and a topic's subscription names the app."""
    assert circles(waits(read(path))) == []


B = "resource b 'x/y@1' = {\n  name: 'b'\n}\n"
M = "module m 'm.bicep' = {\n  name: 'm'\n}\n"


@pytest.mark.parametrize(
    ("source", "wrong"),
    [
        (f"{B}resource a 'x/y@1' = {{\n  name: b.properties.made\n}}\n", "a.name"),
        (f"{M}module n 'm.bicep' = if (m.outputs.is) {{\n  name: 'n'\n}}\n", "a condition"),
        (
            f"{M}var v = m.outputs.all\nmodule n 'm.bicep' = [for x in v: {{\n name: x\n}}]\n",
            "a loop",
        ),
        (f"{B}var v = [for x in ['b']: b.properties.c]\n", "var v"),
    ],
)
def test_what_comes_too_late_is_found(tmp_path, source, wrong):
    """The checks above are worth what they find."""
    path = tmp_path / "late.bicep"
    path.write_text(source)
    template = replace(read(path), path=INFRA / "late.bicep")
    assert wrong in [what for what, node in early(template) if late(template, node)]


def test_a_circle_is_found(tmp_path):
    """As above."""
    path = tmp_path / "circle.bicep"
    path.write_text(f"resource a 'x/y@1' = {{\n  name: 'a'\n  p: v\n}}\n{B}var v = b.id\n")
    assert [] == circles(waits(read(path)))
    round_ = path.with_name("round.bicep")
    round_.write_text(path.read_text().replace("name: 'b'", "name: 'b'\n  q: a.id"))
    assert ["a", "b"] == circles(waits(read(round_)))
