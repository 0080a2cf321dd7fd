"""Data files that are deployed beside the rules: read once a process."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from shared.core.errors import Misconfigured

FOLDER = Path(__file__).parents[2] / "rules"


class ReferenceFiles:
    """Implements ``shared.ports.References``."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._read: dict[str, Sequence[Mapping[str, Any]]] = {}

    def rows(self, name: str) -> Sequence[Mapping[str, Any]]:
        """Return the list ``types`` of a file.

        Raises:
            Misconfigured: There is no such file, or it holds no such list.
        """
        if name not in self._read:
            self._read[name] = self._rows(name)
        return self._read[name]

    def _rows(self, name: str) -> Sequence[Mapping[str, Any]]:
        path = self._folder / f"{name}.json"
        try:
            rows = json.loads(path.read_text(encoding="utf-8"))["types"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise Misconfigured(f"{path.name}: {type(error).__name__}: {error}") from error
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise Misconfigured(f"{path.name}: types is no list of objects")
        return rows
