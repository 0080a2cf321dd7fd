"""Online endpoints of Azure ML: which deployment gets how much of the traffic. Pure.

The last split known to be good is written on the endpoint itself, as a tag, in the same
write that changes the split: whoever looks at the endpoint knows where to go back to.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-safely-rollout-online-endpoints
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from shared.core.ml_documents import Document, object_of
from shared.core.resource_ids import ML_ENDPOINT, ResourceId
from shared.core.resources import Resource

API_VERSION = "2024-10-01"
GOOD_TAG = "nightshift-good-traffic"
WHOLE = 100
SETTLED, FAILED = "succeeded", "failed"
_PART = re.compile(r"([a-z0-9-]{1,64})=(\d{1,3})", re.ASCII)

Split = Mapping[str, int]
"""Deployment to percent; those with none are left out, as the service leaves them out."""


@dataclass(frozen=True, slots=True)
class Routing:
    """Who gets what: live traffic, whose parts make 100, and copies of it."""

    traffic: Split = field(default_factory=dict)
    mirror: Split = field(default_factory=dict)

    def to_args(self) -> dict[str, dict[str, int]]:
        """Write it as a step's argument."""
        return {"traffic": dict(self.traffic), "mirror": dict(self.mirror)}

    @classmethod
    def from_args(cls, args: Mapping[str, Any]) -> Routing:
        """Read it back."""
        return cls(read_split(args["traffic"]), read_split(args["mirror"]))

    def __str__(self) -> str:
        """Write it for people."""
        copies = f", copies: {write_split(self.mirror)}" if self.mirror else ""
        return (write_split(self.traffic) or "nobody") + copies


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment of an online endpoint.

    Attributes:
        state: Of its provisioning, in lower case.
        instances: How many it is set to; None if that is not told.
        is_managed: Azure keeps its machines; else it is one of a Kubernetes cluster.
    """

    name: str
    state: str
    instances: int | None = None
    size: str = ""
    is_managed: bool = True


@dataclass(frozen=True, slots=True)
class EndpointFacts:
    """An online endpoint, its split and its deployments.

    Attributes:
        resource: Of the endpoint, or of the deployment that was asked for.
        endpoint: Full ARM id of the endpoint.
        state: Of its provisioning, in lower case.
        routing: Who gets what now.
        good: The last good split, from our tag; None if there is none that can be read.
        asked: Name of the deployment that was asked for, or empty.
    """

    resource: Resource
    endpoint: str
    state: str
    routing: Routing = field(default_factory=Routing)
    deployments: tuple[Deployment, ...] = ()
    good: Split | None = None
    asked: str = ""

    @property
    def is_settled(self) -> bool:
        """Tell whether no operation is under way on it."""
        return self.state == SETTLED

    def deployment(self, name: str) -> Deployment | None:
        """Find a deployment by its name."""
        return next((one for one in self.deployments if one.name == name.casefold()), None)

    def unable(self, split: Split) -> str:
        """Say which deployment of a split could not take its part; empty if all can."""
        for name in split:
            found = self.deployment(name)
            if found is None:
                return f"there is no deployment {name}"
            if found.state != SETTLED:
                return f"the deployment {name} is {found.state or 'in no known state'}"
        return ""


def endpoint_of(document: Document, endpoint: str) -> EndpointFacts:
    """Read an endpoint from its document; its deployments come from a list of their own.

    Raises:
        ValueError: Its split is not what splits are.
    """
    rid, said = ResourceId.parse(endpoint), object_of(document.get("properties"))
    tags = {str(k): str(v) for k, v in object_of(document.get("tags")).items()}
    return EndpointFacts(
        resource=Resource(
            id=rid.text,
            type=ML_ENDPOINT,
            name=rid.name,
            location=str(document.get("location") or ""),
            tags=tags,
            pool=rid.parent,
        ),
        endpoint=rid.text,
        state=str(said.get("provisioningState") or "").casefold(),
        routing=Routing(
            read_split(said.get("traffic")), read_split(said.get("mirrorTraffic"))
        ),
        good=parse_split(good_tag(tags)),
    )


def deployment_of(document: Document) -> Deployment:
    """Read one deployment from its document."""
    said, sku = object_of(document.get("properties")), object_of(document.get("sku"))
    count = sku.get("capacity")
    return Deployment(
        name=str(document.get("name") or "").casefold(),
        state=str(said.get("provisioningState") or "").casefold(),
        instances=count if type(count) is int else None,
        size=str(said.get("instanceType") or ""),
        is_managed=str(said.get("endpointComputeType") or "").casefold() == "managed",
    )


def read_split(value: Any) -> dict[str, int]:
    """Read a split as the service writes it; what gets nothing is left out.

    Raises:
        ValueError: A share is no whole number of percent.
    """
    shares: dict[str, int] = {}
    for name, share in object_of(value).items():
        if type(share) is not int or not 0 <= share <= WHOLE:
            raise ValueError(f"the share of {name} is {share!r}, not 0 to 100")
        if share:
            shares[str(name).casefold()] = share
    return shares


def good_tag(tags: Mapping[str, str]) -> str:
    """Return our tag's text, whatever the case of its name; empty if there is none."""
    return next((v for k, v in tags.items() if k.casefold() == GOOD_TAG), "")


def parse_split(text: str) -> dict[str, int] | None:
    """Read a split from a tag (``blue=90 green=10``); None if it is none that makes 100."""
    parts = [_PART.fullmatch(one) for one in text.split()]
    read = {part[1]: int(part[2]) for part in parts if part is not None}
    is_whole = len(read) == len(parts) and sum(read.values()) == WHOLE
    return {name: share for name, share in read.items() if share} if is_whole else None


def write_split(split: Split) -> str:
    """Write a split as a tag's value: the larger share first."""
    ordered = sorted(split.items(), key=lambda one: (-one[1], one[0]))
    return " ".join(f"{name}={share}" for name, share in ordered if share)


@dataclass(frozen=True, slots=True)
class Figures:
    """How one deployment answered over a while.

    Attributes:
        requests: How many it answered, about.
        errors: How many of them it failed itself (5xx).
        p95_ms: The highest of each minute's 95th percentile; None if nothing is told.
    """

    requests: float = 0.0
    errors: float = 0.0
    p95_ms: float | None = None


def with_share(base: Split, name: str, share: int) -> dict[str, int]:
    """Give a deployment its share, and the others theirs of what is left, as before.

    Parts are whole: what rounding leaves over goes to the larger ones first.
    """
    left = WHOLE - share
    ordered = sorted(base.items(), key=lambda one: (-one[1], one[0]))
    parts = {other: part * left // WHOLE for other, part in ordered}
    for other, _ in ordered[: left - sum(parts.values())]:
        parts[other] += 1
    return {key: part for key, part in {**parts, name: share}.items() if part}
