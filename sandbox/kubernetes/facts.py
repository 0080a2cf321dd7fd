"""What a pod's or a node's manifest says about it.

Pure questions, asked by the parts that play kubelet, scheduler and controllers.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.kubernetes.resources import Manifest

PREFIX = "sandbox.nightshift/"
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
FINISHED = ("Succeeded", "Failed")
MIRROR = "kubernetes.io/config.mirror"


def annotation(manifest: Manifest, name: str) -> str | None:
    """Read an annotation of the sandbox's own prefix."""
    value = (manifest["metadata"].get("annotations") or {}).get(PREFIX + name)
    return None if value is None else str(value)


def seconds(text: str) -> float:
    """Read a duration: ``2s``, ``300ms``, ``5m``, ``1h`` or plain seconds.

    Raises:
        ValueError: the text is no duration.
    """
    for unit, factor in _UNITS.items():
        number = text.strip().removesuffix(unit)
        if number != text.strip() and number.replace(".", "", 1).isdigit():
            return float(number) * factor
    return float(text)


def annotated_seconds(manifest: Manifest, name: str, default: float) -> float:
    """Read a duration annotation; one that is no duration counts as absent."""
    text = annotation(manifest, name)
    try:
        return default if text is None else seconds(text)
    except ValueError:
        return default


def condition(manifest: Manifest, kind: str) -> str:
    """Return a condition's status, or "" when the object does not carry it."""
    conditions = (manifest.get("status") or {}).get("conditions") or ()
    return next((str(c.get("status")) for c in conditions if c.get("type") == kind), "")


def with_condition(manifest: Manifest, entry: Mapping[str, Any]) -> list[Manifest]:
    """Return the conditions with one set or replaced."""
    conditions: Iterable[Manifest] = (manifest.get("status") or {}).get("conditions") or ()
    return [c for c in conditions if c.get("type") != entry["type"]] + [dict(entry)]


def phase(pod: Manifest) -> str:
    """Return a pod's phase."""
    return str((pod.get("status") or {}).get("phase") or "")


def is_finished(pod: Manifest) -> bool:
    """Whether the pod's containers have ended for good."""
    return phase(pod) in FINISHED


def is_terminating(manifest: Manifest) -> bool:
    """Whether a deletion has been accepted and not yet carried out."""
    return bool(manifest["metadata"].get("deletionTimestamp"))


def is_healthy(pod: Manifest) -> bool:
    """Whether a disruption budget counts the pod: Ready and not being deleted."""
    return condition(pod, "Ready") == "True" and not is_terminating(pod)


def grace_of(pod: Manifest) -> int:
    """Return the pod's own termination grace in seconds; 30 when it names none."""
    value = (pod.get("spec") or {}).get("terminationGracePeriodSeconds")
    return 30 if value is None else int(value)


def takes_new_pods(node: Manifest, pod: Manifest) -> bool:
    """Whether the scheduler may bind a pod here: ready, not cordoned, wanted and tolerated."""
    spec, labels = node.get("spec") or {}, node["metadata"].get("labels") or {}
    wanted = (pod.get("spec") or {}).get("nodeSelector") or {}
    return (
        not spec.get("unschedulable")
        and not is_terminating(node)
        and condition(node, "Ready") == "True"
        and all(labels.get(key) == value for key, value in wanted.items())
        and all(_is_tolerated(taint, pod) for taint in spec.get("taints") or ())
    )


def _is_tolerated(taint: Manifest, pod: Manifest) -> bool:
    if taint.get("effect") not in ("NoSchedule", "NoExecute"):
        return True
    for toleration in (pod.get("spec") or {}).get("tolerations") or ():
        exists = toleration.get("operator") == "Exists"
        key, effect = toleration.get("key"), toleration.get("effect")
        is_key = key == taint.get("key") or (exists and not key)
        is_value = exists or toleration.get("value", "") == taint.get("value", "")
        if is_key and is_value and effect in (None, "", taint["effect"]):
            return True
    return False
