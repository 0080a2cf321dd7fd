"""A template as it would be deployed: every resource, with what its expressions come to.

What Azure alone knows (an endpoint, an identity's id) stays a word in angle brackets. It is
a reading of the language's documentation and no compiler.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.infra.bicep import Declared, read, text
from tests.infra.expression import Tree, parse
from tests.infra.working import Made, make_id, work_out

SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"
TENANT = "9f0ac1d2-0000-4000-8000-00000000000a"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg"
MANAGEMENT = "/providers/Microsoft.Management/managementGroups/contoso"
CLOUD = {
    "resourceManager": "https://management.azure.com/",
    "authentication": {"loginEndpoint": "https://login.microsoftonline.com/"},
    "suffixes": {"storage": "core.windows.net"},
}


@dataclass(frozen=True)
class Resource:
    """One resource, or one nested deployment."""

    type: str
    scope: str
    name: str
    body: Mapping[str, Any]
    file: str

    @property
    def properties(self) -> Mapping[str, Any]:
        """Return what is set of it."""
        return self.body.get("properties") or {}


@dataclass
class Deployment:
    """One template with its parameters at a scope."""

    path: Path
    given: Mapping[str, Any]
    scope: str
    resources: list[Resource] = field(default_factory=list)
    _known: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.template = read(self.path)

    def run(self) -> Deployment:
        """Make everything; outputs are worked out when they are asked for."""
        for one in self.template.named.values():
            if one.kind in {"resource", "module"}:
                self.name(one.name)
        return self

    def output(self, name: str) -> Any:
        """Work an output out."""
        return self.work(_behind(self.template.outputs[name]))

    def work(self, tree: Tree, own: Mapping[str, Any] | None = None) -> Any:
        """Work an expression out, with the names of a loop around it."""
        known = own or {}
        return work_out(tree, lambda name: known[name] if name in known else self.name(name))

    def name(self, name: str) -> Any:
        """Return what a name stands for, made once."""
        if name == "<file>":
            return self.path
        if name.endswith("()"):
            return self._functions[name]
        if name not in self._known:
            self._known[name] = self._meaning(self.template.named[name])
        return self._known[name]

    def _meaning(self, one: Declared) -> Any:
        if one.kind == "param" and one.name in self.given:
            return self.given[one.name]
        if one.kind in {"param", "var"}:
            return self.work(_behind(one))
        return self._made(one, _behind(one), {})

    def _made(self, one: Declared, tree: Tree, own: Mapping[str, Any]) -> Any:
        """Make a resource or a module, each of a loop, or nothing."""
        if tree[0] == "for":
            _, heads, over, body = tree
            values = enumerate(self.work(over, own))
            return [
                self._made(one, body, {**own, **dict(zip(heads, (v, i), strict=False))})
                for i, v in values
            ]
        if tree[0] == "if":
            is_wanted = self.work(tree[1], own)
            return self._made(one, tree[2], own) if is_wanted else None
        return (self._module if one.kind == "module" else self._resource)(one, tree, own)

    def _resource(self, one: Declared, tree: Tree, own: Mapping[str, Any]) -> Made:
        parts = {key[1][0]: value for key, value in tree[1]}
        kind = one.what.partition("@")[0]
        name = self.work(parts["name"], own)
        parent = self.work(parts["parent"], own) if "parent" in parts else None
        scope = self.work(parts["scope"], own) if "scope" in parts else None
        where = scope["id"] if isinstance(scope, Mapping) else self.scope
        if parent is not None:
            own_id = f"{parent['id']}/{kind.rpartition('/')[2]}/{name}"
        else:
            own_id = _id(where, kind, name)
        if not one.is_existing:
            later = {
                k: v for k, v in parts.items() if k not in {"parent", "scope", "dependsOn"}
            }
            body = {key: self.work(value, own) for key, value in later.items()}
            where = parent["id"] if parent is not None else where
            self.resources.append(Resource(kind, where, name, body, self.path.name))
        return Made({"id": own_id, "name": name, "type": kind}, own_id.rpartition("/")[2])

    def _module(self, one: Declared, tree: Tree, own: Mapping[str, Any]) -> Made:
        parts = {key[1][0]: value for key, value in tree[1]}
        scope = self.work(parts["scope"], own)["id"] if "scope" in parts else self.scope
        name = self.work(parts["name"], own)
        given = self.work(parts["params"], own) if "params" in parts else {}
        inner = Deployment(self.path.parent / one.what, given, scope).run()
        self.resources.append(Resource("deployment", scope, name, {}, self.path.name))
        self.resources += inner.resources
        outputs = {key: inner.output(key) for key in inner.template.outputs}
        return Made({"name": name, "outputs": outputs}, name)

    @property
    def _functions(self) -> Mapping[str, Callable[..., Any]]:
        subscription = self.scope.split("/")[2] if "subscriptions" in self.scope else ""
        here = f"/subscriptions/{subscription}"
        return {
            "subscription()": lambda name=subscription: {
                "id": f"/subscriptions/{name}",
                "subscriptionId": name,
            },
            "resourceGroup()": lambda *names: self._group(names, here),
            "managementGroup()": lambda: {"id": MANAGEMENT, "name": "contoso"},
            "tenant()": lambda: {"id": "", "tenantId": TENANT},
            "environment()": lambda: CLOUD,
            "subscriptionResourceId()": lambda kind, *names: make_id(here, kind, *names),
        }

    def _group(self, names: tuple[str, ...], here: str) -> Mapping[str, str]:
        if not names:
            return {
                "id": self.scope,
                "name": self.scope.rpartition("/")[2],
                "location": "here",
            }
        where = here if len(names) == 1 else f"/subscriptions/{names[0]}"
        return {"id": f"{where}/resourceGroups/{names[-1]}", "name": names[-1]}


def _behind(one: Declared) -> Tree:
    """Read what stands behind the ``=`` of a declaration."""
    return parse(text(one.node).partition(" = ")[2])


def _id(scope: str, kind: str, name: str) -> str:
    if kind == "Microsoft.Resources/resourceGroups":
        return f"{scope}/resourceGroups/{name}"
    return make_id(scope, kind, name)


def deploy(path: Path, scope: str, **given: Any) -> Deployment:
    """Work a template out."""
    return Deployment(path, given, scope).run()


def of(deployment: Deployment, kind: str) -> Iterator[Resource]:
    """Give the resources of a type."""
    return (one for one in deployment.resources if one.type == kind)
