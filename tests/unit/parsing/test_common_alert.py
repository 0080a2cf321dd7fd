"""All twelve kinds of alert become signals; failing Batch tasks get their better name."""

import pytest

from shared.core.errors import MalformedEvent
from shared.core.signals import Phase, SignalType, Unanswered
from shared.parsing import parse_alert
from tests.unit.parsing.samples import GROUP, VM, alert, load

BATCH = f"{GROUP}/providers/Microsoft.Batch/batchAccounts/trainbatch"


@pytest.mark.parametrize(
    ("case", "kind", "expected"),
    [
        ("metric_static_fired", "metric_static", SignalType.ALERT_METRIC),
        ("metric_dynamic", "metric_dynamic", SignalType.ALERT_METRIC),
        ("availability_test", "availability_test", SignalType.ALERT_METRIC),
        ("log_v2", "log", SignalType.ALERT_LOG),
        ("log_simple", "log_simple", SignalType.ALERT_LOG),
        ("log_v1", "log_v1", SignalType.ALERT_LOG),
        ("activity_log_administrative", "activity_log", SignalType.ALERT_ACTIVITY_LOG),
        ("service_health_active", "service_health", SignalType.ALERT_SERVICE_HEALTH),
        ("resource_health_one_word", "resource_health", SignalType.ALERT_RESOURCE_HEALTH),
        ("prometheus_si_value", "prometheus", SignalType.ALERT_PROMETHEUS),
        ("cost_budget", "cost", SignalType.ALERT_COST),
        ("smart_detector", "smart_detector", SignalType.ALERT_SMART_DETECTOR),
    ],
)
def test_each_of_the_twelve_kinds_is_known_by_its_shape(case, kind, expected):
    """A rule names the signal; a condition may name the kind."""
    signal = alert(case)
    assert (expected, kind, "common_alert") == (
        signal.type,
        signal.attributes["kind"],
        signal.source,
    )
    assert (Phase.FIRED, False) == (signal.phase, signal.is_test)


def test_fired_and_resolved_are_one_incident():
    """The alert's id is shared: what the first opened, the second withdraws."""
    fired, resolved = alert("metric_static_fired"), alert("metric_static_resolved")
    assert "6a1e0000-0000-4000-8000-000000000001" == fired.event_id == resolved.event_id
    assert (Phase.FIRED, Phase.RESOLVED) == (fired.phase, resolved.phase)


def test_an_alert_over_several_resources_is_a_signal_for_each():
    """Each machine has its own facts, guardrails and plan."""
    found = parse_alert(load("common_alert__metric_multiple_resources"))
    assert [VM.casefold(), f"{VM[:-2]}02".casefold()] == [s.target.casefold() for s in found]


def test_an_alert_without_targets_is_one_signal_without_a_target():
    """It can still notify; nothing can be done to it."""
    body = load("common_alert__metric_static_fired")
    body["data"]["essentials"]["alertTargetIDs"] = None
    (signal,) = parse_alert(body)
    assert "" == signal.target


def test_a_target_that_is_no_arm_id_is_kept_as_words_only():
    """An engine that acts on ids must never be handed something else."""
    body = load("common_alert__metric_static_fired")
    body["data"]["essentials"]["alertTargetIDs"] = ["vm-train-01"]
    (signal,) = parse_alert(body)
    assert ("", ["vm-train-01"]) == (signal.target, signal.attributes["targets"])


def test_a_monitoring_service_nobody_knows_is_an_explicit_nothing():
    """Azure Monitor grows; the record names what came."""
    (found,) = parse_alert(load("common_alert__unknown_service"))
    assert isinstance(found, Unanswered)
    assert "Starlight Monitor" in found.why


@pytest.mark.parametrize("case", ["metric", "activity_log", "budget"])
def test_what_a_test_button_sends_is_marked(case):
    """Its metadata is made up: it must never remediate."""
    assert alert(f"test_button_{case}").is_test


@pytest.mark.parametrize(
    "rule",
    [
        "test-dynamicMetricAlertRule",
        "test-logAlertRule-v2",
        "test-logAlertRule-v1-numResults",
        "test-ResourceHealthAlertRule",
        "test-ServiceHealthAlertRule",
        "test-SmartAlertRule",
    ],
)
def test_each_rule_name_of_the_test_button_is_known(rule):
    """The button invents a rule for each kind."""
    body = load("common_alert__metric_static_fired")
    body["data"]["essentials"]["alertRule"] = rule
    assert parse_alert(body)[0].is_test


def test_a_persons_rule_that_begins_with_test_is_not_the_test_button():
    """Only the button's own names are."""
    body = load("common_alert__metric_static_fired")
    body["data"]["essentials"]["alertRule"] = "test-cluster-gpu-busy"
    assert not parse_alert(body)[0].is_test


def test_a_metric_alert_on_failed_tasks_has_the_account_and_the_window():
    """The metric has no job dimension: all active jobs since the window began."""
    signal = alert("batch_metric")
    assert SignalType.BATCH_TASKS_FAILED is signal.type
    assert BATCH.casefold() == signal.target.casefold()
    assert ("", "2026-11-22T02:59:05.123000Z") == (
        signal.attributes["job"],
        signal.attributes["window_start"],
    )


def test_a_missing_window_is_the_fired_time_less_the_windows_size():
    """Resolved samples and some services leave the window's moments out."""
    signal = alert("batch_metric_without_window_start")
    assert "2026-11-22T02:59:05Z" == signal.attributes["window_start"]


def test_a_log_alert_on_failed_tasks_may_name_the_job():
    """Split by job, one alert is about one job."""
    signal = alert("batch_log_with_job")
    assert (SignalType.BATCH_TASKS_FAILED, "tokenize-42") == (
        signal.type,
        signal.attributes["job"],
    )


def test_a_rules_owner_may_say_that_an_alert_is_about_failed_tasks():
    """A query over a table of one's own is recognised by a custom property."""
    signal = alert("batch_log_by_custom_property")
    assert SignalType.BATCH_TASKS_FAILED is signal.type
    assert (BATCH.casefold(), "tokenize-43") == (
        signal.target.casefold(),
        signal.attributes["job"],
    )


def test_another_metric_of_a_batch_account_is_not_about_failed_tasks():
    """Preempted nodes are no reason to run tasks again."""
    assert SignalType.ALERT_METRIC is alert("batch_other_metric").type


def test_failed_tasks_without_a_batch_account_stay_what_they_were():
    """There is no account to reactivate them in."""
    body = load("common_alert__batch_metric")
    body["data"]["essentials"]["alertTargetIDs"] = [VM]
    (signal,) = parse_alert(body)
    assert (SignalType.ALERT_METRIC, VM) == (signal.type, signal.target)


def test_a_log_alerts_rows_and_dimensions_are_read_by_name():
    """Conditions ask for a computer, not for the third cell."""
    assert [{"timestamp": "2026-11-22T03:04:00Z", "type": "CudaOutOfMemory"}] == (
        alert("log_simple").attributes["rows"]
    )
    assert {"Computer": "vm-train-01", "FreeGB": 4.5} == alert("log_v1").attributes["rows"][0]
    said = alert("log_v2").attributes
    assert ({"Computer": "vm-train-01"}, ["Microsoft.Compute/virtualMachines"], 600.0) == (
        said["dimensions"],
        said["target_types"],
        said["window_seconds"],
    )


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("alertId", None, "$.data.essentials.alertId: is missing"),
        ("alertId", "///", "an id that ends with the alert's name"),
        ("monitorCondition", "Activated", "should be Fired or Resolved"),
        ("monitorCondition", None, "$.data.essentials.monitorCondition: is missing"),
        ("firedDateTime", None, "$.data.essentials.firedDateTime: is missing"),
        ("firedDateTime", "now", "$.data.essentials.firedDateTime: was 'now'"),
        ("monitoringService", 5, "$.data.essentials.monitoringService: was a number"),
        ("alertTargetIDs", [5], "should be an array of texts"),
    ],
)
def test_an_essential_that_is_missing_is_named(field, value, why):
    """Without it there is no incident to speak of."""
    body = load("common_alert__metric_static_fired")
    body["data"]["essentials"][field] = value
    with pytest.raises(MalformedEvent) as refused:
        parse_alert(body)
    assert why in str(refused.value)


def test_the_test_buttons_own_words_mark_a_test():
    """A sample of a kind whose id and rule look real still says that it is a sample."""
    body = load("common_alert__cost_budget")
    assert not parse_alert(body)[0].is_test
    body["data"]["essentials"]["description"] = (
        "Delivery Confirmation: This is a sample budget alert from Action Groups."
    )
    assert parse_alert(body)[0].is_test
