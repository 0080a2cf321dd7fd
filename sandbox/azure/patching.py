"""Update Manager: assessments and installations, of VMs and of Arc servers.

What a machine lacks stands in its row of Resource Graph, ``patchAssessmentResults/latest``
of the world; one without a row lacks one security update. An installation takes what is
of the asked classes. An Arc server's installations are rows, a VM's are in its own view.

Source: https://learn.microsoft.com/rest/api/compute/virtual-machines/install-patches,
https://learn.microsoft.com/rest/api/hybridcompute/machines/install-patches,
https://learn.microsoft.com/azure/update-manager/query-logs
"""

import re

from sandbox.azure import arm_ids, clock, errors
from sandbox.azure.api_versions import COMPUTE, HYBRID_COMPUTE
from sandbox.azure.arm_generic import existing
from sandbox.azure.call import Call, Json, Reply
from sandbox.azure.errors import ServiceError
from sandbox.azure.operations import Work, accepted
from sandbox.azure.routes import Route

_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}/providers"
_VM = f"{_GROUP}/Microsoft.Compute/virtualMachines/{{name}}"
_ARC = f"{_GROUP}/Microsoft.HybridCompute/machines/{{name}}"
_RESTARTS = ("IfRequired", "Never", "Always")
_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?")
_LONGEST = 240
_LACKS = {"Critical": 0, "Security": 1, "Other": 2}
_KNOWN = {
    "windowsParameters": frozenset(
        (
            *("Critical", "Security", "UpdateRollUp", "FeaturePack"),
            *("ServicePack", "Definition", "Tools", "Updates"),
        )
    ),
    "linuxParameters": frozenset(("Critical", "Security", "Other")),
}


def assess(call: Call) -> Reply:
    """Begin an assessment."""
    machine = _machine(call)

    def end() -> None:
        _assessed(call, machine, clock.now_iso())

    return accepted(call, Work("assessPatches", machine["id"], finish=end))


def install(call: Call) -> Reply:
    """Begin an installation; a second one at the same time is refused."""
    machine = _machine(call)
    body = call.body()
    classes = _checked(body)
    began = clock.now_iso()

    def end() -> None:
        counts = _counts(call, machine)
        gone = sum(counts.get(name, 0) for name in classes)
        lacks = {name: 0 if name in classes else number for name, number in counts.items()}
        _installation(call, machine, began, "Succeeded", gone)
        _assessed(call, machine, clock.now_iso(), lacks)
        call.state.world.count("installations", machine["id"])

    def start() -> None:
        _installation(call, machine, began, "InProgress", 0)

    return accepted(call, Work("installPatches", machine["id"], start, end))


def _machine(call: Call) -> Json:
    machine = existing(call, call.path.rpartition("/")[0])
    properties = machine["properties"]
    statuses = properties.get("instanceView", {}).get("statuses", [])
    codes = {one.get("code", "").lower() for one in statuses}
    power = {code for code in codes if code.startswith("powerstate/")}
    is_off = bool(power) and "powerstate/running" not in power
    if is_off or properties.get("status") == "Disconnected":
        raise ServiceError(
            409, "OperationNotAllowed", f"The machine '{machine['name']}' is not running."
        )
    return machine


def _checked(body: Json) -> list[str]:
    """Read what is asked for, as the service checks it."""
    strange = sorted(set(body) - {"maximumDuration", "rebootSetting", *_KNOWN})
    if strange:
        raise errors.invalid(strange[0], body[strange[0]], "no such member")
    if body.get("rebootSetting") not in _RESTARTS:
        raise errors.invalid("rebootSetting", body.get("rebootSetting"), ", ".join(_RESTARTS))
    match = _DURATION.fullmatch(str(body.get("maximumDuration")))
    minutes = int(match[1] or 0) * 60 + int(match[2] or 0) if match else 0
    if not 0 < minutes <= _LONGEST:
        raise errors.invalid("maximumDuration", body.get("maximumDuration"), "PT30M to PT4H")
    [name] = [name for name in _KNOWN if name in body] or [""]
    classes = body.get(name, {}).get("classificationsToInclude", [])
    if not name or set(classes) - _KNOWN[name]:
        raise errors.invalid(
            "classificationsToInclude", classes, "known classes of one system"
        )
    return list(classes)


def _row_id(machine: Json) -> str:
    return f"{machine['id']}/patchAssessmentResults/latest"


def _counts(call: Call, machine: Json) -> dict[str, int]:
    row = call.state.world.get(_row_id(machine)) or {"properties": {}}
    found = row["properties"].get("availablePatchCountByClassification", _LACKS)
    return dict(found)


def _of_vm(machine: Json) -> Json:
    view = machine["properties"].setdefault("instanceView", {})
    status: Json = view.setdefault("patchStatus", {})
    return status


def _is_vm(machine: Json) -> bool:
    return str(machine["type"]).lower() == "microsoft.compute/virtualmachines"


def _assessed(call: Call, machine: Json, at: str, lacks: dict[str, int] | None = None) -> None:
    """Write an assessment where the service writes it: the row, and a VM's own view."""
    counts = _counts(call, machine) if lacks is None else lacks
    said = {
        "status": "Succeeded",
        "rebootPending": False,
        "lastModifiedDateTime": at,
        "availablePatchCountByClassification": counts,
    }
    _put(call, _row_id(machine), said)
    if _is_vm(machine):
        urgent = counts.get("Critical", 0) + counts.get("Security", 0)
        _of_vm(machine)["availablePatchSummary"] = {
            "status": "Succeeded",
            "rebootPending": False,
            "criticalAndSecurityPatchCount": urgent,
            "otherPatchCount": sum(counts.values()) - urgent,
            "startTime": at,
            "lastModifiedTime": at,
        }


def _installation(call: Call, machine: Json, began: str, status: str, count: int) -> None:
    if _is_vm(machine):
        _of_vm(machine)["lastPatchInstallationSummary"] = {
            "status": status,
            "installedPatchCount": count,
            "failedPatchCount": 0,
            "startTime": began,
            "lastModifiedTime": clock.now_iso(),
        }
        return
    said = {
        "status": status,
        "installedPatchCount": count,
        "failedPatchCount": 0,
        "startDateTime": began,
        "lastModifiedDateTime": clock.now_iso(),
    }
    name = re.sub(r"\W", "-", began)
    _put(call, f"{machine['id']}/patchInstallationResults/{name}", said)


def _put(call: Call, resource_id: str, said: Json) -> None:
    kind, name = resource_id.rsplit("/", 2)[1:]
    parent = arm_ids.parse(resource_id.rsplit("/", 2)[0])
    type_ = f"{parent.type if parent else ''}/{kind}"
    call.state.world.put({"id": resource_id, "name": name, "type": type_, "properties": said})


ROUTES = (
    Route("POST", f"{_VM}/assessPatches", assess, COMPUTE),
    Route("POST", f"{_VM}/installPatches", install, COMPUTE),
    Route("POST", f"{_ARC}/assessPatches", assess, HYBRID_COMPUTE),
    Route("POST", f"{_ARC}/installPatches", install, HYBRID_COMPUTE),
)
