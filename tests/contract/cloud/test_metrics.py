"""Utilisation: what both clouds promise the idle rule."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.core.facts import MachineFacts
from tests.contract.cloud import worlds as w
from tests.contract.cloud.clouds import Cloud

# azure-ai-ml imports what its own dependencies have deprecated.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

WINDOW = timedelta(minutes=30)


async def running_vm(cloud: Cloud) -> MachineFacts:
    found = await cloud.compute.machine(w.DEV)
    assert found is not None
    return found


async def test_a_machine_reports_fractions_and_rates_over_every_point(cloud: Cloud) -> None:
    """Idle is proven by a whole window of values, in units a rule can compare."""
    read = await cloud.metrics.utilisation(
        [await running_vm(cloud)], window=WINDOW, gpu_metric=""
    )
    use = read[w.DEV.casefold()]
    assert use is not None
    assert (0.02, None, 6, 6) == (use.cpu, use.gpu, use.samples, use.expected_samples)
    assert use.network == pytest.approx(30.0)
    assert WINDOW == use.window


async def test_a_machine_without_metrics_is_unread_and_not_idle(cloud: Cloud) -> None:
    """No data never means idle."""
    off = await cloud.compute.machine(w.OFF)
    assert off is not None
    read = await cloud.metrics.utilisation(
        [await running_vm(cloud), off], window=WINDOW, gpu_metric=""
    )
    assert read.get(w.OFF.casefold()) is None
    assert read[w.DEV.casefold()] is not None


async def test_a_compute_instance_reports_by_its_own_name(cloud: Cloud) -> None:
    """The workspace carries the metrics of all its computes; each gets its own."""
    busy, off = (
        await cloud.learning.instance(w.BUSY_CI),
        await cloud.learning.instance(w.STOPPED_CI),
    )
    assert busy is not None
    assert off is not None
    read = await cloud.metrics.utilisation([busy, off], window=WINDOW, gpu_metric="")
    use = read[w.BUSY_CI.casefold()]
    assert use is not None
    assert (0.4, 0.9, 6) == (use.cpu, use.gpu, use.samples)
    assert read.get(w.STOPPED_CI.casefold()) is None
