"""Gather what is decided on about Azure ML extensions. Reads only."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from shared.core.ml_extension import NAMESPACE, ClusterKind
from shared.core.ml_extension_facts import ExtensionFacts, window_key
from shared.engine.night import Ports


async def observe_extension(target: str, settings: Any, ports: Ports) -> ExtensionFacts | None:
    """Read a cluster's extensions, and what runs of them where that can be seen.

    The API server of an Arc cluster is behind somebody's firewall, and a stopped cluster
    has none: there the workloads stay unknown.
    """
    facts = await ports.extensions.read(target)
    if facts is None:
        return None
    if facts.kind == ClusterKind.MANAGED and facts.extensions and not facts.trouble:
        seen = await ports.cluster.workloads(facts.resource.pool, NAMESPACE)
        facts = replace(facts, workloads=seen)
    within: timedelta | None = getattr(settings, "within", None)
    if within is None:
        return facts
    key = window_key(facts.resource.id, ports.clock.now(), within)
    spent = await ports.ledger.spent([key])
    return replace(facts, repaired=spent.get(key, 0))
