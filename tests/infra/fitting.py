"""What a deployment would really send, held against the table of what resources take.

``shapes`` reads the files; this reads what they come to for a person's parameters, so it
sees the data that comes from JSON, from loops and from parameters, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.infra.bicep import INFRA
from tests.infra.deployed import GROUP, SUBSCRIPTION, Deployment, deploy
from tests.infra.shapes import Spec
from tests.infra.test_deployed import ALL
from tests.infra.working import Made

ENDPOINT = f"{ALL['mlWorkspaceIds'][0]}/onlineEndpoints/chat"
MACHINE = {"machineName": "gpu", "location": "west", "topicEndpoint": "t", "clientId": "c"}


def deployments() -> Iterator[tuple[str, Deployment]]:
    """Give what is tried: as little as may be, everything, and the forwarder by hand."""
    main, machine = INFRA / "main.bicep", INFRA / "forwarder-machine.bicep"
    here = f"/subscriptions/{SUBSCRIPTION}"
    least = {"environmentName": "night", "location": "west"}
    most = {**least, **ALL, "endpointIds": [ENDPOINT]}
    yield "as it is", deploy(main, here, **least)
    yield "with everything", deploy(main, here, **most)
    yield "a machine", deploy(machine, GROUP, **MACHINE)
    yield "a scale set", deploy(machine, GROUP, **MACHINE, isScaleSet=True)


class Fit:
    """One look at one deployment.

    Attributes:
        wrong: What a resource would not take.
        visited: The shapes that were needed to see it.
    """

    def __init__(self, table: Mapping[str, Any]) -> None:
        """Look nothing up yet."""
        self.table = table
        self.wrong: list[str] = []
        self.visited: set[str] = set()
        self._by_type = {
            kind.partition("@")[0]: one for kind, one in table["resources"].items()
        }

    def deployment(self, made: Deployment) -> Fit:
        """Look at every resource."""
        for one in made.resources:
            if one.type == "deployment":
                continue
            shape = self._by_type[one.type]["shape"]
            body = {key: value for key, value in one.body.items() if key != "name"}
            at = f"{one.file}: {one.type} {one.name}"
            self.value(body, {"type": "object", "shape": shape}, at)
        return self

    def value(self, value: Any, spec: Spec, at: str) -> None:
        """Hold a value against its description; what Azure alone knows fits everywhere."""
        kind = spec.get("type", "any")
        if value is None or isinstance(value, Made) or kind == "any":
            return
        if not _is_of(value, kind):
            self.wrong.append(f"{at} is {str(value)[:40]!r}, should be {kind}")
        elif kind == "array":
            for inner in value:
                self.value(inner, spec["items"], f"{at}[]")
        elif kind == "map":
            for name, inner in value.items():
                self.value(inner, spec["items"], f"{at}.{name}")
        elif kind == "object":
            self._members(value, spec, at)
        elif "values" in spec and value not in spec["values"]:
            self.wrong.append(f"{at} is {value!r}; it may be {', '.join(spec['values'])}")

    def _members(self, value: Mapping[str, Any], spec: Spec, at: str) -> None:
        own = self._properties(value, spec, at)
        for name, inner in value.items() if own else ():
            known = own.get(name)
            if known is None:
                self.wrong.append(f"{at}.{name} is not known")
            elif known.get("readonly"):
                self.wrong.append(f"{at}.{name} cannot be set")
            else:
                self.value(inner, known, f"{at}.{name}")
        needed = {name for name, one in own.items() if one.get("required")} - {"name"}
        self.wrong += [f"{at}.{name} is missing" for name in sorted(needed - set(value))]

    def _properties(self, value: Mapping[str, Any], spec: Spec, at: str) -> dict[str, Spec]:
        if "shape" not in spec:
            return dict(spec.get("properties", {}))
        self.visited.add(spec["shape"])
        shape = self.table["shapes"].get(spec["shape"])
        if shape is None:
            self.wrong.append(f"{spec['shape']} is not in the table: run make bicep-types")
            return {}
        kinds = shape.get("kinds")
        if kinds and value.get(kinds["by"]) in kinds["shapes"]:
            of_its_kind = kinds["shapes"][value[kinds["by"]]]
            return self._properties(value, {"type": "object", **of_its_kind}, at)
        return dict(shape["properties"])


def _is_of(value: Any, kind: str) -> bool:
    types: dict[str, type | tuple[type, ...]] = {
        "string": str,
        "int": int,
        "number": (int, float),
        "bool": bool,
        "array": list,
        "map": Mapping,
        "object": Mapping,
    }
    is_flag = isinstance(value, bool)
    return isinstance(value, types[kind]) and (kind == "bool" or not is_flag)
