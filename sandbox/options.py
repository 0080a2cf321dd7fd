"""What a person may ask of a sandbox, checked before anything starts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FUNCTIONS_HOSTS = ("auto", "standin", "func")


class SandboxError(Exception):
    """The sandbox cannot do what was asked; the message says why, for a person."""


@dataclass(frozen=True)
class SandboxOptions:
    """The choices of one ``up``.

    ``functions_host`` is ``standin`` or ``func`` (Azure Functions Core Tools);
    ``auto`` means the stand-in. ``queue_lease_s`` shortens how long a message
    stays hidden after a crash; None leaves it at Azure's ten minutes.
    """

    state: Path
    world: Path | None = None
    rules: tuple[Path, ...] = ()
    app: Path = ROOT
    functions_host: str = "auto"
    environment: Mapping[str, str] = field(default_factory=dict)
    queue_lease_s: int | None = None

    def check(self) -> None:
        """Refuse what cannot work, before the first process is started.

        Raises:
            SandboxError: a file or folder is missing, or a choice is unknown.
        """
        if self.world is not None and not self.world.is_file():
            raise SandboxError(f"the world {self.world} does not exist: give a JSON file")
        for folder in self.rules:
            if not folder.is_dir():
                raise SandboxError(f"the rules {folder} are not a folder of YAML files")
        if not (self.app / "function_app.py").is_file():
            raise SandboxError(f"{self.app} has no function_app.py: give a function app")
        if self.functions_host not in FUNCTIONS_HOSTS:
            known = ", ".join(FUNCTIONS_HOSTS)
            raise SandboxError(f"functions host {self.functions_host!r}: may be {known}")
