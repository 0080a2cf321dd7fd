"""What the templates come to, for a person's parameters: names, rights, settings, networks."""

from __future__ import annotations

import re

import pytest

from shared.adapters.settings_env import read_settings
from shared.core.operations import ACKNOWLEDGE, VERBS
from shared.remediations import discover
from tests.infra.bicep import INFRA
from tests.infra.deployed import MANAGEMENT, SUBSCRIPTION, TENANT, deploy, of
from tests.infra.expression import parse
from tests.infra.working import work_out

HERE = f"/subscriptions/{SUBSCRIPTION}"
OTHER = "5f0ac1d2-0000-4000-8000-000000000002"
CLIENT = "3c0ac1d2-0000-4000-8000-00000000000c"
OBJECT = "3c0ac1d2-0000-4000-8000-00000000000d"
GROUP = f"{HERE}/resourceGroups/lab"
ROLE, GIVEN = (
    "Microsoft.Authorization/roleDefinitions",
    "Microsoft.Authorization/roleAssignments",
)
SUBSCRIBED = (
    "Microsoft.EventGrid/systemTopics/eventSubscriptions",
    "Microsoft.EventGrid/topics/eventSubscriptions",
)
CONTAINER = r"(?!.*--)[a-z0-9][a-z0-9-]{2,62}"
# https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
LEGAL = {
    "deployment": r"[\w.()-]{1,64}",
    "Microsoft.EventGrid/systemTopics": r"[A-Za-z0-9-]{3,50}",
    "Microsoft.EventGrid/topics": r"[A-Za-z0-9-]{3,50}",
    "Microsoft.Insights/dataCollectionEndpoints": r"[A-Za-z][A-Za-z0-9-]{1,42}[A-Za-z0-9]",
    "Microsoft.Insights/dataCollectionRules": r"[A-Za-z][A-Za-z0-9-]{1,62}[A-Za-z0-9]",
    "Microsoft.KeyVault/vaults": r"[A-Za-z](?!.*--)[A-Za-z0-9-]{1,22}[A-Za-z0-9]",
    "Microsoft.ManagedIdentity/userAssignedIdentities": r"[A-Za-z0-9][\w-]{2,127}",
    "Microsoft.Network/privateEndpoints": r"[A-Za-z0-9][\w.-]{0,78}\w",
    "Microsoft.Network/virtualNetworks": r"[A-Za-z0-9][\w.-]{1,62}\w",
    "Microsoft.OperationalInsights/workspaces": r"[A-Za-z0-9][A-Za-z0-9-]{2,61}[A-Za-z0-9]",
    "Microsoft.Resources/resourceGroups": r"[\w.()-]{1,89}[\w()-]",
    "Microsoft.Storage/storageAccounts": r"[a-z0-9]{3,24}",
    "Microsoft.Storage/storageAccounts/blobServices/containers": CONTAINER,
    "Microsoft.Storage/storageAccounts/queueServices/queues": CONTAINER,
    "Microsoft.Storage/storageAccounts/tableServices/tables": r"[A-Za-z][A-Za-z0-9]{2,62}",
    "Microsoft.Web/serverfarms": r"[A-Za-z0-9-]{1,60}",
    "Microsoft.Web/sites": r"[A-Za-z0-9][A-Za-z0-9-]{0,41}[A-Za-z0-9]",
}
NETWORK = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/clusters"
ZONE = (
    f"{GROUP}/providers/Microsoft.Network/privateDnsZones/x.privatelink.westeurope.azmk8s.io"
)
ML = f"{GROUP}/providers/Microsoft.MachineLearningServices/workspaces/ml"
AKS = f"{GROUP}/providers/Microsoft.ContainerService/managedClusters/aks"
BATCH = f"{GROUP}/providers/Microsoft.Batch/batchAccounts/batch"
ALL = {
    "environmentName": "n" * 32,
    "isSubscribed": True,
    "watchedSubscriptionIds": [SUBSCRIPTION, OTHER],
    "enabledRemediations": list(discover()),
    "acknowledges": True,
    "mlWorkspaceIds": [ML],
    "aksClusterIds": [AKS],
    "batchAccountIds": [BATCH],
    "hasVault": True,
    "vaultSettings": ["NIGHTSHIFT_LINK_KEYS"],
    "isPrivate": True,
    "peerNetworkIds": [NETWORK],
    "linkedDnsZoneIds": [ZONE],
    "authClientId": CLIENT,
    "authObjectId": CLIENT,
    "asksForRoles": True,
    "installsForwarder": True,
    "notifyEmails": ["ada@example.com"],
}


def main(**given):
    """Work main.bicep out."""
    return deploy(
        INFRA / "main.bicep", HERE, **{"environmentName": "night", "location": "west", **given}
    )


def granted(deployment, name):
    """Return what the roles of a name grant, folded; one set for each."""
    found = [
        one.properties["permissions"][0]
        for one in of(deployment, ROLE)
        if one.properties["roleName"].startswith(f"Nightshift {name}")
    ]
    return [
        ({n.casefold() for n in one["actions"]}, {n.casefold() for n in one["dataActions"]})
        for one in found
    ]


def needed(*names):
    """Return what the verbs of some remediations need, folded."""
    verbs = [VERBS[verb] for name in names for verb in discover()[name].verbs]
    return (
        {n.casefold() for one in verbs for n in one.actions},
        {n.casefold() for one in verbs for n in one.data_actions},
    )


def settings(deployment):
    """Return the app's settings, by name."""
    (app,) = of(deployment, "Microsoft.Web/sites")
    return {one["name"]: one["value"] for one in app.properties["siteConfig"]["appSettings"]}


@pytest.mark.parametrize("given", [{}, ALL], ids=["as it is", "with everything"])
def test_nothing_is_made_twice_and_every_name_is_legal(given):
    """Azure says so after a quarter of an hour, of the first one only."""
    made = main(**given).resources
    keys = [(one.type, one.scope.casefold(), one.name.casefold()) for one in made]
    assert [key for key in keys if keys.count(key) > 1] == []
    wrong = [
        (one.type, one.name)
        for one in made
        if one.type in LEGAL and not re.fullmatch(LEGAL[one.type], one.name)
    ]
    assert wrong == []


def test_as_it_is_it_can_only_read():
    """A security review asks what a fresh deployment may do."""
    made = main()
    (observe,), (act,) = granted(made, "observe"), granted(made, "act")
    assert act[0] == observe[0]
    assert act[1] == set()
    assert 2 == len([one for one in of(made, GIVEN) if one.scope == HERE])


@pytest.mark.parametrize(
    "names", [["drain_node"], ["snapshot_and_redeploy", "deallocate_idle"]]
)
def test_what_is_enabled_is_granted_and_nothing_else(names):
    """The role is the last thing between a wrong rule and somebody's machines."""
    assert [needed(*names)] == granted(main(enabledRemediations=names), "act")


def test_acknowledging_is_granted_where_the_app_does_it():
    """Beside what is enabled, or alone."""
    (alone,) = granted(main(acknowledges=True), "act")
    assert ({n.casefold() for n in ACKNOWLEDGE.actions}, set()) == alone


def test_it_acts_in_named_groups_alone():
    """The rest of the subscription it still reads."""
    made = main(enabledRemediations=["drain_node"], actResourceGroupIds=[GROUP])
    scopes = [
        one.scope
        for one in of(made, GIVEN)
        if one.file in {"roles.bicep", "roleAssignment.bicep"}
    ]
    assert sorted([HERE, GROUP]) == sorted(scopes)


def test_each_watched_subscription_has_its_own_roles():
    """And groups of another subscription count there."""
    elsewhere = GROUP.replace(SUBSCRIPTION, OTHER)
    made = main(watchedSubscriptionIds=[SUBSCRIPTION, OTHER], actResourceGroupIds=[elsewhere])
    roles = [one.scope for one in of(made, ROLE)]
    assert [HERE, HERE, f"/subscriptions/{OTHER}", f"/subscriptions/{OTHER}"] == sorted(roles)
    acting = [one.scope for one in of(made, GIVEN) if one.file == "roleAssignment.bicep"]
    assert [elsewhere] == acting


def test_somebody_else_may_give_the_roles():
    """A management group's, or a person's."""
    assert [] == list(of(main(assignsRoles=False), ROLE))


def test_a_management_group_gives_rights_on_data_below_itself():
    """Azure refuses a role with rights on data at a management group."""
    made = deploy(
        INFRA / "management-group.bicep",
        MANAGEMENT,
        environmentName="night",
        principalId=CLIENT,
        enabledRemediations=["drain_node", "reactivate_failed_tasks"],
        dataSubscriptionIds=[SUBSCRIPTION, OTHER],
    )
    (control,), (data,) = granted(made, "control plane"), granted(made, "data plane")
    observe = granted(main(), "observe")[0]
    acts = needed("drain_node", "reactivate_failed_tasks")
    assert (observe[0] | acts[0], set()) == control
    assert (set(), observe[1] | acts[1]) == data
    ids = {one.properties["roleName"]: one.name for one in of(made, ROLE)}
    for one in of(made, GIVEN):
        is_data = one.properties["roleDefinitionId"].endswith(
            ids["Nightshift data plane (night)"]
        )
        assert is_data == one.scope.startswith("/subscriptions/")


@pytest.mark.parametrize("is_subscribed", [False, True])
def test_nothing_is_subscribed_before_the_code_is_there(is_subscribed):
    """Event Grid refuses a function that does not exist, and with it the deployment."""
    made = main(isSubscribed=is_subscribed, mlWorkspaceIds=[ML], aksClusterIds=[AKS])
    found = [one for kind in SUBSCRIBED for one in of(made, kind)]
    assert is_subscribed == bool(found)
    app = [
        f"{one.scope}/providers/{one.type}/{one.name}"
        for one in of(made, "Microsoft.Web/sites")
    ]
    functions = {
        one.properties["destination"]["properties"]["resourceId"]
        for one in found
        if "destination" in one.properties
    }
    assert functions == ({f"{app[0]}/functions/on_maintenance_event"} if found else set())


def test_each_topic_may_do_what_it_delivers_and_no_more():
    """Its own identity, one container, and one queue where it goes there."""
    made = main(isSubscribed=True, mlWorkspaceIds=[ML])
    queued = [one for one in of(made, SUBSCRIBED[0]) if one.name == "nightshift-queue"]
    senders = [one for one in of(made, GIVEN) if one.scope.endswith("/queues/platform-events")]
    assert len(queued) == len(senders) > 0
    for kind in SUBSCRIBED:
        for one in of(made, kind):
            assert "SystemAssigned" in str(one.properties["deadLetterWithResourceIdentity"])


SAMPLES = {
    "AZURE_CLIENT_ID": CLIENT,
    "APPLICATIONINSIGHTS_CONNECTION_STRING": "InstrumentationKey=0",
    "NIGHTSHIFT_INGESTION_ENDPOINT": "https://a-b.west-1.ingest.monitor.azure.com",
    "NIGHTSHIFT_INGESTION_RULE": f"dcr-{'0' * 32}",
    "NIGHTSHIFT_OUTCOME_TOPIC": "https://t.west-1.eventgrid.azure.net/api/events",
}


def taken(given):
    """Let the app read its settings, with samples for what Azure alone knows."""
    written = settings(main(**given))
    late = {
        name for name, value in written.items() if not isinstance(value, str) or "<" in value
    }
    assert set(SAMPLES) == late & set(SAMPLES)
    own = {n: v for n, v in written.items() if n.startswith("NIGHTSHIFT_") or n in SAMPLES}
    own["AzureWebJobsStorage__accountName"] = written["AzureWebJobsStorage__accountName"]
    return read_settings({**own, **SAMPLES})


def test_the_app_takes_its_settings_as_they_come():
    """A setting that it refuses stops it, and nobody is on watch."""
    read = taken({})
    assert (SUBSCRIPTION,) == read.subscriptions
    assert (False, False, False) == (read.dry_run, read.app_service_auth, read.ask_roles)
    assert not read.alert_role
    assert ((), TENANT, True) == (read.audience, read.tenant, read.telemetry)
    assert read.own_resources[0].endswith("/resourceGroups/rg-nightshift-night")


def test_the_app_takes_what_a_person_sets():
    """Also what overrides a value of the template."""
    read = taken(
        {
            "authClientId": CLIENT,
            "authObjectId": OBJECT,
            "asksForRoles": True,
            "isDryRun": True,
            "acknowledges": True,
            "mlWorkspaceIds": [ML],
            "watchedSubscriptionIds": [SUBSCRIPTION, OTHER],
            "settings": {
                "NIGHTSHIFT_PROTECTED_NAMES": "prod-*",
                "NIGHTSHIFT_TELEMETRY": "false",
            },
        }
    )
    assert ((CLIENT, f"api://{CLIENT}"), "control_plane") == (read.audience, read.acknowledge)
    assert (True, True, True) == (read.dry_run, read.app_service_auth, read.ask_roles)
    assert "ActionGroups" == read.alert_role
    assert ((SUBSCRIPTION, OTHER), (ML,)) == (read.subscriptions, read.workspaces)
    assert (("prod-*",), False) == (read.protected_names, read.telemetry)


def test_a_secret_is_read_from_the_vault_by_its_name():
    """What stands in the settings is where it is, and not what it is."""
    made = main(hasVault=True, vaultSettings=["NIGHTSHIFT_LINK_KEYS"])
    (vault,) = of(made, "Microsoft.KeyVault/vaults")
    wanted = f"@Microsoft.KeyVault(VaultName={vault.name};SecretName=nightshift-link-keys)"
    assert wanted == settings(made)["NIGHTSHIFT_LINK_KEYS"]


def test_private_means_that_storage_and_vault_answer_in_the_network_alone():
    """Whoever has a token and is elsewhere gets nothing."""
    made = main(**ALL)
    for kind in ("Microsoft.Storage/storageAccounts", "Microsoft.KeyVault/vaults"):
        (one,) = of(made, kind)
        assert "Deny" == one.properties["networkAcls"]["defaultAction"]
    groups = [
        one.properties["privateLinkServiceConnections"][0]["properties"]["groupIds"]
        for one in of(made, "Microsoft.Network/privateEndpoints")
    ]
    assert [["blob"], ["queue"], ["table"], ["vault"]] == groups
    (app,) = of(made, "Microsoft.Web/sites")
    assert app.properties["virtualNetworkSubnetId"].endswith("/subnets/functions")
    peerings = [
        one.scope
        for one in of(made, "Microsoft.Network/virtualNetworks/virtualNetworkPeerings")
    ]
    assert (2, True) == (len(peerings), NETWORK in peerings)
    links = [
        one.scope for one in of(made, "Microsoft.Network/privateDnsZones/virtualNetworkLinks")
    ]
    assert (5, True) == (len(links), ZONE in links)


def test_without_a_network_the_app_joins_none():
    """An empty id of a subnet would be refused."""
    (app,) = of(main(), "Microsoft.Web/sites")
    assert app.properties["virtualNetworkSubnetId"] is None
    assert [] == list(of(main(), "Microsoft.Network/virtualNetworks"))


@pytest.mark.parametrize(("count", "names"), [(0, []), (2, ["function:on_maintenance_event"])])
def test_what_is_always_ready_is_paid_for_on_purpose(count, names):
    """None is none, and not a group with nothing in it."""
    (app,) = of(main(alwaysReadyInstances=count), "Microsoft.Web/sites")
    scale = app.properties["functionAppConfig"]["scaleAndConcurrency"]
    assert names == [one["name"] for one in scale["alwaysReady"]]


def test_signing_in_is_switched_on_with_the_registration():
    """Only then the app believes the headers of App Service."""
    config = "Microsoft.Web/sites/config"
    assert [] == list(of(main(), config))
    (auth,) = of(main(authClientId=CLIENT), config)
    entra = auth.properties["identityProviders"]["azureActiveDirectory"]
    issuer = f"https://login.microsoftonline.com/{TENANT}/v2.0"
    assert (CLIENT, issuer) == (
        entra["registration"]["clientId"],
        entra["registration"]["openIdIssuer"],
    )
    assert "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID" in settings(main(authClientId=CLIENT))


def parameters(**environ):
    """Work main.bicepparam out, as azd and the Azure CLI do before they send it."""

    def name(what):
        assert "readEnvironmentVariable()" == what
        return environ.get

    source = (INFRA / "main.bicepparam").read_text(encoding="utf-8")
    written = re.findall(r"^param (\w+) = (.+)$", source, re.MULTILINE)
    return {key: work_out(parse(value), name) for key, value in written}


def test_the_parameters_as_they_stand_make_a_deployment_that_only_reads():
    """It may stay as it is: that is what the quickstart says."""
    given = parameters(AZURE_ENV_NAME="lab", AZURE_LOCATION="northeurope")
    assert ("lab", "northeurope", False) == (
        given["environmentName"],
        given["location"],
        given["isSubscribed"],
    )
    made = deploy(INFRA / "main.bicep", HERE, **given)
    (observe,), (act,) = granted(made, "observe"), granted(made, "act")
    assert (observe[0], set()) == act
    assert [] == [one for kind in SUBSCRIBED for one in of(made, kind)]


def test_what_deploys_sets_the_parameters_by_the_environment():
    """What azd and infra/rollout.sh say, they say this way and no other."""
    given = parameters(NIGHTSHIFT_SUBSCRIBED="true", NIGHTSHIFT_AUTH_CLIENT_ID=CLIENT)
    assert (True, CLIENT) == (given["isSubscribed"], given["authClientId"])
    made = deploy(INFRA / "main.bicep", HERE, **given)
    assert "true" == made.output("NIGHTSHIFT_SUBSCRIBED")
    assert [one for kind in SUBSCRIBED for one in of(made, kind)]
