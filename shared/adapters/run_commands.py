"""Scripts on virtual machines, by the run command of azure-mgmt-compute.

The call is a long-running operation: how it stands is one URL's answer, what the script
wrote another's. Both are given out by the resource manager, and kept together as a token.

Source: https://learn.microsoft.com/rest/api/compute/virtual-machines/run-command
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from shared.adapters.arm import ArmReader
from shared.adapters.azure_errors import translated
from shared.adapters.compute_clients import (
    ASYNC,
    LOCATION,
    ComputeClients,
    Receipt,
    machine_id,
)
from shared.adapters.virtual_machines import operation_state
from shared.core.errors import InvalidTarget
from shared.core.resource_ids import SCALE_SET_VM
from shared.ports import OperationState, Output

ROLE = "Virtual Machine Contributor"
SHELL = "RunShellScript"
_TOKEN_LIMIT = 4096


class AzureCommands:
    """``Commands`` over the compute resource provider."""

    def __init__(self, clients: ComputeClients, arm: ArmReader) -> None:
        self._clients = clients
        self._arm = arm

    async def run(self, vm: str, script: Sequence[str]) -> str:
        """Ask for a shell script to be run on a Linux VM or an instance of a scale set."""
        from azure.mgmt.compute import models

        rid = machine_id(vm)
        client = await self._clients.of(rid.subscription)
        wanted = models.RunCommandInput(command_id=SHELL, script=list(script))
        receipt = Receipt()
        async with translated(f"running a command on {vm}", role=ROLE):
            if rid.type == SCALE_SET_VM:
                await client.virtual_machine_scale_set_vms.begin_run_command(
                    rid.resource_group, rid.names[0], rid.name, wanted, **receipt.options
                )
            else:
                await client.virtual_machines.begin_run_command(
                    rid.resource_group, rid.name, wanted, **receipt.options
                )
        headers = receipt.headers
        token = f"{headers.get(ASYNC) or ''}\n{headers.get(LOCATION) or ''}"
        if token.startswith("\n") or len(token) > _TOKEN_LIMIT:
            raise InvalidTarget(f"running a command on {vm}: nothing to follow it by")
        return token

    async def output(self, vm: str, token: str) -> Output:
        """Tell how it stands; when it has ended, read what it wrote."""
        status, _, result = token.partition("\n")
        doing = f"following the command on {vm}"
        answer = await self._arm.look(status, doing=doing)
        if answer is None:
            return Output(OperationState.LOST)
        state, words = operation_state(answer)
        if state is not OperationState.SUCCEEDED:
            return Output(state, words=words)
        text = _text(answer.body)
        if not text and result:
            written = await self._arm.look(result, doing=doing)
            text = _text(written.body) if written is not None else ""
        return Output(state, text)


def _text(body: Mapping[str, Any]) -> str:
    """Join the messages of a result, which an operation's document holds one level in."""
    inner = (body.get("properties") or {}).get("output") or body
    return "\n".join(str(one.get("message") or "") for one in inner.get("value") or ())
