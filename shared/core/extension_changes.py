"""What a person asks of an Azure ML extension: settings read, spelled, judged. Pure.

Protected settings are never taken: a request is kept in the ledger, and a certificate's
key has no place there. ``sslSecret`` names a secret that is in the cluster already.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-deploy-kubernetes-extension
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from shared.core.decisions import Decision, Hold, Reason, Skip
from shared.core.ml_extension import PROTECTED, SETTINGS, ClusterKind
from shared.core.ml_extension_facts import SUCCEEDED, ExtensionFacts, MlExtension
from shared.core.resource_ids import EXTENSION, ResourceId

IN_BETWEEN = frozenset({"creating", "updating", "deleting", "pending"})
LOOK_AGAIN = timedelta(minutes=5)


def read_pairs(pairs: Iterable[str]) -> dict[str, str]:
    """Read ``NAME=VALUE`` as ``az k8s-extension --config`` takes it.

    Raises:
        ValueError: One is no such pair, is there twice, or is protected.
    """
    read: dict[str, str] = {}
    known = {one.casefold(): one for one in PROTECTED}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        name = name.strip()
        if name.casefold() in known:
            raise ValueError(
                f"{known[name.casefold()]} is protected and is not taken here: make a "
                "secret in the cluster and set sslSecret"
            )
        if not name or not equals:
            raise ValueError("write each setting as NAME=VALUE: enableTraining=True")
        row = SETTINGS.get(name.casefold())
        spelled = row.name if row else name
        if spelled in read:
            raise ValueError(f"{spelled} is there twice")
        read[spelled] = value.strip()
    return read


def laid_over(stored: Mapping[str, str], given: Mapping[str, str]) -> dict[str, str]:
    """Lay given settings over those that stand, in the spelling that stands."""
    spelled = {name.casefold(): name for name in stored}
    new = {spelled.get(name.casefold(), name): value for name, value in given.items()}
    return {**stored, **new}


def unknown_in(given: Mapping[str, str], stored: Mapping[str, str]) -> tuple[str, ...]:
    """Name what is given and is neither a setting nor stands already."""
    known = {*SETTINGS, *(name.casefold() for name in stored)}
    return tuple(
        f"{name}: it is no setting of the extension"
        for name in given
        if name.casefold() not in known and not name.casefold().startswith("nodeselector.")
    )


def with_installers(given: Mapping[str, str], facts: ExtensionFacts) -> dict[str, str]:
    """Add what the vendor's own installer adds on AKS; what is given stays.

    Source: https://github.com/Azure/azure-cli-extensions (k8s-extension,
    partner_extensions/AzureMLKubernetes.py, Create)
    """
    cluster, location = facts.resource.pool, facts.resource.location.casefold()
    return {
        "cluster_name": cluster,
        "clusterId": cluster,
        "prometheus.prometheusSpec.externalLabels.cluster_name": cluster,
        "cluster_name_friendly": ResourceId.parse(cluster).name,
        "domain": f"{location}.cloudapp.azure.com",
        "location": location,
        "jobSchedulerLocation": location,
        "servicebus.enabled": "false",
        "relayserver.enabled": "false",
        "nginxIngress.enabled": "true",
        **given,
    }


def not_now(facts: ExtensionFacts, now: datetime) -> Decision | None:
    """Say why nothing is done to an extension at present; None if something may be."""
    if facts.resource.type != EXTENSION:
        return Skip(Reason.BAD_DECLARATION, "it is a cluster: name the extension on it")
    if facts.trouble:
        return Hold(Reason.NOT_RUNNING, now + LOOK_AGAIN, facts.trouble)
    found = facts.extension
    if found is not None and found.state in IN_BETWEEN:
        return Hold(Reason.TOO_SOON, now + LOOK_AGAIN, f"it is {found.state}")
    return None


def is_settled(extension: MlExtension) -> bool:
    """Tell whether nothing is under way."""
    return extension.state not in IN_BETWEEN


def stands(extension: MlExtension, wanted: Mapping[str, str]) -> bool:
    """Tell whether these settings are in force."""
    held = {name.casefold(): value for name, value in extension.settings.items()}
    return extension.state == SUCCEEDED and all(
        held.get(name.casefold(), "").casefold() == value.casefold()
        for name, value in wanted.items()
    )


def on_arc(facts: ExtensionFacts) -> str:
    """Say why an extension is not created on Arc; empty on AKS."""
    if facts.kind != ClusterKind.CONNECTED:
        return ""
    return (
        "on Arc it needs an Azure Relay and its connection string, which az k8s-extension "
        "create makes: create it with that"
    )
