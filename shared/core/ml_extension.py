"""The Azure ML extension's settings: which combination is wrong, and why. Pure.

Names fold case, as the extension's own chart reads them; values are text, as the service
stores them. What a scenario has no use for is told too: a setting that does nothing is a
mistake that nobody notices.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-deploy-kubernetes-extension
(review of the configuration settings; components by scenario)
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from types import MappingProxyType

EXTENSION_TYPE = "Microsoft.AzureML.Kubernetes"
NAMESPACE = "azureml"
HA_NODES = 3
_SELECTOR = "nodeselector."


class Scenario(StrEnum):
    """What an extension is for."""

    TRAINING = "training"
    INFERENCE = "inference"
    BOTH = "both"


class ClusterKind(StrEnum):
    """Where it runs: AKS, or any cluster through Azure Arc."""

    MANAGED = "managedClusters"
    CONNECTED = "connectedClusters"


class Weight(StrEnum):
    """What a problem means: it will not work, or it will and should not."""

    WRONG = "wrong"
    DOUBTFUL = "doubtful"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with the settings.

    Attributes:
        setting: The setting as the documentation spells it.
        why: What was there, and what would be right.
    """

    setting: str
    why: str
    weight: Weight = Weight.WRONG


@dataclass(frozen=True, slots=True)
class _Setting:
    """One row of the table.

    Attributes:
        values: Folded values it may have; empty for any text.
        training, inference: Whether the scenario has a use for it.
    """

    name: str
    values: frozenset[str] = frozenset()
    training: bool = True
    inference: bool = True


_BOOLEAN = frozenset({"true", "false"})
_SERVICES = frozenset({"loadbalancer", "nodeport", "clusterip"})
_ROWS = (
    _Setting("enableTraining", _BOOLEAN),
    _Setting("enableInference", _BOOLEAN),
    _Setting("allowInsecureConnections", _BOOLEAN, training=False),
    _Setting("inferenceRouterServiceType", _SERVICES, training=False),
    _Setting("internalLoadBalancerProvider", frozenset({"azure"}), training=False),
    _Setting("sslSecret", training=False),
    _Setting("sslCname", training=False),
    _Setting("inferenceRouterHA", _BOOLEAN, training=False),
    _Setting("installNvidiaDevicePlugin", _BOOLEAN),
    _Setting("installPromOp", _BOOLEAN),
    _Setting("installVolcano", _BOOLEAN, inference=False),
    _Setting("installDcgmExporter", _BOOLEAN),
)
SETTINGS: Mapping[str, _Setting] = MappingProxyType(
    {row.name.casefold(): row for row in _ROWS}
)
PROTECTED = ("sslCertPemFile", "sslKeyPemFile")
"""A pair, kept by the service and never shown again; only their names are known here."""


def problems(
    settings: Mapping[str, str],
    protected: Collection[str],
    kind: ClusterKind,
    *,
    nodes: int | None = None,
) -> tuple[Problem, ...]:
    """Say everything that is wrong with an extension's settings.

    Args:
        protected: Names of the protected settings that are given.
        nodes: Worker nodes that can take its pods; None if that is not known.
    """
    found = [*_misspelt(settings, protected)]
    read = _Read({name.casefold(): value for name, value in settings.items()})
    scenario = scenario_of(settings)
    if scenario is None:
        why = "neither training nor inference is enabled: set one of them to True"
        return (*found, Problem("enableTraining", why))
    found += _useless(settings, scenario)
    if scenario is not Scenario.TRAINING:
        names = {name.casefold() for name in protected}
        found += _inference(read, names, kind, nodes)
    return tuple(found)


def scenario_of(settings: Mapping[str, str]) -> Scenario | None:
    """Return what the settings enable; None for nothing. Both default to False."""
    read = _Read({name.casefold(): value for name, value in settings.items()})
    training = read.is_true("enableTraining", default=False)
    inference = read.is_true("enableInference", default=False)
    if training and inference:
        return Scenario.BOTH
    if training or inference:
        return Scenario.TRAINING if training else Scenario.INFERENCE
    return None


@dataclass(frozen=True, slots=True)
class _Read:
    """Settings by folded name."""

    values: Mapping[str, str]

    def get(self, name: str) -> str:
        return self.values.get(name.casefold(), "").strip()

    def is_true(self, name: str, *, default: bool) -> bool:
        said = self.get(name).casefold()
        return said == "true" if said in _BOOLEAN else default


def _misspelt(settings: Mapping[str, str], protected: Collection[str]) -> Iterator[Problem]:
    names = [row.name for row in _ROWS]
    for name, value in settings.items():
        row = SETTINGS.get(name.casefold())
        if row is None and not name.casefold().startswith(_SELECTOR):
            near = get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
            yield Problem(name, f"it is no setting of the extension: {hint}")
        if row is not None and row.values and value.strip().casefold() not in row.values:
            known = ", ".join(sorted(row.values))
            yield Problem(row.name, f"{value!r} is not one of {known}")
        if name.casefold() == _SELECTOR or (row is None and not value.strip()):
            yield Problem(name, "a node selector needs a label's key and a value")
    for name in protected:
        if name.casefold() not in {one.casefold() for one in PROTECTED}:
            yield Problem(
                name, f"it is no protected setting: there are {', '.join(PROTECTED)}"
            )


def _useless(settings: Mapping[str, str], scenario: Scenario) -> Iterator[Problem]:
    for name in settings:
        row = SETTINGS.get(name.casefold())
        if row is None:
            continue
        is_used = {
            Scenario.TRAINING: row.training,
            Scenario.INFERENCE: row.inference,
            Scenario.BOTH: True,
        }[scenario]
        if not is_used:
            why = f"it does nothing where only {scenario} is enabled"
            yield Problem(row.name, why, Weight.DOUBTFUL)


def _inference(
    read: _Read, protected: Collection[str], kind: ClusterKind, nodes: int | None
) -> Iterator[Problem]:
    service = read.get("inferenceRouterServiceType").casefold()
    if not service:
        why = "inference needs it: loadBalancer, nodePort or clusterIP"
        yield Problem("inferenceRouterServiceType", why)
    balancer = read.get("internalLoadBalancerProvider")
    if balancer and kind is not ClusterKind.MANAGED:
        yield Problem("internalLoadBalancerProvider", "it is for AKS clusters alone")
    elif balancer and service and service != "loadbalancer":
        why = f"it needs the service type loadBalancer, not {service}"
        yield Problem("internalLoadBalancerProvider", why)
    if (
        read.is_true("inferenceRouterHA", default=True)
        and nodes is not None
        and nodes < HA_NODES
    ):
        why = (
            f"three router replicas need {HA_NODES} nodes, there are {nodes}: set it to False"
        )
        yield Problem("inferenceRouterHA", why)
    yield from _https(read, protected)


def _https(read: _Read, protected: Collection[str]) -> Iterator[Problem]:
    """Ask for what HTTPS needs, unless insecure connections are allowed."""
    given = {one.casefold() for one in PROTECTED} & set(protected)
    if len(given) == 1:
        yield Problem(PROTECTED[0], f"a certificate needs its key: give {PROTECTED[1]} too")
    has_certificate = len(given) == len(PROTECTED)
    if read.is_true("allowInsecureConnections", default=False):
        why = "HTTP is for development or test"
        yield Problem("allowInsecureConnections", why, Weight.DOUBTFUL)
        return
    if not read.get("sslCname"):
        why = "HTTPS needs the name clients call: set it, or allowInsecureConnections to True"
        yield Problem("sslCname", why)
    if not read.get("sslSecret") and not has_certificate:
        why = f"HTTPS needs a secret in {NAMESPACE}, or {' and '.join(PROTECTED)}"
        yield Problem("sslSecret", why)
    if read.get("sslSecret") and has_certificate:
        why = "a secret and a certificate pair are given: keep one of them"
        yield Problem("sslSecret", why, Weight.DOUBTFUL)


@dataclass(frozen=True, slots=True)
class Component:
    """A workload that the extension runs in the namespace ``azureml``.

    Attributes:
        kind: ``Deployment``, ``DaemonSet`` or ``StatefulSet``.
    """

    name: str
    kind: str


def expected(
    settings: Mapping[str, str], kind: ClusterKind, extension: str
) -> tuple[Component, ...]:
    """Name every component that must be there, in these settings and on this cluster."""
    scenario = scenario_of(settings)
    if scenario is None:
        return ()
    read = _Read({name.casefold(): value for name, value in settings.items()})
    trains, infers = scenario is not Scenario.INFERENCE, scenario is not Scenario.TRAINING
    wanted = [
        (kind is ClusterKind.CONNECTED, "Deployment", "relayserver"),
        (True, "Deployment", "gateway"),
        (trains, "Deployment", "aml-operator"),
        (True, "Deployment", "metrics-controller-manager"),
        (True, "Deployment", f"{extension}-kube-state-metrics"),
        (
            read.is_true("installPromOp", default=True),
            "Deployment",
            f"{extension}-prometheus-operator",
        ),
        (infers, "Deployment", "amlarc-identity-controller"),
        (infers, "Deployment", "amlarc-identity-proxy"),
        (infers, "Deployment", "azureml-fe-v2"),
        (infers, "Deployment", "inference-operator-controller-manager"),
        *(
            (trains and read.is_true("installVolcano", default=True), "Deployment", name)
            for name in ("volcano-admission", "volcano-controllers", "volcano-scheduler")
        ),
        (True, "DaemonSet", "fluent-bit"),
        (
            read.is_true("installDcgmExporter", default=False),
            "DaemonSet",
            f"{extension}-dcgm-exporter",
        ),
        (
            read.is_true("installNvidiaDevicePlugin", default=False),
            "DaemonSet",
            "nvidia-device-plugin-daemonset",
        ),
        (True, "StatefulSet", "prometheus-prom-prometheus"),
    ]
    return tuple(Component(name, kind_) for is_there, kind_, name in wanted if is_there)
