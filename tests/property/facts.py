"""Any facts there can be, for properties."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from shared.core.facts import (
    AksNode,
    BatchNode,
    BatchNodeFacts,
    BatchNodesFacts,
    DiskFacts,
    FailedTask,
    FailedTaskFacts,
    MachineFacts,
    ManagedDisk,
    MlCluster,
    MlInstanceFacts,
    MlJobFacts,
    NodeFacts,
    PoolInstanceFacts,
    Resource,
    SpotFacts,
    SpotPoolFacts,
    StandaloneFacts,
    Utilisation,
)
from tests.property.ml_facts import CLUSTERS, INSTANCES, JOBS

WORDS = st.text(max_size=20)
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
SPANS = st.timedeltas(timedelta(0), timedelta(days=1000))
SHARES = st.none() | st.floats(allow_nan=False, allow_infinity=False)
RESOURCES = st.builds(
    Resource,
    id=WORDS,
    type=WORDS,
    name=WORDS,
    location=WORDS,
    tags=st.dictionaries(WORDS, WORDS, max_size=3),
    size=WORDS,
    pool=WORDS,
    pool_size=st.none() | st.integers(0, 5000),
    zone=WORDS,
    created_at=st.none() | MOMENTS,
)
NODES = st.builds(
    AksNode,
    name=WORDS,
    cluster=WORDS,
    provider_id=WORDS,
    is_unschedulable=st.booleans(),
    is_ready=st.booleans(),
    cordoned_by=st.lists(WORDS, max_size=2).map(tuple),
    taints=st.lists(WORDS, max_size=2).map(tuple),
)
USE = st.builds(
    Utilisation,
    window=SPANS,
    cpu=SHARES,
    gpu=SHARES,
    network=SHARES,
    samples=st.integers(0, 1000),
    expected_samples=st.integers(0, 1000),
)
TASKS = st.builds(
    FailedTask,
    job=WORDS,
    id=WORDS,
    exit_code=st.none() | st.integers(-(2**31), 2**31),
    category=WORDS,
    ended_at=st.none() | MOMENTS,
    reactivations_spent=st.integers(0, 9),
)
BATCH_NODES = st.builds(
    BatchNode,
    account=WORDS,
    pool=WORDS,
    id=WORDS,
    state=WORDS,
    takes_tasks=st.booleans(),
    is_usable=st.booleans(),
    running_tasks=st.none() | st.integers(0, 100),
    since=st.none() | MOMENTS,
)
FACTS = st.one_of(
    st.builds(
        MlJobFacts,
        resource=RESOURCES,
        job=JOBS,
        cluster=st.none() | st.builds(MlCluster, resource=RESOURCES, **CLUSTERS),
        resubmitted=st.integers(0, 9),
    ),
    st.builds(MlCluster, resource=RESOURCES, **CLUSTERS),
    st.builds(
        MlInstanceFacts,
        resource=RESOURCES,
        instance=INSTANCES,
        jobs=st.none() | st.lists(WORDS, max_size=2).map(tuple),
        utilisation=st.none() | USE,
        disk_free_mb=SHARES,
    ),
    st.builds(
        PoolInstanceFacts,
        resource=RESOURCES,
        power=st.none() | WORDS,
        taken_out_by=WORDS,
        is_protected=st.booleans(),
    ),
    st.builds(
        StandaloneFacts,
        resource=RESOURCES,
        power=st.none() | WORDS,
        disks=st.lists(st.builds(ManagedDisk, WORDS, WORDS, WORDS), max_size=2).map(tuple),
    ),
    st.builds(BatchNodeFacts, resource=RESOURCES, node=st.none() | BATCH_NODES),
    st.builds(
        BatchNodesFacts,
        resource=RESOURCES,
        nodes=st.lists(BATCH_NODES, max_size=3).map(tuple),
        is_complete=st.booleans(),
    ),
    st.builds(NodeFacts, resource=RESOURCES, node=st.none() | NODES),
    st.builds(
        MachineFacts,
        resource=RESOURCES,
        power=st.none() | WORDS,
        has_gpu=st.none() | st.booleans(),
        utilisation=st.none() | USE,
        started_at=st.none() | MOMENTS,
    ),
    st.builds(
        DiskFacts,
        resource=RESOURCES,
        power=st.none() | WORDS,
        disks=st.lists(st.builds(ManagedDisk, WORDS, WORDS, WORDS), max_size=3).map(tuple),
    ),
    st.builds(SpotFacts, resource=RESOURCES, power=st.none() | WORDS, priority=WORDS),
    st.builds(
        SpotPoolFacts,
        resource=RESOURCES,
        capacity=st.integers(0, 1000),
        priority=WORDS,
        is_instance_there=st.booleans(),
        managed_by=WORDS,
    ),
    st.builds(
        FailedTaskFacts,
        resource=RESOURCES,
        jobs=st.dictionaries(WORDS, WORDS, max_size=3),
        tasks=st.lists(TASKS, max_size=3).map(tuple),
        since=MOMENTS,
        is_complete=st.booleans(),
    ),
)
