"""Network Watcher: connections that fail, and monitors that watch nothing.

Source: https://learn.microsoft.com/azure/network-watcher/connection-monitor-overview,
https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-network-networkwatchers-connectionmonitors-metrics
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from shared.core.posture import part, parts, seen_of, word
from shared.core.signals import SignalType
from shared.core.surveys import (
    Document,
    Finding,
    Kept,
    Listing,
    Measure,
    Point,
    Seen,
    Severity,
    Survey,
    SurveyExample,
    kept,
)

NAMESPACE = "Microsoft.Network/networkWatchers/connectionMonitors"
TEST_RESULT, CHECKS_FAILED = "TestResult", "ChecksFailedPercent"
WARNS, FAILS = 2.0, 3.0
"""What TestResult says: 0 not known, 1 passed, 2 warns, 3 failed."""
SEVERAL = 2
_DOCS = "https://learn.microsoft.com/azure/network-watcher/connection-monitor-overview"

FAILING = Point(
    "connection_failing",
    Severity.ERROR,
    "Tests of a connection monitor failed in two or more intervals of the last hour.",
    _DOCS,
    "Open the connection monitor's test groups: they show at which hop the checks fail.",
)
WARNING = Point(
    "connection_degraded",
    Severity.WARNING,
    "Tests of a connection monitor warned in two or more intervals of the last hour.",
    _DOCS,
    "Compare the round trips and failed checks with the monitor's thresholds.",
)
STOPPED = Point(
    "connection_monitor_off",
    Severity.WARNING,
    "A connection monitor does not run, or all its test groups are disabled.",
    _DOCS,
    "Start the monitor, enable a test group, or delete the monitor.",
)


def keep_monitor(document: Document) -> Kept:
    """Keep whether a monitor runs, and whether any of its test groups is enabled."""
    said = part(document, "properties")
    groups = parts(said, "testGroups")
    return kept(
        document,
        state=word(said, "provisioningState"),
        status=word(said, "monitoringStatus"),
        off=bool(groups) and all(one.get("disable") is True for one in groups),
    )


def look(seen: Seen, _now: datetime) -> Iterator[Finding]:
    """Name the monitors whose tests fail or warn, and those that do not run."""
    for item in seen.items["monitors"]:
        state, status = item.more["state"].casefold(), item.more["status"].casefold()
        if state == "failed" or status in {"stopped", "failed"} or item.more["off"]:
            words = "every test group is disabled" if item.more["off"] else "it does not run"
            yield STOPPED.found(
                item.id, f"{words} (state {state or 'unknown'}, status {status or 'unknown'})"
            )
            continue
        yield from _tested(
            item,
            seen.measured(TEST_RESULT, item.id),
            seen.measured(CHECKS_FAILED, item.id),
        )


def _tested(
    item: Kept, results: Sequence[float], failed: Sequence[float]
) -> Iterator[Finding]:
    """Judge an hour; one bad interval is no outage, and none measured is no judgement."""
    for point, least in ((FAILING, FAILS), (WARNING, WARNS)):
        bad = sum(1 for result in results if result >= least)
        if bad >= SEVERAL:
            share = f"; {sum(failed) / len(failed):.0f} % of checks failed" if failed else ""
            words = f"{bad} of {len(results)} intervals of the last hour{share}"
            yield point.found(item.id, words, intervals=bad)
            return


_NOW = datetime(2030, 1, 10, tzinfo=UTC)
_SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"
_WATCHER = (
    f"/subscriptions/{_SUBSCRIPTION}/resourceGroups/NetworkWatcherRG/providers/"
    "Microsoft.Network/networkWatchers/NetworkWatcher_westeurope"
)
_MONITOR = f"{_WATCHER}/connectionMonitors/storage"
READS = {
    "watchers": Listing(
        path="/subscriptions/{subscription}/providers/Microsoft.Network/networkWatchers",
        api_version="2024-05-01",
        keep=kept,
    ),
    "monitors": Listing(
        path="{id}/connectionMonitors",
        api_version="2024-05-01",
        keep=keep_monitor,
        of="watchers",
    ),
}


def _seen(*results: float, **said: object) -> Seen:
    properties = {"provisioningState": "Succeeded", "monitoringStatus": "Running", **said}
    monitor = {"id": _MONITOR, "location": "westeurope", "properties": properties}
    points = {
        TEST_RESULT: {_MONITOR.casefold(): results},
        CHECKS_FAILED: {_MONITOR.casefold(): tuple(50.0 for one in results if one > 1)},
    }
    return seen_of(_SUBSCRIPTION, READS, {"monitors": [monitor]}, points)


SURVEY = Survey(
    name="network_health",
    summary="Network Watcher: connection monitors that fail, warn or do not run.",
    says=SignalType.POSTURE_FOUND,
    every=timedelta(hours=1),
    reads=READS,
    measures=(
        Measure("monitors", NAMESPACE, TEST_RESULT, "maximum"),
        Measure("monitors", NAMESPACE, CHECKS_FAILED, "average"),
    ),
    actions=(
        "Microsoft.Network/networkWatchers/read",
        "Microsoft.Network/networkWatchers/connectionMonitors/read",
        "Microsoft.Insights/metrics/read",
    ),
    look=look,
    points=(FAILING, WARNING, STOPPED),
    examples=(
        SurveyExample("every test passed", _seen(1.0, 1.0, 1.0), _NOW, ()),
        SurveyExample("one bad interval is no outage", _seen(1.0, 3.0, 1.0), _NOW, ()),
        SurveyExample("nothing was measured", _seen(), _NOW, ()),
        SurveyExample(
            "tests fail again and again", _seen(1.0, 3.0, 3.0), _NOW, ("connection_failing",)
        ),
        SurveyExample(
            "tests warn, and one failed", _seen(2.0, 3.0, 2.0), _NOW, ("connection_degraded",)
        ),
        SurveyExample(
            "somebody stopped it",
            _seen(monitoringStatus="Stopped"),
            _NOW,
            ("connection_monitor_off",),
        ),
    ),
)
