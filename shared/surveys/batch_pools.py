"""Batch pools of a fixed size that have nodes, and those that have lost their formula.

Pools are read from the account's own endpoint, where their metadata is; whether the nodes
are idle is looked at for each by whoever would let them go.

Source: https://learn.microsoft.com/azure/batch/batch-automatic-scaling
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.core.batch_pools import FORMULA_LABEL, BatchPool
from shared.core.signals import SignalType
from shared.core.surveys import (
    Finding,
    Kept,
    Listing,
    Seen,
    Severity,
    Survey,
    SurveyExample,
    kept,
)

ACCOUNTS = "/subscriptions/{subscription}/providers/Microsoft.Batch/batchAccounts"
GUIDANCE = "https://learn.microsoft.com/azure/batch/batch-automatic-scaling"


def keep(document: Mapping[str, Any]) -> Kept | None:
    """Keep pools without a formula that have nodes, or that should have a formula."""
    pool = document["pool"]
    if pool.formula or not (pool.nodes or pool.declared):
        return None
    return kept(document, pool=pool)


def look(seen: Seen, _now: datetime) -> Iterable[Finding]:
    """Name each such pool, and apart those that should have a formula."""
    for item in seen.items["pools"]:
        pool: BatchPool = item.more["pool"]
        size = f"{pool.dedicated} dedicated and {pool.low_priority} spot nodes"
        if pool.declared:
            name, severity = "pool_formula_off", Severity.WARNING
            words = f"its metadata {FORMULA_LABEL} holds a formula, and it is set to {size}"
        else:
            name, severity = "pool_of_fixed_size", Severity.INFORMATIONAL
            words = f"it is set to {size}, whether they are used or not"
        yield Finding(
            target=pool.target,
            name=name,
            severity=severity,
            evidence=words,
            guidance=GUIDANCE,
            fixed_by="rest_idle_pool",
            attributes={"dedicated": pool.dedicated, "low_priority": pool.low_priority},
        )


_NOW = datetime(2030, 1, 10, tzinfo=UTC)
_SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"
_ACCOUNT = (
    f"/subscriptions/{_SUBSCRIPTION}/resourceGroups/render/providers/"
    "Microsoft.Batch/batchAccounts/render"
)
_POOL = BatchPool(_ACCOUNT, "gpu", "Standard_NC6", 4, 0, is_steady=True)


def _seen(pool: BatchPool) -> Seen:
    found = keep({"id": pool.target, "pool": pool})
    return Seen(_SUBSCRIPTION, {"pools": [found] if found else []})


SURVEY = Survey(
    name="batch_pools",
    summary="Batch pools of a fixed size that have nodes, or that have lost their formula.",
    says=SignalType.BATCH_FOUND,
    every=timedelta(minutes=30),
    reads={
        "accounts": Listing(path=ACCOUNTS, api_version="2024-07-01", keep=kept),
        "pools": Listing(batch="pools", of="accounts", keep=keep),
    },
    actions=(
        "Microsoft.Batch/batchAccounts/read",
        "Microsoft.Batch/batchAccounts/pools/read",
    ),
    look=look,
    examples=(
        SurveyExample("four nodes by hand", _seen(_POOL), _NOW, ("pool_of_fixed_size",)),
        SurveyExample(
            "its formula was switched off",
            _seen(replace(_POOL, labels={FORMULA_LABEL: "x"})),
            _NOW,
            ("pool_formula_off",),
        ),
        SurveyExample("a formula decides", _seen(replace(_POOL, formula="x")), _NOW, ()),
        SurveyExample("it has no nodes", _seen(replace(_POOL, dedicated=0)), _NOW, ()),
    ),
)
