"""Documents of Azure ML computes: what clusters and instances have in common. Pure.

Source: https://learn.microsoft.com/rest/api/azureml/compute/get
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from shared.core.moments import read_span
from shared.core.resource_ids import ML_COMPUTE, ResourceId
from shared.core.resources import Resource

API_VERSION = "2023-08-01-preview"
"""The version in which azure-ai-ml 1.35.2 reads computes; it has the idle time."""
Document = Mapping[str, Any]


def is_instance(document: Document) -> bool:
    """Tell whether a compute is a compute instance."""
    kind = str(object_of(document.get("properties")).get("computeType") or "")
    return kind.casefold() == "computeinstance"


def is_cluster(document: Document) -> bool:
    """Tell whether a compute is a compute cluster."""
    kind = str(object_of(document.get("properties")).get("computeType") or "")
    return kind.casefold() == "amlcompute"


def inner_of(document: Document) -> Document:
    """Return what is particular to a compute of its kind."""
    return object_of(object_of(document.get("properties")).get("properties"))


def resource_of(document: Document, compute_id: str) -> Resource:
    """Read what every compute has."""
    rid = ResourceId.parse(compute_id)
    inner = inner_of(document)
    tags = object_of(document.get("tags"))
    return Resource(
        id=rid.text,
        type=ML_COMPUTE,
        name=rid.name,
        location=str(document.get("location") or ""),
        tags={str(k): str(v) for k, v in tags.items()},
        size=str(inner.get("vmSize") or ""),
        pool=rid.parent,
    )


def span_of(value: Any) -> timedelta | None:
    """Read an ISO 8601 duration (``PT120S``, ``P1DT2H``); None if it is none."""
    try:
        return read_span(value) if isinstance(value, str) else None
    except ValueError:
        return None


def object_of(value: Any) -> Document:
    """Return an object as it is, and anything else as an empty one."""
    return value if isinstance(value, Mapping) else {}


def objects_of(value: Any) -> list[Document]:
    """Return the objects of a list; empty for what is no list."""
    return (
        [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
    )
