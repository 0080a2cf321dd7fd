"""Machines that nobody watches: no monitoring agent, no collection rule, no VM insights.

Machines, scale sets and Arc servers. The agents and the associations of collection rules
are read for a whole subscription at once, by Resource Graph. A machine that has an
extension which Resource Graph did not tell of is not judged: an identity that may not
read extensions must not make every machine look bare. A collection rule of another
subscription cannot be read from here, so whether it is one of VM insights is not judged.

Source: https://learn.microsoft.com/azure/azure-monitor/agents/azure-monitor-agent-manage,
https://learn.microsoft.com/azure/azure-monitor/vm/vminsights-enable,
https://learn.microsoft.com/azure/governance/resource-graph/reference/supported-tables-resources
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.core.posture import (
    by_owner,
    graph_of,
    is_left_alone,
    is_of_aks,
    owner_of,
    part,
    parts,
    seen_of,
    word,
)
from shared.core.signals import SignalType
from shared.core.surveys import (
    Document,
    Kept,
    Listing,
    Point,
    Seen,
    Severity,
    Survey,
    SurveyExample,
    kept,
)

PUBLISHER = "microsoft.azure.monitor"
AGENTS = frozenset({"azuremonitorlinuxagent", "azuremonitorwindowsagent"})
INSIGHTS = "\\vminsights\\detailedmetrics"
EXTENSIONS, ASSOCIATIONS = "/extensions/", "/providers/microsoft.insights/"
_DOCS = "https://learn.microsoft.com/azure/azure-monitor"

AGENT_MISSING = Point(
    "agent_missing",
    Severity.ERROR,
    "A machine, scale set or Arc server has no Azure Monitor agent.",
    f"{_DOCS}/agents/azure-monitor-agent-manage",
    "Install the extension AzureMonitorLinuxAgent or AzureMonitorWindowsAgent, or assign "
    "the built-in policy initiative that does so for all machines.",
)
AGENT_FAILED = Point(
    "agent_failed",
    Severity.ERROR,
    "The Azure Monitor agent is there, and its installation failed.",
    f"{_DOCS}/agents/azure-monitor-agent-troubleshoot-linux-vm",
    "Read the extension's status, mend what it names, and install the agent again.",
)
RULE_MISSING = Point(
    "collection_rule_missing",
    Severity.ERROR,
    "No data collection rule is associated: the agent is told to collect nothing.",
    f"{_DOCS}/data-collection/data-collection-rule-associations",
    "Associate the data collection rule of the central workspace with the machine.",
)
INSIGHTS_OFF = Point(
    "vm_insights_off",
    Severity.WARNING,
    "None of the machine's data collection rules is one of VM insights.",
    f"{_DOCS}/vm/vminsights-enable",
    "Enable VM insights: associate a rule that collects \\VmInsights\\DetailedMetrics.",
)


def keep_vm(document: Document) -> Kept:
    """Keep which extensions a machine has, by its own word."""
    told = [word(one, "id") for one in parts(document, "resources")]
    return kept(document, told=frozenset(one.casefold() for one in told if one))


def keep_set(document: Document) -> Kept | None:
    """Keep the agents in a scale set's model; machines of a flexible one are listed."""
    properties = part(document, "properties")
    if word(properties, "orchestrationMode").casefold() == "flexible":
        return None
    profile = part(properties, "virtualMachineProfile", "extensionProfile")
    agents = [one for one in parts(profile, "extensions") if is_agent(one)]
    found = kept(document, agents=len(agents))
    return None if is_of_aks(found) else found


def keep_extension(document: Document) -> Kept:
    """Keep whose an extension is, and how it stands if it is the agent."""
    found = kept(document, state=state_of_agent(document))
    owner_of(found.id, EXTENSIONS)
    return found


def keep_association(document: Document) -> Kept:
    """Keep which rule is associated; the association of an endpoint alone names none."""
    found = kept(
        document, rule=word(part(document, "properties"), "dataCollectionRuleId").casefold()
    )
    owner_of(found.id, ASSOCIATIONS)
    return found


def keep_rule(document: Document) -> Kept:
    """Keep whether a collection rule is one of VM insights."""
    sources = part(document, "properties", "dataSources")
    counters = [
        str(name).casefold()
        for one in parts(sources, "performanceCounters")
        for name in one.get("counterSpecifiers") or ()
    ]
    return kept(document, insights=INSIGHTS in counters)


def is_agent(extension: Document) -> bool:
    """Tell whether an extension is the Azure Monitor agent."""
    said = part(extension, "properties")
    return (
        word(said, "publisher").casefold() == PUBLISHER
        and word(said, "type").casefold() in AGENTS
    )


def state_of_agent(extension: Document) -> str:
    """Return the provisioning state of the agent; empty if it is another extension."""
    if not is_agent(extension):
        return ""
    return word(part(extension, "properties"), "provisioningState").casefold() or "unknown"


def look(seen: Seen, _now: datetime) -> Iterator[Any]:
    """Name what each machine lacks."""
    extensions = by_owner(
        (*seen.items["vm_extensions"], *seen.items["arc_extensions"]), EXTENSIONS
    )
    rules = {one.id.casefold(): one.more["insights"] for one in seen.items["rules"]}
    associated = by_owner(seen.items["associations"], ASSOCIATIONS)
    for item in (*seen.items["vms"], *seen.items["scale_sets"], *seen.items["arc"]):
        if is_left_alone(item):
            continue
        held = extensions.get(item.id.casefold(), ())
        known = {one.id.casefold() for one in held}
        if item.more.get("told", frozenset()) <= known:
            yield from _agent(item, held)
        names = {one.more["rule"] for one in associated.get(item.id.casefold(), ())} - {""}
        yield from _rules(item, names, rules)


def _agent(item: Kept, held: Sequence[Kept]) -> Iterator[Any]:
    states = [one.more["state"] for one in held if one.more["state"]]
    if not states and not item.more.get("agents"):
        words = f"none of its {len(held)} extensions is the agent"
        yield AGENT_MISSING.found(item.id, words, extensions=len(held))
    elif "failed" in states:
        yield AGENT_FAILED.found(item.id, "the agent's provisioning state is failed")


def _rules(item: Kept, names: set[str], rules: Mapping[str, bool]) -> Iterator[Any]:
    if not names:
        yield RULE_MISSING.found(item.id, "0 data collection rules are associated with it")
    elif all(rules.get(name) is False for name in names):
        words = f"{len(names)} data collection rules, none of VM insights"
        yield INSIGHTS_OFF.found(item.id, words, rules=len(names))


_NOW = datetime(2030, 1, 10, tzinfo=UTC)
_SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"
_GROUP = f"/subscriptions/{_SUBSCRIPTION}/resourceGroups/lab/providers"
_VM = f"{_GROUP}/Microsoft.Compute/virtualMachines/a"
_ARC = f"{_GROUP}/Microsoft.HybridCompute/machines/b"
_SET = f"{_GROUP}/Microsoft.Compute/virtualMachineScaleSets/c"
_RULE = f"{_GROUP}/Microsoft.Insights/dataCollectionRules/central"


def _extension(machine: str, state: str = "Succeeded") -> Document:
    said = {"publisher": "Microsoft.Azure.Monitor", "type": "AzureMonitorLinuxAgent"}
    return {
        "id": f"{machine}/extensions/AzureMonitorLinuxAgent",
        "properties": {**said, "provisioningState": state},
    }


def _association(machine: str, rule: str = _RULE) -> Document:
    return {
        "id": f"{machine}/providers/Microsoft.Insights/dataCollectionRuleAssociations/x",
        "properties": {"dataCollectionRuleId": rule},
    }


def _rule(counter: str = "\\VmInsights\\DetailedMetrics") -> Document:
    counters = [{"counterSpecifiers": [counter]}]
    return {"id": _RULE, "properties": {"dataSources": {"performanceCounters": counters}}}


def _seen(**said: Iterable[Document]) -> Seen:
    return seen_of(_SUBSCRIPTION, READS, said)


READS = {
    "vms": Listing(
        path="/subscriptions/{subscription}/providers/Microsoft.Compute/virtualMachines",
        api_version="2024-07-01",
        keep=keep_vm,
    ),
    "scale_sets": Listing(
        path="/subscriptions/{subscription}/providers/Microsoft.Compute"
        "/virtualMachineScaleSets",
        api_version="2024-07-01",
        keep=keep_set,
    ),
    "arc": Listing(graph=graph_of("microsoft.hybridcompute/machines", tags=True), keep=kept),
    "vm_extensions": Listing(
        graph=graph_of("microsoft.compute/virtualmachines/extensions"),
        keep=keep_extension,
        must_be_whole=True,
    ),
    "arc_extensions": Listing(
        graph=graph_of("microsoft.hybridcompute/machines/extensions"),
        keep=keep_extension,
        must_be_whole=True,
    ),
    "associations": Listing(
        graph=graph_of(
            "microsoft.insights/datacollectionruleassociations", table="insightsresources"
        ),
        keep=keep_association,
        must_be_whole=True,
    ),
    "rules": Listing(
        path="/subscriptions/{subscription}/providers/Microsoft.Insights/dataCollectionRules",
        api_version="2023-03-11",
        keep=keep_rule,
    ),
}
_WATCHED: dict[str, Any] = {
    "vms": [{"id": _VM}],
    "vm_extensions": [_extension(_VM)],
    "associations": [_association(_VM)],
    "rules": [_rule()],
}

SURVEY = Survey(
    name="machine_monitoring",
    summary="Machines, scale sets and Arc servers: agent, collection rule, VM insights.",
    says=SignalType.POSTURE_FOUND,
    every=timedelta(days=1),
    reads=READS,
    actions=(
        "Microsoft.Compute/virtualMachines/read",
        "Microsoft.Compute/virtualMachines/extensions/read",
        "Microsoft.Compute/virtualMachineScaleSets/read",
        "Microsoft.HybridCompute/machines/read",
        "Microsoft.HybridCompute/machines/extensions/read",
        "Microsoft.Insights/dataCollectionRules/read",
        "Microsoft.Insights/dataCollectionRuleAssociations/read",
    ),
    look=look,
    points=(AGENT_MISSING, AGENT_FAILED, RULE_MISSING, INSIGHTS_OFF),
    examples=(
        SurveyExample("agent, rule and VM insights are there", _seen(**_WATCHED), _NOW, ()),
        SurveyExample(
            "nobody watches a machine, a scale set, an Arc server",
            _seen(vms=[{"id": _VM}], scale_sets=[{"id": _SET}], arc=[{"id": _ARC}]),
            _NOW,
            ("agent_missing", "collection_rule_missing") * 3,
        ),
        SurveyExample(
            "the agent's installation failed",
            _seen(**{**_WATCHED, "vm_extensions": [_extension(_VM, "Failed")]}),
            _NOW,
            ("agent_failed",),
        ),
        SurveyExample(
            "its rule collects something else",
            _seen(**{**_WATCHED, "rules": [_rule("\\Memory\\Available MBytes")]}),
            _NOW,
            ("vm_insights_off",),
        ),
        SurveyExample(
            "its rule is of another subscription: whether of VM insights is not known",
            _seen(**{**_WATCHED, "rules": []}),
            _NOW,
            (),
        ),
        SurveyExample(
            "it has an extension that Resource Graph did not tell of",
            _seen(
                **{
                    **_WATCHED,
                    "vms": [{"id": _VM, "resources": [{"id": f"{_VM}/extensions/x"}]}],
                    "vm_extensions": [],
                }
            ),
            _NOW,
            (),
        ),
        SurveyExample(
            "its owner opted out of the baseline",
            _seen(vms=[{"id": _VM, "tags": {"MonitorDisable": "true"}}]),
            _NOW,
            (),
        ),
    ),
)
