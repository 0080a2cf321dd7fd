"""VMs that do not answer until somebody does what helps."""

from __future__ import annotations

from dataclasses import dataclass, field

from shared.core.errors import InvalidTarget
from shared.core.vm_health import AVAILABLE, UNAVAILABLE, VmHealth, wellness
from tests.fakes.compute import FakeCompute, FakeMachine, FakeOperation
from tests.fakes.effects import Trapped


@dataclass(kw_only=True)
class FakeVmCare(Trapped):
    """Health, console and restart; the machines are those of ``compute``.

    Attributes:
        unwell: By folded id what helps: ``restart``, ``redeploy``, or ``nothing``.
        availability: What resource health says of a machine that is unwell.
        agents: What is said of a machine's agent, by folded id.
        consoles: What a console wrote, by folded id; others have none.
        looks: Reads that still show a restart going on.
    """

    compute: FakeCompute
    unwell: dict[str, str] = field(default_factory=dict)
    availability: str = UNAVAILABLE
    agents: dict[str, str] = field(default_factory=dict)
    consoles: dict[str, str] = field(default_factory=dict)
    looks: int = 1

    async def health(self, vm: str) -> VmHealth | None:
        """Read how a VM is; what was done to it meanwhile may have helped."""
        self.reading("health")
        found = self.compute.machines_by_id.get(vm.casefold())
        if found is None:
            return None
        helps = self.unwell.get(vm.casefold(), "")
        is_well = not helps or any(
            verb == helps and target.casefold() == vm.casefold()
            for verb, target in self.effects
        )
        said = AVAILABLE if is_well else self.availability
        agent = "ready" if is_well else self.agents.get(vm.casefold(), "")
        well = wellness(said, agent)
        return VmHealth(found.resource, found.power, said, agent, found.provisioned_at, well)

    async def console(self, vm: str) -> str | None:
        """Read a console."""
        self.reading("console")
        self._machine(vm)
        return self.consoles.get(vm.casefold())

    async def restart(self, vm: str) -> str:
        """Begin a restart."""
        self.before("restart")
        machine = self._machine(vm)
        machine.provisioning = "updating"
        token = f"restart-{len(self.compute.operations)}"

        def end() -> None:
            machine.provisioning, machine.provisioned_at = "succeeded", self.compute.now()

        self.compute.operations[token] = FakeOperation(vm, self.looks, ends=end)
        self.happened("restart", vm)
        return token

    def _machine(self, vm: str) -> FakeMachine:
        found = self.compute.machines_by_id.get(vm.casefold())
        if found is None:
            raise InvalidTarget(f"there is no virtual machine {vm}")
        return found
