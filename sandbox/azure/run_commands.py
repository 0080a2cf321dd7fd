"""Commands on VMs: what a world says that a file writes, as the machine's agent tells it.

Nothing is run. A file that the world does not name is not found, as a shell would say; the
line that a script ends with (``echo "mark$?"``) is answered with the file's exit code. A line
that counts (``echo "mark$(...)"``) is answered from the machine's ``_sessions``, one a look.

Source: https://learn.microsoft.com/rest/api/compute/virtual-machines/run-command
"""

import re

from sandbox.azure import errors, power
from sandbox.azure.arm_generic import existing
from sandbox.azure.call import Call, Json, Reply
from sandbox.azure.errors import ServiceError
from sandbox.azure.operations import Work, accepted

_KNOWN = frozenset({"commandId", "script", "parameters"})
_NOT_FOUND = {"stdout": "", "stderr": "not found", "exit": 127}
_MARK = re.compile(r'^echo "(?P<mark>[\w-]+=)\$\?"$')
_COUNT = re.compile(r'^echo "(?P<mark>[\w-]+=)\$\(.*\)"$')


def run(call: Call) -> Reply:
    """Begin a command on a running VM; one at a time."""
    vm = existing(call, call.path.rpartition("/")[0])
    body = call.body()
    unknown = sorted(set(body) - _KNOWN)
    if unknown:
        raise errors.invalid(unknown[0], body[unknown[0]], ", ".join(sorted(_KNOWN)))
    if body.get("commandId") != "RunShellScript":
        raise errors.invalid("commandId", body.get("commandId"), "RunShellScript")
    script = body.get("script")
    if not isinstance(script, list) or not all(isinstance(one, str) for one in script):
        raise errors.invalid("script", script, "a list of strings")
    if power.state_of(vm) != "running":
        raise ServiceError(
            409, "OperationNotAllowed", "Run command needs a running virtual machine."
        )
    if vm.get("_is_running_command"):
        raise ServiceError(
            409, "Conflict", "Run command extension execution is in progress. Please wait."
        )
    vm.setdefault("_ran", []).append(script)
    vm["_is_running_command"] = True
    text = _played(vm, script)
    message = {
        "code": "ProvisioningState/succeeded",
        "level": "Info",
        "displayStatus": "Provisioning succeeded",
        "message": text,
    }

    def finish() -> None:
        vm["_is_running_command"] = False
        call.state.world.count("run_commands", vm["id"])

    work = Work(
        verb="runCommand",
        target=vm["id"],
        finish=finish,
        fail=lambda: vm.update(_is_running_command=False),
        result=lambda: {"value": [message]},
    )
    return accepted(call, work)


def _played(vm: Json, script: list[str]) -> str:
    files: Json = vm.get("_runs", {})
    counted = [found["mark"] for line in script if (found := _COUNT.match(line)) is not None]
    if counted:
        sessions = vm.get("_sessions", [0])
        left = sessions.pop(0) if len(sessions) > 1 else sessions[0]
        return f"Enable succeeded: \n[stdout]\n{counted[0]}{left}\n\n[stderr]\n"
    named = next((path for path in files if any(path in line for line in script)), "")
    played = files.get(named, _NOT_FOUND)
    marks = [found["mark"] for line in script if (found := _MARK.match(line)) is not None]
    lines = [str(played.get("stdout", "")), *(f"{m}{played.get('exit', 0)}" for m in marks)]
    written, wrong = "\n".join(lines), played.get("stderr", "")
    return f"Enable succeeded: \n[stdout]\n{written}\n\n[stderr]\n{wrong}"
