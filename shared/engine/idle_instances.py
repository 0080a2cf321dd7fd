"""The idle tick's compute instances: measured together, looked at closely only if quiet.

What a stop of one instance is decided on takes some calls each: its document, its disk, the
jobs of its workspace. One metrics call for up to fifty tells the busy ones first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from shared.core.facts import FactsKind, MachineFacts, MlInstanceFacts
from shared.core.idleness import busy_with, unknown_use
from shared.core.ml_instances import RUNNING, MlInstance
from shared.core.resource_ids import ML_COMPUTE
from shared.engine.night import Night
from shared.engine.rulings import FactsByKind, facts_key
from shared.rules.book import Rule


async def know_busy_instances(
    night: Night,
    rules: Sequence[Rule],
    machines: Sequence[MachineFacts],
    known: dict[str, FactsByKind],
) -> None:
    """Add the facts of instances that are busy, or of which too little is known."""
    instances = [m for m in machines if m.resource.type == ML_COMPUTE]
    for rule in rules if instances else ():
        window = getattr(rule.settings, "idle_for", None)
        if rule.remediation.facts is not FactsKind.ML_INSTANCE or window is None:
            continue
        found = await night.ports.metrics.utilisation(instances, window=window, gpu_metric="")
        for machine in instances:
            use = found.get(machine.resource.id.casefold())
            measured = replace(machine, utilisation=use)
            if unknown_use(measured, rule.settings) or busy_with(use, rule.settings):
                known[machine.resource.id][facts_key(rule)] = MlInstanceFacts(
                    machine.resource, MlInstance(RUNNING), jobs=(), utilisation=use
                )
