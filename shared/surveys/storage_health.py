"""Storage accounts: requests that are throttled, failing, or an account nearly full.

Source: https://learn.microsoft.com/azure/storage/blobs/monitor-blob-storage-reference
(ResponseType), https://learn.microsoft.com/azure/storage/common/scalability-targets-standard-account,
https://azure.github.io/azure-monitor-baseline-alerts/services/Storage/storageAccounts/
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from shared.core.posture import seen_of
from shared.core.signals import SignalType
from shared.core.surveys import (
    Finding,
    Listing,
    Measure,
    Point,
    Seen,
    Severity,
    Survey,
    SurveyExample,
    kept,
)

NAMESPACE = "Microsoft.Storage/storageAccounts"
TRANSACTIONS, AVAILABILITY, CAPACITY = "Transactions", "Availability", "UsedCapacity"
THROTTLED = (
    "ClientThrottlingError",
    "ClientAccountRequestThrottlingError",
    "ClientAccountBandwidthThrottlingError",
    "ServerBusyError",
    "SuccessWithThrottling",
)
FULL = 500e12
"""Bytes from which the baseline wants to be told; an account takes 5 PiB by default."""
AVAILABLE = 99.9
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)
_DOCS = "https://learn.microsoft.com/azure/storage"

THROTTLES = Point(
    "storage_throttled",
    Severity.WARNING,
    "Requests to a storage account were throttled in the last day.",
    f"{_DOCS}/common/scalability-targets-standard-account",
    "Spread the data over several accounts or prefixes, use premium storage, or ask for a "
    "higher limit.",
)
UNAVAILABLE = Point(
    "storage_unavailable",
    Severity.ERROR,
    "A storage account answered fewer than 99.9 % of its requests in an hour of the last day.",
    f"{_DOCS}/blobs/monitor-blob-storage",
    "Look at the account's resource health and at the failed requests by response type.",
)
NEARLY_FULL = Point(
    "storage_nearly_full",
    Severity.WARNING,
    "A storage account holds more than 500 TB, where the baseline wants an alert.",
    f"{_DOCS}/common/scalability-targets-standard-account",
    "Move or expire old data (lifecycle rules), or ask for a higher capacity.",
)


def look(seen: Seen, _now: datetime) -> Iterator[Finding]:
    """Name what the last day's metrics say; an account without metrics is not judged."""
    for item in seen.items["accounts"]:
        throttled = sum(seen.measured(TRANSACTIONS, item.id))
        if throttled:
            words = f"{throttled:.0f} requests were throttled in the last 24 hours"
            yield THROTTLES.found(item.id, words, requests=throttled)
        hours = seen.measured(AVAILABILITY, item.id)
        if hours and min(hours) < AVAILABLE:
            words = f"in its worst hour {min(hours):.2f} % of requests were answered"
            yield UNAVAILABLE.found(item.id, words, availability=min(hours))
        held = seen.measured(CAPACITY, item.id)
        if held and held[-1] > FULL:
            words = f"{held[-1] / 1e12:.0f} TB are stored"
            yield NEARLY_FULL.found(item.id, words, terabytes=held[-1] / 1e12)


_NOW = datetime(2030, 1, 10, tzinfo=UTC)
_SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"
_ACCOUNT = (
    f"/subscriptions/{_SUBSCRIPTION}/resourceGroups/lab/providers/"
    "Microsoft.Storage/storageAccounts/data"
)
READS = {
    "accounts": Listing(
        path="/subscriptions/{subscription}/providers/Microsoft.Storage/storageAccounts",
        api_version="2023-05-01",
        keep=kept,
    )
}


def _seen(**points: tuple[float, ...]) -> Seen:
    account = {"id": _ACCOUNT, "location": "westeurope"}
    told = {metric: {_ACCOUNT.casefold(): values} for metric, values in points.items()}
    return seen_of(_SUBSCRIPTION, READS, {"accounts": [account]}, told)


SURVEY = Survey(
    name="storage_health",
    summary="Storage accounts: throttling, availability, capacity.",
    says=SignalType.POSTURE_FOUND,
    every=_DAY,
    reads=READS,
    measures=(
        Measure(
            "accounts",
            NAMESPACE,
            TRANSACTIONS,
            "total",
            window=_DAY,
            grain=_HOUR,
            filter=" or ".join(f"ResponseType eq '{one}'" for one in THROTTLED),
        ),
        Measure("accounts", NAMESPACE, AVAILABILITY, "average", window=_DAY, grain=_HOUR),
        Measure("accounts", NAMESPACE, CAPACITY, "average", window=_DAY, grain=_HOUR),
    ),
    actions=("Microsoft.Storage/storageAccounts/read", "Microsoft.Insights/metrics/read"),
    look=look,
    points=(THROTTLES, UNAVAILABLE, NEARLY_FULL),
    examples=(
        SurveyExample(
            "nothing was throttled, all was answered",
            _seen(Transactions=(0.0, 0.0), Availability=(100.0,), UsedCapacity=(1e12,)),
            _NOW,
            (),
        ),
        SurveyExample("nothing was measured", _seen(), _NOW, ()),
        SurveyExample(
            "a training run was throttled",
            _seen(Transactions=(0.0, 412.0)),
            _NOW,
            ("storage_throttled",),
        ),
        SurveyExample(
            "requests failed for an hour",
            _seen(Availability=(100.0, 97.5)),
            _NOW,
            ("storage_unavailable",),
        ),
        SurveyExample(
            "checkpoints of years",
            _seen(UsedCapacity=(6.1e14,)),
            _NOW,
            ("storage_nearly_full",),
        ),
    ),
)
