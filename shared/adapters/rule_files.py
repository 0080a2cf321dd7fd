"""Read rule folders from the deployed package: names and texts, nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from shared.core.errors import InvalidSetting

PACKAGE = Path(__file__).resolve().parents[2]


def read_layers(folders: Sequence[str]) -> list[Mapping[str, str]]:
    """Read each folder's ``*.yaml`` files in name order; a relative folder is the app's.

    Raises:
        InvalidSetting: A folder does not exist or holds no rule file, or a file cannot be
            read as UTF-8.
    """
    return [_layer(folder) for folder in folders]


def _layer(folder: str) -> Mapping[str, str]:
    path = PACKAGE / folder
    files = sorted(path.glob("*.yaml")) if path.is_dir() else []
    if not files:
        raise InvalidSetting(
            f"NIGHTSHIFT_RULES names {folder!r}, which holds no *.yaml file; "
            "name folders of rule files, with commas"
        )
    try:
        return {f"{folder}/{file.name}": file.read_text(encoding="utf-8") for file in files}
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSetting(f"reading rule folder {folder!r}: {error}") from error
