"""Which names a Bicep file uses, and which of them mean nothing."""

from __future__ import annotations

from collections.abc import Iterator

from tree_sitter import Node

from tests.infra.bicep import Template, chain, text, walk

# https://learn.microsoft.com/azure/azure-resource-manager/bicep/bicep-functions
FUNCTIONS = frozenset(
    {
        "any",
        "array",
        "base64",
        "base64ToString",
        "bool",
        "cidrSubnet",
        "concat",
        "contains",
        "createObject",
        "dateTimeAdd",
        "deployment",
        "empty",
        "endsWith",
        "environment",
        "extensionResourceId",
        "filter",
        "first",
        "flatten",
        "format",
        "getSecret",
        "guid",
        "indexOf",
        "int",
        "intersection",
        "items",
        "join",
        "json",
        "last",
        "length",
        "list",
        "listKeys",
        "loadFileAsBase64",
        "loadJsonContent",
        "loadTextContent",
        "loadYamlContent",
        "managementGroup",
        "managementGroupResourceId",
        "map",
        "mapValues",
        "max",
        "min",
        "nameof",
        "newGuid",
        "objectKeys",
        "padLeft",
        "parseCidr",
        "pickZones",
        "range",
        "readEnvironmentVariable",
        "reduce",
        "reference",
        "replace",
        "resourceGroup",
        "resourceId",
        "shallowMerge",
        "skip",
        "sort",
        "split",
        "startsWith",
        "string",
        "subscription",
        "subscriptionResourceId",
        "substring",
        "take",
        "tenant",
        "tenantResourceId",
        "toLower",
        "toObject",
        "toUpper",
        "trim",
        "union",
        "uniqueString",
        "uri",
        "utcNow",
    }
)
NAMESPACES = frozenset({"az", "sys"})


def unknown(template: Template) -> list[str]:
    """List the names that are used and declared nowhere."""
    found = []
    for name, node, is_call in _uses(template):
        known = template.named.get(name)
        if is_call and (name in FUNCTIONS or (known and known.kind == "func")):
            continue
        if not is_call and (name in NAMESPACES or known or name in _local(node)):
            continue
        found.append(f"{template.at(node)}: {name}")
    return found


def unused(template: Template) -> list[str]:
    """List what is declared for others in the file and used by none of them."""
    used = {name for name, node, _ in _uses(template) if name not in _local(node)}
    kinds = {"param", "var", "type", "func"}
    return [
        f"{template.at(one.node)}: {one.kind} {one.name}"
        for one in template.named.values()
        if (one.kind in kinds or one.is_existing) and one.name not in used
    ]


def outputs_asked(template: Template) -> Iterator[tuple[str, str, Node]]:
    """Give the outputs of modules that are read: module, output, where."""
    for node in walk(template.root):
        if node.type != "member_expression":
            continue
        begin, names = chain(node)
        if begin.type == "identifier" and len(names) == 2 and names[0] == "outputs":
            yield text(begin), names[1], node


def _uses(template: Template) -> Iterator[tuple[str, Node, bool]]:
    for node in walk(template.root):
        if node.type == "identifier" and not _is_naming(node):
            # By the text: the grammar takes a call at the head of an array for two items.
            is_call = template.source[node.end_byte : node.end_byte + 1] == b"("
            yield text(node), node, is_call


def _is_naming(node: Node) -> bool:
    """Tell whether an identifier gives a name instead of using one."""
    parent = node.parent
    if parent is None:
        return False
    if parent.type.endswith(("_declaration", "_function")) or parent.type == "parameter":
        first = next(c for c in parent.named_children if c.type == "identifier")
        return first == node
    if parent.type == "object_property":
        return parent.named_children[0] == node
    if parent.type == "for_statement":
        return parent.child_by_field_name("initializer") == node
    if parent.type == "call_expression" and parent.parent:
        return parent.parent.type == "decorator"
    if parent.type == "resource_expression":
        return parent.child_by_field_name("object") != node
    return text(node) in _parameters(parent) and parent.type != "arguments"


def _local(node: Node) -> set[str]:
    """Collect the names that loops, lambdas and functions around a node give.

    The grammar ends a lambda's body too early (``x => x.a == x.b``), so its names hold
    for the whole call that it is an argument of.
    """
    found: set[str] = set()
    above = node.parent
    while above is not None:
        if above.type == "for_statement":
            found |= _loop(above)
        elif above.type == "arguments":
            found |= {name for one in walk(above) for name in _parameters(one)}
        elif above.type == "user_defined_function":
            inside = (c for c in walk(above) if c.type == "parameter")
            found |= {text(c.named_children[0]) for c in inside}
        above = above.parent
    return found


def _loop(node: Node) -> set[str]:
    one = node.child_by_field_name("initializer")
    if one is not None and one.type == "identifier":
        return {text(one)}
    kinds = {"loop_variable", "loop_enumerator"}
    return {text(c) for c in walk(node) if c.type in kinds}


def _parameters(node: Node) -> set[str]:
    """Give the parameters of a lambda; nothing for any other node."""
    if node.type != "lambda_expression":
        if node.parent is not None and node.parent.type == "lambda_expression":
            is_head = node.parent.children[0] == node
            return _parameters(node.parent) if is_head else set()
        return set()
    head = node.children[0]
    return {text(c) for c in walk(head) if c.type == "identifier"}
