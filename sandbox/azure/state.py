"""Everything one running stand-in holds: the world, its operations, tokens and records."""

from dataclasses import dataclass, field

from sandbox.azure.call_log import CallLog
from sandbox.azure.entra import Signer
from sandbox.azure.faults import Faults
from sandbox.azure.operations import Operations
from sandbox.azure.tokens import Tokens
from sandbox.azure.world import World


@dataclass(slots=True)
class State:
    """What the services share; ``url`` is known once the server listens."""

    world: World = field(default_factory=World)
    operations: Operations = field(default_factory=Operations)
    tokens: Tokens = field(default_factory=Tokens)
    signer: Signer = field(default_factory=Signer)
    calls: CallLog = field(default_factory=CallLog)
    faults: Faults = field(default_factory=Faults)
    url: str = ""
    identity_header: str = ""
    ca_pem: bytes = b""

    def replace_world(self, world: World) -> None:
        """Put another world in place; what was under way in the old one is dropped."""
        self.operations.forget()
        self.world = world
