"""Run the Functions host of a sandbox: the stand-in, or Core Tools where asked for.

How it was started is kept beside the sandbox's state, so that a crash test or
a person can start the same again.
"""

import http.client
import json
import os
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from sandbox import processes
from sandbox.options import ROOT, SandboxError, SandboxOptions
from sandbox.processes import ProcessRecord

NAME = "functions"
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "PYTHONPATH", "VIRTUAL_ENV")
LIBRARIES = ".python_packages/lib/site-packages"
_HOST = "sandbox.functions_host"
_RECIPE = "functions.json"
_START_LIMIT_S = 60.0


@dataclass(frozen=True)
class HostKeys:
    """The keys of the host, made anew for each sandbox."""

    master_key: str
    function_key: str
    system_key: str


@dataclass(frozen=True)
class Recipe:
    """All it takes to start the host again."""

    command: list[str]
    environment: dict[str, str]
    cwd: str
    port: int
    master_key: str

    def save(self, state: Path) -> None:
        """Keep the recipe, readable by its owner alone: it holds keys."""
        path = state / _RECIPE
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @staticmethod
    def load(state: Path) -> "Recipe":
        """Read the recipe of a sandbox that is up."""
        document = json.loads((state / _RECIPE).read_text(encoding="utf-8"))
        return Recipe(**document)


def recipe(
    options: SandboxOptions, port: int, keys: HostKeys, environment: Mapping[str, str]
) -> Recipe:
    """Write down how to start the chosen host.

    Raises:
        SandboxError: Core Tools are asked for and not installed.
    """
    if options.functions_host == "func":
        if shutil.which("func") is None:
            raise SandboxError("`func` is not on PATH: install Azure Functions Core Tools")
        # Core Tools start the Python of the PATH, so ours must come first.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        settings = {**environment, "FUNCTIONS_WORKER_RUNTIME": "python", "PATH": path}
        command = ["func", "start", "--port", str(port)]
        return Recipe(command, settings, str(options.app.resolve()), port, keys.master_key)
    app = options.app.resolve()
    command = [*_python(app, options.state.resolve()), "--app", str(app)]
    command += ["--port", str(port)]
    command += ["--master-key", keys.master_key, "--function-key", keys.function_key]
    command += ["--system-key", keys.system_key]
    if options.queue_lease_s is not None:
        command += ["--queue-lease", str(options.queue_lease_s)]
    return Recipe(command, dict(environment), str(ROOT), port, keys.master_key)


def _python(app: Path, state: Path) -> list[str]:
    """Say how the stand-in is run: with our packages, or with an app's own and no other.

    A package brings its libraries along, and in Azure nothing else is there. So it gets an
    interpreter without site-packages, and the stand-in itself runs on what the app brings:
    what is missing from a package is missing here too. ``sandbox`` is given by a link in a
    folder of its own, or all of the repository would be within reach.

    Source: https://learn.microsoft.com/azure/azure-functions/python-build-options
    """
    libraries = app / LIBRARIES
    if not libraries.is_dir():
        return [sys.executable, "-m", _HOST]
    alone = state / "host"
    alone.mkdir(parents=True, exist_ok=True)
    link = alone / "sandbox"
    link.unlink(missing_ok=True)
    link.symlink_to(ROOT / "sandbox", target_is_directory=True)
    begin = (
        f"import sys, runpy; sys.path[:0] = [{str(libraries)!r}, {str(alone)!r}]; "
        f"runpy.run_module({_HOST!r}, run_name='__main__', alter_sys=True)"
    )
    # No environment, no user's and no virtual environment's packages; no bytecode beside
    # the package's files, which are read-only in Azure.
    return [sys.executable, "-I", "-S", "-B", "-c", begin]


def start(how: Recipe, logs: Path) -> ProcessRecord:
    """Start the host's process; it is not ready yet."""
    return processes.start(
        NAME,
        how.command,
        environment={**_of_the_machine(), **how.environment},
        cwd=Path(how.cwd),
        stdout=logs / "functions.out",
        stderr=logs / "functions.err",
    )


def wait_ready(how: Recipe, record: ProcessRecord) -> bool:
    """Wait until the host says it runs; False when it ended or the time is over."""
    until = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < until:
        if not processes.is_alive(record):
            return False
        if _is_running(how):
            return True
        time.sleep(0.05)
    return False


def _is_running(how: Recipe) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", how.port, timeout=2)
    try:
        connection.request(
            "GET", "/admin/host/status", headers={"x-functions-key": how.master_key}
        )
        answer = connection.getresponse()
        document = json.loads(answer.read() or b"{}")
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()
    return answer.status == http.HTTPStatus.OK and document.get("state") == "Running"


def _of_the_machine() -> dict[str, str]:
    """Keep of a person's environment what a process needs, and none of its settings.

    In Azure the app has its app settings and nothing else: a client id, a cloud's name or
    a proxy of this shell would make it another app.
    """
    return {name: os.environ[name] for name in KEPT if name in os.environ}
