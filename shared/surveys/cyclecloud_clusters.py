"""CycleCloud clusters whose machines send nothing to Log Analytics.

A cluster is known by the tags that CycleCloud gives its machines and scale sets. Whether
its node health checks run is told by no resource of Azure's, so it is not judged here.

Source: https://learn.microsoft.com/azure/cyclecloud/concepts/monitoring,
https://learn.microsoft.com/azure/cyclecloud/how-to/tag-nodes
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.core.posture import by_owner, graph_of, owner_of, part, seen_of, word
from shared.core.signals import SignalType
from shared.core.slurm_identity import cyclecloud_cluster
from shared.core.surveys import (
    Document,
    Finding,
    Kept,
    Listing,
    Point,
    Seen,
    Severity,
    Survey,
    SurveyExample,
    kept,
)

ASSOCIATIONS = "/providers/microsoft.insights/"

METRICS_MISSING = Point(
    "cluster_metrics_missing",
    Severity.ERROR,
    "Machines of a CycleCloud cluster have no data collection rule: their CPU, disk and "
    "network metrics are not kept in Log Analytics.",
    "https://learn.microsoft.com/azure/cyclecloud/concepts/monitoring",
    "Associate a data collection rule with the cluster's machines and scale sets: by Azure "
    "Policy for their resource group, so that new nodes have it, too.",
)


def keep_machine(document: Document) -> Kept | None:
    """Keep what CycleCloud made, and of which cluster it is."""
    found = kept(document)
    cluster = cyclecloud_cluster(found.tags)
    return kept(document, cluster=cluster) if cluster else None


def keep_association(document: Document) -> Kept | None:
    """Keep whose an association of a rule is; of an endpoint alone it collects nothing."""
    found = kept(document)
    owner_of(found.id, ASSOCIATIONS)
    return found if word(part(document, "properties"), "dataCollectionRuleId") else None


def look(seen: Seen, _now: datetime) -> Iterator[Finding]:
    """Name each cluster of a resource group of whose machines some send nothing."""
    associated = by_owner(seen.items["associations"], ASSOCIATIONS)
    clusters: dict[tuple[str, str], list[Kept]] = {}
    for item in (*seen.items["vms"], *seen.items["scale_sets"]):
        clusters.setdefault((group_of(item).casefold(), item.more["cluster"]), []).append(item)
    for (_, cluster), items in sorted(clusters.items()):
        bare = [item for item in items if item.id.casefold() not in associated]
        if bare:
            words = (
                f"{len(bare)} of {len(items)} machines and scale sets of cluster {cluster} "
                "have no data collection rule"
            )
            yield METRICS_MISSING.found(
                group_of(bare[0]), words, cluster=cluster, bare=len(bare)
            )


def group_of(item: Kept) -> str:
    """Return the id of the resource group that a machine is in."""
    return item.id[: item.id.casefold().index("/providers/")]


_NOW = datetime(2030, 1, 10, tzinfo=UTC)
_SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"
_GROUP = f"/subscriptions/{_SUBSCRIPTION}/resourceGroups/hpc"
_COMPUTE = f"{_GROUP}/providers/Microsoft.Compute"
READS = {
    "vms": Listing(
        path="/subscriptions/{subscription}/providers/Microsoft.Compute/virtualMachines",
        api_version="2024-07-01",
        keep=keep_machine,
    ),
    "scale_sets": Listing(
        path="/subscriptions/{subscription}/providers/Microsoft.Compute"
        "/virtualMachineScaleSets",
        api_version="2024-07-01",
        keep=keep_machine,
    ),
    "associations": Listing(
        graph=graph_of(
            "microsoft.insights/datacollectionruleassociations", table="insightsresources"
        ),
        keep=keep_association,
        must_be_whole=True,
    ),
}
_OURS = {"CycleCloudCluster": "site/clusters/train"}


def _association(target: str, **said: str) -> Document:
    where = f"{target}/providers/Microsoft.Insights/dataCollectionRuleAssociations/x"
    return {"id": where, "properties": said}


def _seen(**said: Iterable[Document]) -> Seen:
    return seen_of(_SUBSCRIPTION, READS, said)


_SCHEDULER: dict[str, Any] = {"id": f"{_COMPUTE}/virtualMachines/scheduler", "tags": _OURS}
_NODES: dict[str, Any] = {"id": f"{_COMPUTE}/virtualMachineScaleSets/gpu", "tags": _OURS}
_RULED = _association(_SCHEDULER["id"], dataCollectionRuleId="/subscriptions/s/rule")

SURVEY = Survey(
    name="cyclecloud_clusters",
    summary="CycleCloud clusters: whose machines' metrics are kept in Log Analytics.",
    says=SignalType.POSTURE_FOUND,
    every=timedelta(days=1),
    reads=READS,
    actions=(
        "Microsoft.Compute/virtualMachines/read",
        "Microsoft.Compute/virtualMachineScaleSets/read",
        "Microsoft.Insights/dataCollectionRuleAssociations/read",
    ),
    look=look,
    points=(METRICS_MISSING,),
    examples=(
        SurveyExample(
            "every machine has a rule",
            _seen(vms=[_SCHEDULER], associations=[_RULED]),
            _NOW,
            (),
        ),
        SurveyExample("machines of nobody's cluster", _seen(vms=[{"id": _GROUP}]), _NOW, ()),
        SurveyExample(
            "the scheduler is watched, its nodes are not",
            _seen(vms=[_SCHEDULER], scale_sets=[_NODES], associations=[_RULED]),
            _NOW,
            ("cluster_metrics_missing",),
        ),
        SurveyExample(
            "an endpoint is associated, and no rule",
            _seen(
                vms=[_SCHEDULER],
                associations=[
                    _association(
                        _SCHEDULER["id"], dataCollectionEndpointId="/subscriptions/s/e"
                    )
                ],
            ),
            _NOW,
            ("cluster_metrics_missing",),
        ),
    ),
)
