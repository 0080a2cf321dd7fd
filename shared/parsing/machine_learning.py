"""Azure Machine Learning: runs, models and data drift of a workspace.

The target is the workspace, the event's source; of a run, the job of its name, so that
two runs of one workspace are two targets. Field names differ in case between the vendor's
pages, which the reader folds.

Source: https://learn.microsoft.com/azure/event-grid/event-schema-machine-learning
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from shared.core.envelopes import Envelope
from shared.core.errors import MalformedEvent
from shared.core.json_bounds import bounded
from shared.core.json_reading import JsonObject, read_arm_id
from shared.core.moments import write_moment
from shared.core.resource_ids import WORKSPACE
from shared.core.signals import Signal, SignalType

SOURCE = "machine_learning"
_PREFIX = "Microsoft.MachineLearningServices."
_TYPES = {
    "RunCompleted": SignalType.AML_RUN_CHANGED,
    "RunStatusChanged": SignalType.AML_RUN_CHANGED,
    "ModelRegistered": SignalType.AML_MODEL_CHANGED,
    "ModelDeployed": SignalType.AML_MODEL_CHANGED,
    "DatasetDriftDetected": SignalType.AML_DATA_DRIFT,
}
EVENT_TYPES = tuple(_PREFIX + name for name in _TYPES)
_JOB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,254}", re.ASCII)
_FOLDED = {(_PREFIX + name).casefold(): (name, kind) for name, kind in _TYPES.items()}


def parse(envelope: Envelope) -> tuple[Signal, ...]:
    """Read one event of a workspace."""
    name, kind = _FOLDED[envelope.type.casefold()]
    match kind:
        case SignalType.AML_RUN_CHANGED:
            said = _run(envelope.data, "Completed" if name == "RunCompleted" else "")
        case SignalType.AML_MODEL_CHANGED:
            said = _model(envelope.data)
        case _:
            said = _drift(envelope.data)
    signal = Signal(
        type=kind,
        event_id=envelope.id,
        source=SOURCE,
        target=_target(envelope, said),
        observed_at=envelope.time,
        attributes=bounded({"event": name, "subject": envelope.subject, **said}),
    )
    return (signal,)


def _target(envelope: Envelope, said: Mapping[str, Any]) -> str:
    """Name the run's job, or the workspace; a name no job can have is of the old kind.

    Source: https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-command
    (``name``)
    """
    try:
        workspace = read_arm_id(envelope.source)
    except ValueError:
        raise MalformedEvent("$.source: should be the workspace's ARM id, is not") from None
    run = str(said.get("run_id") or "") if "run_status" in said else ""
    if workspace.type != WORKSPACE or not _JOB_NAME.fullmatch(run):
        return workspace.text
    return f"{workspace.text}/jobs/{run}"


def _run(data: JsonObject, status: str) -> dict[str, Any]:
    return {
        "run_id": data.identifier("runId"),
        "run_status": data.loose_text("runStatus") or status,
        "run_type": data.loose_text("runType"),
        "experiment_id": data.loose_text("experimentId"),
        "experiment_name": data.loose_text("experimentName"),
        "run_tags": dict(data.loose_object("runTags").fields),
        "run_properties": dict(data.loose_object("runProperties").fields),
    }


def _model(data: JsonObject) -> dict[str, Any]:
    return {
        "model_name": data.loose_text("modelName"),
        "model_version": data.loose_text("modelVersion"),
        "model_ids": data.loose_text("modelIds"),
        "deployment": data.loose_text("serviceName"),
        "model_tags": dict(data.loose_object("modelTags").fields),
        "model_properties": dict(data.loose_object("modelProperties").fields),
    }


def _drift(data: JsonObject) -> dict[str, Any]:
    start, end = data.loose_moment("startTime"), data.loose_moment("endTime")
    return {
        "drift_id": data.loose_text("dataDriftId"),
        "drift_name": data.loose_text("dataDriftName"),
        "coefficient": data.loose_number("driftCoefficient"),
        "run_id": data.loose_text("runId"),
        "base_dataset": data.loose_text("baseDatasetId"),
        "target_dataset": data.loose_text("targetDatasetId"),
        "start": write_moment(start) if start else None,
        "end": write_moment(end) if end else None,
    }
