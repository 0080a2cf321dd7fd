"""A whole fake cloud: one import for tests that need several of its ports."""

from __future__ import annotations

from tests.fakes.batch_accounts import FakeBatch, FakeJob, FakeTask
from tests.fakes.batch_pools import FakeBatchNodes, FakeNodePool, FakePoolNode
from tests.fakes.clusters import FOREVER, FakeCluster, FakePod
from tests.fakes.commands import FakeCommands
from tests.fakes.compute import FakeCompute, FakeMachine, FakeSnapshot
from tests.fakes.effects import Effect, Trap, Trapped, no_trap
from tests.fakes.machine_learning import FakeMachineLearning
from tests.fakes.measured import FakeMetrics, FakeResources
from tests.fakes.replaced import FakePool, FakeReplacement
from tests.fakes.shared_pools import FakeSharedPools

__all__ = [
    "FOREVER",
    "Effect",
    "FakeBatch",
    "FakeBatchNodes",
    "FakeCluster",
    "FakeCommands",
    "FakeCompute",
    "FakeJob",
    "FakeMachine",
    "FakeMachineLearning",
    "FakeMetrics",
    "FakeNodePool",
    "FakePod",
    "FakePool",
    "FakePoolNode",
    "FakeReplacement",
    "FakeResources",
    "FakeSharedPools",
    "FakeSnapshot",
    "FakeTask",
    "Trap",
    "Trapped",
    "no_trap",
]
