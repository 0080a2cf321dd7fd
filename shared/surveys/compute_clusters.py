"""Azure ML compute clusters: nodes that are kept, nodes that are idle, nodes that fail.

A cluster whose least number of nodes is above zero is paid for at night too; whoever set it
so should say why. Unusable nodes count as nodes and run nothing.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-create-attach-compute-cluster
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.core.facts import FactsKind
from shared.core.ml_clusters import MlCluster, cluster_of
from shared.core.ml_documents import is_cluster
from shared.core.ml_listings import computes_of_workspaces
from shared.core.signals import SignalType
from shared.core.surveys import (
    Finding,
    Kept,
    Seen,
    Severity,
    Survey,
    SurveyExample,
    kept,
)

GUIDANCE = (
    "https://learn.microsoft.com/azure/machine-learning/how-to-create-attach-compute-cluster"
)
LONG_IDLE = timedelta(minutes=30)
AT_WORK = ("running", "preparing")


def keep(document: Mapping[str, Any]) -> Kept | None:
    """Keep compute clusters, and of each what it is set to and what its nodes do."""
    if not is_cluster(document):
        return None
    return kept(document, cluster=cluster_of(document, str(document.get("id"))))


def look(seen: Seen, _now: datetime) -> Iterable[Finding]:
    """Name what is the matter with each cluster."""
    for item in seen.items["computes"]:
        yield from _of(item.more["cluster"])


def _of(cluster: MlCluster) -> Iterator[Finding]:
    nodes = cluster.nodes or {}
    if cluster.least > 0:
        words = f"it keeps {cluster.least} nodes whether they are used or not"
        yield _found(cluster, "min_nodes_above_zero", Severity.WARNING, words)
    idle = nodes.get("idle", 0)
    is_quiet = idle > 0 and not any(nodes.get(state, 0) for state in AT_WORK)
    span = cluster.idle_before_scale_down
    if is_quiet and (cluster.least > 0 or span is None or span > LONG_IDLE):
        words = f"{idle} nodes are idle, none is at work, and none will go soon"
        yield _found(cluster, "idle_nodes", Severity.WARNING, words, "scale_cluster_to_zero")
    unusable = nodes.get("unusable", 0)
    if unusable:
        words = f"{unusable} of {sum(nodes.values())} nodes are unusable"
        yield _found(cluster, "unusable_nodes", Severity.ERROR, words)


def _found(
    cluster: MlCluster, name: str, severity: Severity, evidence: str, fixed_by: str = ""
) -> Finding:
    return Finding(
        target=cluster.resource.id,
        name=name,
        severity=severity,
        evidence=evidence,
        guidance=GUIDANCE,
        fixed_by=fixed_by,
        attributes={"least": cluster.least, "nodes": dict(cluster.nodes or {})},
        facts=cluster,
    )


_NOW = datetime(2030, 1, 10, tzinfo=UTC)
_ID = (
    "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/lab/providers/"
    "Microsoft.MachineLearningServices/workspaces/lab/computes/gpu"
)


def _seen(least: int, idle_for: str = "PT2M", **nodes: int) -> Seen:
    counts = {f"{state}NodeCount": count for state, count in nodes.items()}
    scale = {
        "minNodeCount": least,
        "maxNodeCount": 8,
        "nodeIdleTimeBeforeScaleDown": idle_for,
    }
    inner = {"vmSize": "x", "scaleSettings": scale, "nodeStateCounts": counts}
    document = {"id": _ID, "properties": {"computeType": "AmlCompute", "properties": inner}}
    return Seen("5f0ac1d2-0000-4000-8000-000000000001", {"computes": [keep(document)]})


SURVEY = Survey(
    name="compute_clusters",
    summary="Azure ML compute clusters: least nodes, idle nodes, unusable nodes.",
    says=SignalType.AML_CLUSTER_FOUND,
    every=timedelta(hours=1),
    reads=computes_of_workspaces(keep),
    actions=(
        "Microsoft.MachineLearningServices/workspaces/read",
        "Microsoft.MachineLearningServices/workspaces/computes/read",
    ),
    look=look,
    facts=FactsKind.ML_CLUSTER,
    examples=(
        SurveyExample(
            "two nodes are kept, and both are idle",
            _seen(2, idle=2),
            _NOW,
            ("min_nodes_above_zero", "idle_nodes"),
        ),
        SurveyExample(
            "idle nodes stay for a day", _seen(0, "P1D", idle=1), _NOW, ("idle_nodes",)
        ),
        SurveyExample(
            "one node of three runs nothing any more",
            _seen(0, running=2, unusable=1),
            _NOW,
            ("unusable_nodes",),
        ),
        SurveyExample(
            "idle nodes that go in two minutes", _seen(0, idle=1, running=1), _NOW, ()
        ),
    ),
)
