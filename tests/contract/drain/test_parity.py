"""``kubectl drain`` and our drain on two identical clusters: the same pods go and stay.

``NIGHTSHIFT_PARITY_CLUSTERS`` says how many clusters, ``NIGHTSHIFT_PARITY_SEED`` where the
seeds begin: a difference names its seed, and one cluster from there shows it again.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from shared.core.settings import Settings
from tests.contract.azure_standin.running import Standin, started
from tests.contract.drain.drains import Drained, by_kubectl, by_us, document
from tests.contract.drain.generated import Case, generate

CLUSTERS = int(os.environ.get("NIGHTSHIFT_PARITY_CLUSTERS", "40"))
FIRST = int(os.environ.get("NIGHTSHIFT_PARITY_SEED", "0"))
CASES = [generate(seed) for seed in range(FIRST, FIRST + CLUSTERS)]
AT_ONCE = 10


async def both(
    cases: list[Case], standin: Standin, kubectl: str, home: Path
) -> list[tuple[Case, Drained, Drained]]:
    """Drain every case by both, so many at a time."""
    from shared.adapters.aks import AksClusters
    from shared.adapters.arm import ArmReader
    from shared.adapters.credentials import credential
    from shared.adapters.resources import AzureResources

    gate = asyncio.Semaphore(AT_ONCE)
    settings = Settings(resource_manager=standin.url)
    async with credential(settings) as identity:
        arm = ArmReader(identity, settings)
        cluster, resources = AksClusters(identity, arm, settings), AzureResources(arm)

        async def one(case: Case) -> tuple[Case, Drained, Drained]:
            async with gate:
                theirs, ours = await asyncio.gather(
                    by_kubectl(case, standin, kubectl, home),
                    by_us(case, standin, cluster, resources),
                )
            return case, theirs, ours

        try:
            return await asyncio.gather(*(one(case) for case in cases))
        finally:
            await cluster.close()
            await arm.close()


async def test_our_drain_does_what_kubectls_does(
    kubectl_path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Evicted, refused, left alone, leaving already, and what stops it all: the same."""
    from aiohttp import connector

    with started(tmp_path, document(CASES)) as standin:
        connector._SSL_CONTEXT_VERIFIED.load_verify_locations(cafile=standin.ca_file)
        for name, value in standin.environment.items():
            monkeypatch.setenv(name, value)
        drained = await both(CASES, standin, kubectl_path, tmp_path)

    different = [
        f"seed {case.seed}:\n  kubectl {theirs}\n  ours    {ours}"
        for case, theirs, ours in drained
        if theirs.by_group(case.groups) != ours.by_group(case.groups)
    ]
    assert not different, "\n".join(different)
    kinds = {
        name: sum(bool(getattr(theirs, name)) for _, theirs, _ in drained)
        for name in ("evicted", "refused", "left", "leaving", "stopped_by")
    }
    if CLUSTERS >= 40:  # fewer are for looking at a difference again
        assert min(kinds.values()) > 0, f"no cluster tried one of these: {kinds}"
