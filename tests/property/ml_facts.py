"""Azure ML jobs, clusters and instances, as any there can be, for properties."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from shared.core.ml_instances import MlInstance, MlSchedule
from shared.core.ml_jobs import ATTEMPT_TAG, ROOT_TAG, MlJob

WORDS = st.text(max_size=20)
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
SPANS = st.timedeltas(timedelta(0), timedelta(days=1000))
TAGS = st.dictionaries(
    st.sampled_from(["nightshift-resumable", ROOT_TAG, ATTEMPT_TAG]) | WORDS,
    st.sampled_from(["true", "3", "0", "no"]) | WORDS,
    max_size=4,
)
JOBS = st.builds(
    MlJob,
    name=st.text("abcXYZ019-_", min_size=1, max_size=255),
    kind=st.sampled_from(["command", "pipeline", ""]),
    status=st.sampled_from(["Running", "Queued", "Canceled", "Failed", "Completed"]) | WORDS,
    compute=WORDS,
    runs_as_user=st.booleans(),
    tags=TAGS,
    error=st.none() | st.sampled_from(["", "PreemptionError: gone", "UserError: NaN"]),
    canceled_because=st.sampled_from(["", "Node preempted", "Ada"]),
    ended_at=st.none() | MOMENTS,
)
CLUSTERS = {
    "is_low_priority": st.booleans(),
    "least": st.integers(0, 9),
    "most": st.integers(0, 99),
    "nodes": st.none()
    | st.dictionaries(
        st.sampled_from(["idle", "running", "preparing", "preempted", "unusable"]),
        st.integers(0, 9),
    ),
    "idle_before_scale_down": st.none() | SPANS,
    "state": st.sampled_from(["", "steady", "resizing"]),
}
INSTANCES = st.builds(
    MlInstance,
    state=st.sampled_from(["", "running", "jobrunning", "stopped", "unusable"]) | WORDS,
    owner=WORDS,
    idle_shutdown=st.none() | SPANS,
    schedules=st.lists(
        st.builds(
            MlSchedule,
            action=st.sampled_from(["start", "stop"]),
            is_enabled=st.booleans(),
            when=WORDS,
            zone=WORDS,
        ),
        max_size=2,
    ).map(tuple),
    image=WORDS,
    latest_image=WORDS,
    is_latest_image=st.none() | st.booleans(),
    last_operation=st.sampled_from(["", "start", "stop", "restart"]),
    last_operation_at=st.none() | MOMENTS,
    last_operation_status=WORDS,
    applications=st.lists(WORDS, max_size=2).map(tuple),
    errors=st.lists(WORDS, max_size=2).map(tuple),
)
