"""Get CEL's compiled module without the command line that its package brings.

``import cel`` runs ``cel/__init__.py``, which imports the package's own command line
(typer, rich, prompt_toolkit) that rules never use. Measured with the package 0.10.0 on
Python 3.11 and two cores: ``import cel`` 140 to 170 ms (``-X importtime``), this 3 ms.
The first decision after a cold start would pay the difference, and a spot eviction
leaves 30 seconds. So the extension is loaded by its own spec; if a later version lays
its files out differently, the plain import serves, only slower.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from importlib.machinery import ExtensionFileLoader, PathFinder
from types import ModuleType
from typing import Protocol, cast

PACKAGE = "cel"
EXTENSION = "cel.cel"


class Program(Protocol):
    """A compiled expression."""

    def execute(self, context: dict[str, object]) -> object:
        """Evaluate it."""
        ...

    def variables(self) -> list[str]:
        """Name the variables it mentions, also those that macros bind."""
        ...

    def functions(self) -> list[str]:
        """Name the functions and operators it uses."""
        ...


class Cel(Protocol):
    """The part of the package that rules use."""

    def compile(self, expression: str) -> Program:
        """Compile, or raise ValueError."""
        ...


_LOADING = threading.Lock()


def cel() -> Cel:
    """Load the extension once a process, without executing its package.

    Once: it installs a logger when it is executed, and panics the second time. So it
    is kept where ``import cel`` looks too, and a lock holds back a second thread.
    """
    with _LOADING:
        module = sys.modules.get(EXTENSION) or _load()
    return cast("Cel", module)


def _load() -> ModuleType:
    package = importlib.util.find_spec(PACKAGE)
    places = package.submodule_search_locations if package else None
    spec = PathFinder.find_spec(EXTENSION, places) if places else None
    if spec is None or not isinstance(spec.loader, ExtensionFileLoader):
        return importlib.import_module(PACKAGE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules[EXTENSION] = module
    return module
