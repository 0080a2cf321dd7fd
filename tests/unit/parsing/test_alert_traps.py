"""The sixteen traps of the common alert schema, one test each and some with a second.

Each is a real difference between the vendor's pages, buttons and services.
"""

import json
from datetime import UTC, datetime

import pytest

from shared.core.errors import MalformedEvent
from shared.core.signals import Phase, SignalType
from shared.parsing import parse_alert
from tests.unit.parsing.samples import CLUSTER, VM, alert, load


def test_trap_01_a_threshold_in_a_text_and_a_value_as_number_are_both_numbers():
    """Conditions compare them: a text would compare as a text, or fail."""
    said = alert("metric_static_fired").attributes
    assert (90.0, 97.25) == (said["threshold"], said["value"])
    assert (90.0, 97.25) == (said["metrics"][0]["threshold"], said["metrics"][0]["value"])


def test_trap_02_activity_log_is_written_in_one_word_or_two():
    """One signal type of Azure's, one word of ours."""
    two, one = alert("service_health_active"), alert("service_health_stage_resolved")
    assert ("Activity Log", "ActivityLog") == (
        load("common_alert__service_health_active")["data"]["essentials"]["signalType"],
        load("common_alert__service_health_stage_resolved")["data"]["essentials"][
            "signalType"
        ],
    )
    assert "activity_log" == two.attributes["azure_signal_type"]
    assert "activity_log" == one.attributes["azure_signal_type"]


@pytest.mark.parametrize("case", ["resource_health_one_word", "resource_health_two_words"])
def test_trap_03_resource_health_is_written_in_one_word_or_two(case):
    """Both spellings are the same monitoring service."""
    signal = alert(case)
    assert SignalType.ALERT_RESOURCE_HEALTH is signal.type
    assert ("Available", "Unavailable", "PlatformInitiated") == (
        signal.attributes["previous"],
        signal.attributes["current"],
        signal.attributes["cause"],
    )


def test_trap_04_service_health_has_integers_or_texts_for_channel_source_and_level():
    """Whichever page is right, conditions see texts."""
    integers = alert("service_health_active").attributes
    texts = alert("service_health_stage_resolved").attributes
    names = ("channels", "event_source", "level")
    assert ["1", "2", "3"] == [integers[name] for name in names]
    assert ["Admin", "ServiceHealth", "Warning"] == [texts[name] for name in names]


def test_trap_05_impacted_services_are_json_in_a_text_or_an_array():
    """Real events send a text, the Test button an array: both become rows."""
    in_text = alert("service_health_active").attributes["impacted_services"]
    in_array = alert("service_health_stage_resolved").attributes["impacted_services"]
    expected = [{"service": "Virtual Machines", "regions": ["West Europe", "North Europe"]}]
    assert expected == in_text
    assert [{"service": "Virtual Machines", "regions": ["West Europe"]}] == in_array


def test_trap_05_impacted_services_that_are_no_json_do_not_lose_the_alert():
    """It is a description: the incident stands without it."""
    body = load("common_alert__service_health_active")
    body["data"]["alertContext"]["properties"]["impactedServices"] = "[{"
    (signal,) = parse_alert(body)
    assert [] == signal.attributes["impacted_services"]


def test_trap_06_configuration_items_may_be_absent_or_names_and_are_never_the_target():
    """A name is not an id: acting on it would need a guess."""
    absent, named = alert("service_health_active"), alert("metric_static_fired")
    assert [] == absent.attributes["configuration_items"]
    assert ["vm-train-01"] == named.attributes["configuration_items"]
    assert VM.casefold() == named.target.casefold()


def test_trap_07_a_budgets_alert_has_null_for_almost_everything():
    """Rule, severity, signal type, targets and origin are null; its scope is the target."""
    signal = alert("cost_budget")
    assert SignalType.ALERT_COST is signal.type
    assert "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001" == signal.target
    names = ("rule", "severity", "azure_signal_type", "targets")
    assert ["", "", "", []] == [signal.attributes[name] for name in names]
    assert (11111.0, 14250.5) == (
        signal.attributes["spent_amount"],
        signal.attributes["forecast_amount"],
    )


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (
            "metric_static_fired",
            {"team": "night", "ticket": "T-1"},
        ),  # both, with one key alike
        ("metric_multiple_resources", {}),  # {} and null
        ("metric_dynamic", {}),  # null and null
        ("log_v2", {"route": "night"}),  # only in the context
        ("availability_test", {}),  # null and absent
    ],
)
def test_trap_08_custom_properties_are_null_empty_absent_or_there_twice(case, expected):
    """A rule's own words arrive in either of two places, or in both."""
    (signal, *_) = parse_alert(load(f"common_alert__{case}"))
    assert expected == signal.attributes["custom_properties"]


def test_trap_08_the_properties_of_an_activity_log_event_are_not_custom_ones():
    """There ``properties`` are what the platform says, not what the rule's owner says."""
    signal = alert("activity_log_administrative")
    assert {} == signal.attributes["custom_properties"]
    assert "Administrative" == signal.attributes["properties"]["eventCategory"]


def test_trap_09_targets_that_differ_in_case_are_one_target():
    """Ids come lower-cased or half lower-cased: one machine is acted on once."""
    body = load("common_alert__metric_static_fired")
    body["data"]["essentials"]["alertTargetIDs"] = [
        VM,
        VM.lower(),
        VM.replace("resourceGroups", "resourcegroups") + "/",
    ]
    (signal,) = parse_alert(body)
    assert VM.casefold() == signal.target.casefold()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-22T03:04:05.1234567Z", datetime(2026, 11, 22, 3, 4, 5, 123456, tzinfo=UTC)),
        ("2026-11-22T04:04:05+01:00", datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)),
        (
            "2026-11-22T03:04:05.067593+00:00",
            datetime(2026, 11, 22, 3, 4, 5, 67593, tzinfo=UTC),
        ),
        ("11/22/2026 3:04:05 PM", datetime(2026, 11, 22, 15, 4, 5, tzinfo=UTC)),
    ],
)
def test_trap_10_times_have_seven_digits_offsets_or_the_american_form(text, expected):
    """All of them become aware UTC."""
    body = load("common_alert__metric_static_fired")
    body["data"]["essentials"]["firedDateTime"] = text
    (signal,) = parse_alert(body)
    assert expected == signal.observed_at


def test_trap_10_the_first_log_alerts_write_their_window_in_the_american_form():
    """Month first, and twelve hours to the half day."""
    said = alert("log_v1").attributes
    assert ("2026-11-22T02:36:31Z", "2026-11-22T15:36:31Z") == (
        said["window_start"],
        said["window_end"],
    )


def test_trap_11_a_prometheus_value_may_have_an_si_suffix():
    """``12.7m`` is 0.0127: read as 12.7 it would be a thousand times too much."""
    said = alert("prometheus_si_value").attributes
    assert 0.0127 == pytest.approx(said["value"])
    assert ("12.7m", {}) == (said["value_text"], said["annotations"])


@pytest.mark.parametrize("case", ["prometheus_si_value", "prometheus_cluster_in_items"])
def test_trap_11_a_prometheus_alert_is_about_the_cluster_and_not_its_workspace(case):
    """``alertTargetIDs`` is where the metrics are kept; the cluster is said elsewhere."""
    assert CLUSTER.casefold() == alert(case).target.casefold()


def test_trap_11_a_clusters_bare_name_is_no_target():
    """Two resource groups may have a cluster of that name: the name is an attribute."""
    signal = alert("prometheus_cluster_name_only")
    assert ("", "aks-train") == (signal.target, signal.attributes["cluster"])
    assert signal.attributes["value"] is None


def test_trap_12_a_resolved_service_health_incident_says_so_in_its_stage_only():
    """``monitorCondition`` stays Fired for ever."""
    signal = alert("service_health_stage_resolved")
    assert "Fired" == signal.attributes["monitor_condition"]
    assert Phase.RESOLVED is signal.phase


def test_trap_12_a_resolved_activity_log_event_says_so_in_its_status_only():
    """It is not a reason to act any more."""
    signal = alert("activity_log_security_resolved")
    assert ("Fired", Phase.RESOLVED) == (signal.attributes["monitor_condition"], signal.phase)


@pytest.mark.parametrize(
    ("stage", "phase"),
    [
        ("Active", Phase.FIRED),
        ("Planned", Phase.FIRED),
        ("InProgress", Phase.FIRED),
        ("Canceled", Phase.CANCELED),
        ("Complete", Phase.COMPLETED),
        ("RCA", Phase.RESOLVED),
        (None, Phase.FIRED),
    ],
)
def test_trap_12_each_stage_of_service_health_has_its_phase(stage, phase):
    """Only the first three are a reason to act."""
    body = load("common_alert__service_health_active")
    body["data"]["alertContext"]["properties"]["stage"] = stage
    (signal,) = parse_alert(body)
    assert phase is signal.phase


def test_trap_13_only_metric_alerts_say_when_they_were_resolved():
    """Others are resolved as of when they fired, the one moment they have."""
    signal = alert("metric_static_resolved")
    assert Phase.RESOLVED is signal.phase
    assert datetime(2026, 11, 22, 3, 20, 16, 224631, tzinfo=UTC) == signal.observed_at
    body = load("common_alert__log_v2")
    body["data"]["essentials"]["monitorCondition"] = "Resolved"
    (log,) = parse_alert(body)
    assert datetime(2026, 11, 22, 3, 4, 5, 123456, tzinfo=UTC) == log.observed_at


def test_trap_14_an_activity_log_test_has_a_rules_id_for_the_alerts():
    """The id is the rule's, so it is the Test button's, and never acted on."""
    signal = alert("test_button_activity_log")
    assert ("restarts", True) == (signal.event_id, signal.is_test)
    assert not alert("activity_log_administrative").is_test


def test_trap_15_one_field_of_the_activity_log_has_spaces_in_its_name():
    """``Activity Log Event Description`` is that field's real name."""
    signal = alert("activity_log_administrative")
    assert "Restarts the machine" == signal.attributes["event_description"]
    assert "" == alert("resource_health_two_words").attributes.get("event_description", "")


@pytest.mark.parametrize(
    ("case", "schema"),
    [
        ("metric", "AzureMonitorMetricAlert"),
        ("activity_log", "Microsoft.Insights/activityLogs"),
        ("log", "Microsoft.Insights/LogAlert"),
    ],
)
def test_trap_16_another_schema_is_refused_with_the_switch_to_set(case, schema):
    """The opt-in is per action: the person who reads this must know where to look."""
    with pytest.raises(MalformedEvent) as refused:
        parse_alert(load(f"common_alert__not_the_common_schema_{case}"))
    assert schema in str(refused.value)
    assert "enable the common alert schema on the action" in str(refused.value)


def test_claims_and_request_bodies_of_an_activity_log_alert_are_not_kept():
    """A token's claims are nobody's business but the token's."""
    kept = json.dumps(dict(alert("activity_log_administrative").attributes))
    assert "NOT-KEPT" not in kept


def test_every_communication_on_an_incident_is_one_event_by_its_tracking_id():
    """So that the communication that resolves it withdraws what the first one began."""
    active, resolved = alert("service_health_active"), alert("service_health_stage_resolved")

    assert active.event_id == resolved.event_id == "NVKQ-7DG"
    assert (active.phase, resolved.phase) == (Phase.FIRED, Phase.RESOLVED)
