"""The Azure ML extension's settings: each row of the vendor's table, and what it forbids."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.ml_extension import (
    SETTINGS,
    ClusterKind,
    Component,
    Scenario,
    Weight,
    expected,
    problems,
    scenario_of,
)

AKS, ARC = ClusterKind.MANAGED, ClusterKind.CONNECTED
PAIR = ("sslCertPemFile", "sslKeyPemFile")
TRAINING = {"enableTraining": "True"}
TRIAL = {
    "enableTraining": "True",
    "enableInference": "True",
    "inferenceRouterServiceType": "LoadBalancer",
    "allowInsecureConnections": "True",
    "InferenceRouterHA": "False",
}
PRODUCTION = {
    "enableTraining": "True",
    "enableInference": "True",
    "inferenceRouterServiceType": "LoadBalancer",
    "sslCname": "score.example.org",
}
ON_PREMISES = {
    **PRODUCTION,
    "inferenceRouterServiceType": "NodePort",
    "installNvidiaDevicePlugin": "True",
    "installDcgmExporter": "True",
}


def wrong(settings, protected=(), kind=AKS, nodes=3):
    """Name the settings that will not work."""
    found = problems(settings, protected, kind, nodes=nodes)
    return [one.setting for one in found if one.weight is Weight.WRONG]


@pytest.mark.parametrize(
    ("settings", "protected", "kind", "nodes"),
    [
        (TRIAL, (), AKS, 1),
        (TRAINING, (), ARC, 1),
        (PRODUCTION, PAIR, AKS, 3),
        ({**PRODUCTION, "sslSecret": "tls"}, (), AKS, 3),
        (ON_PREMISES, PAIR, ARC, 3),
    ],
)
def test_the_four_typical_deployments_are_right(settings, protected, kind, nodes):
    """As the vendor writes them, in its own mix of letters."""
    assert [] == wrong(settings, protected, kind, nodes)


@pytest.mark.parametrize(
    ("settings", "protected", "kind", "nodes", "named"),
    [
        ({}, (), AKS, 3, "enableTraining"),
        ({"enableTraining": "False"}, (), AKS, 3, "enableTraining"),
        ({"enableTraining": "yes"}, (), AKS, 3, "enableTraining"),
        ({**TRAINING, "enableTrainin": "True"}, (), AKS, 3, "enableTrainin"),
        (
            {"enableInference": "True", "allowInsecureConnections": "True"},
            (),
            AKS,
            3,
            "inferenceRouterServiceType",
        ),
        (
            {**TRIAL, "inferenceRouterServiceType": "ingress"},
            (),
            AKS,
            1,
            "inferenceRouterServiceType",
        ),
        ({**TRIAL, "InferenceRouterHA": "True"}, (), AKS, 2, "inferenceRouterHA"),
        (
            {**TRIAL, "internalLoadBalancerProvider": "azure"},
            (),
            ARC,
            1,
            "internalLoadBalancerProvider",
        ),
        (
            {**TRIAL, "internalLoadBalancerProvider": "aws"},
            (),
            AKS,
            1,
            "internalLoadBalancerProvider",
        ),
        (
            {
                **TRIAL,
                "internalLoadBalancerProvider": "azure",
                "inferenceRouterServiceType": "nodePort",
            },
            (),
            AKS,
            1,
            "internalLoadBalancerProvider",
        ),
        (PRODUCTION, (), AKS, 3, "sslSecret"),
        (PRODUCTION, PAIR[:1], AKS, 3, "sslCertPemFile"),
        ({**PRODUCTION, "sslCname": ""}, PAIR, AKS, 3, "sslCname"),
        (PRODUCTION, (*PAIR, "sslPassphrase"), AKS, 3, "sslPassphrase"),
        ({**TRAINING, "nodeSelector.": "x"}, (), AKS, 3, "nodeSelector."),
        ({**TRAINING, "nodeSelector.pool": ""}, (), AKS, 3, "nodeSelector.pool"),
    ],
)
def test_what_cannot_work_is_named_with_the_reason(settings, protected, kind, nodes, named):
    """Before anybody waits fifteen minutes for a deployment that fails."""
    assert named in wrong(settings, protected, kind, nodes)


def test_a_slip_is_told_with_what_was_meant():
    """A person reads the answer at three in the morning."""
    [one] = problems({**TRAINING, "installVolcan": "True"}, (), AKS, nodes=3)
    assert "did you mean installVolcano?" in one.why


def test_replicas_are_no_problem_where_nobody_knows_the_nodes():
    """Not known is not too few."""
    assert [] == wrong(PRODUCTION, PAIR, AKS, nodes=None)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({**TRAINING, "sslCname": "x"}, "sslCname"),
        ({**TRAINING, "inferenceRouterHA": "True"}, "inferenceRouterHA"),
        (
            {
                **{k: v for k, v in TRIAL.items() if k != "enableTraining"},
                "installVolcano": "True",
            },
            "installVolcano",
        ),
        (TRIAL, "allowInsecureConnections"),
    ],
)
def test_what_does_nothing_or_should_not_be_is_doubtful(settings, named):
    """It works, so it is no error; somebody should know."""
    found = problems(settings, (), AKS, nodes=3)
    assert named in [one.setting for one in found if one.weight is Weight.DOUBTFUL]


def test_the_scenario_is_what_is_enabled():
    """Both settings are False unless somebody says otherwise."""
    assert (Scenario.TRAINING, Scenario.BOTH, None) == (
        scenario_of(TRAINING),
        scenario_of(TRIAL),
        scenario_of({}),
    )


@pytest.mark.parametrize(
    ("settings", "kind", "there", "missing"),
    [
        (
            TRAINING,
            AKS,
            {"aml-operator", "volcano-scheduler"},
            {"relayserver", "azureml-fe-v2"},
        ),
        (TRAINING, ARC, {"relayserver", "gateway"}, {"azureml-fe-v2"}),
        (
            {"enableInference": "True"},
            AKS,
            {"azureml-fe-v2", "amlarc-identity-proxy"},
            {"aml-operator", "volcano-scheduler"},
        ),
        (
            ON_PREMISES,
            ARC,
            {"aml-dcgm-exporter", "nvidia-device-plugin-daemonset", "relayserver"},
            set(),
        ),
        (
            {**TRAINING, "installPromOp": "False", "installVolcano": "False"},
            AKS,
            {"fluent-bit", "prometheus-prom-prometheus"},
            {"aml-prometheus-operator", "volcano-admission"},
        ),
        ({}, AKS, set(), {"gateway"}),
    ],
)
def test_components_are_those_of_the_scenario(settings, kind, there, missing):
    """What is not expected there is not missing, and what is expected is looked for."""
    names = {one.name for one in expected(settings, kind, "aml")}
    assert there <= names
    assert not missing & names


def test_a_component_is_looked_for_as_what_it_is():
    """A DaemonSet has no Deployment's readiness."""
    found = expected(TRAINING, AKS, "aml")
    assert Component("fluent-bit", "DaemonSet") in found
    assert Component("prometheus-prom-prometheus", "StatefulSet") in found


@given(
    st.dictionaries(
        st.sampled_from([row.name for row in SETTINGS.values()]) | st.text(max_size=12),
        st.sampled_from(["True", "False", "azure", "loadBalancer", ""]) | st.text(max_size=5),
        max_size=8,
    ),
    st.lists(st.sampled_from(PAIR), max_size=2),
    st.sampled_from(ClusterKind),
    st.none() | st.integers(0, 5),
)
def test_any_settings_are_judged_and_every_problem_has_its_words(
    settings, protected, kind, nodes
):
    """Whatever a service stores: an answer, and never an exception."""
    for one in problems(settings, protected, kind, nodes=nodes):
        assert one.why
        assert isinstance(one.weight, Weight)
    expected(settings, kind, "aml")
