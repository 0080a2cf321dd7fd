"""Commands on machines: what both clouds promise."""

from __future__ import annotations

import pytest

from shared.core.command_output import exit_code
from shared.core.errors import InvalidTarget, StaleFacts
from shared.ports import OperationState, Output
from tests.contract.cloud import worlds as w
from tests.contract.cloud.clouds import Cloud, eventually

MARK = 'echo "nightshift-exit=$?"'


async def ended(cloud: Cloud, path: str) -> Output:
    """Run a file and wait for its end."""
    token = await cloud.commands.run(w.DEV, [f"timeout 5 {path} vm.preempt 5 p-0", MARK])
    assert 0 < len(token) <= 4096
    return await eventually(
        lambda: cloud.commands.output(w.DEV, token),
        lambda seen: seen.state is not OperationState.RUNNING,
    )


@pytest.mark.parametrize(
    ("path", "writes", "code"), [(w.SAVES, "saved step 41", 0), (w.FAILS, "disk full", 3)]
)
async def test_what_a_command_wrote_is_read_when_it_has_ended(
    cloud: Cloud, path: str, writes: str, code: int
):
    """The platform calls both a success: only our own line tells them apart."""
    seen = await ended(cloud, path)
    assert (OperationState.SUCCEEDED, code) == (seen.state, exit_code(seen.text))
    assert writes in seen.text


async def test_a_file_that_is_not_there_ends_as_a_shell_says(cloud: Cloud):
    """A tag may name what nobody put there."""
    seen = await ended(cloud, "/etc/nightshift/nobody.sh")
    assert 127 == exit_code(seen.text)


async def test_a_command_on_a_missing_machine_is_an_invalid_target(cloud: Cloud):
    """Retrying cannot help."""
    with pytest.raises(InvalidTarget):
        await cloud.commands.run(w.MISSING, ["true"])


async def test_two_commands_at_once_are_a_conflict_that_passes(azure: Cloud):
    """The engine asks again later."""
    await azure.commands.run(w.DEV, ["true"])
    with pytest.raises(StaleFacts):
        await azure.commands.run(w.DEV, ["true"])


async def test_a_command_that_the_platform_cannot_run_says_why(azure: Cloud):
    """An agent that is gone is no command that failed."""
    assert azure.standin is not None
    fault = {"code": "VMAgentStatusCommunicationError", "message": "no agent"}
    azure.standin.fault(pattern="POST .*/runCommand", operation=fault)
    seen = await ended(azure, w.SAVES)
    words = "VMAgentStatusCommunicationError: no agent"
    assert (OperationState.FAILED, words) == (seen.state, seen.words)
