"""Settings as a rule file writes them: the inverse of ``shared.rules.settings``."""

from __future__ import annotations

import dataclasses
from datetime import timedelta
from enum import Enum
from typing import Any

from shared.core.durations import format_duration


def as_yaml(value: object) -> object:
    """Turn a setting back into what a rule file says: the inverse of ``convert``."""
    match value:
        case timedelta():
            return format_duration(value)
        case Enum():
            return value.value
        case tuple():
            return [as_yaml(item) for item in value]
        case _:
            return value


def settings_as_yaml(settings: Any) -> dict[str, object]:
    """Write every setting, given or default, as a rule file would."""
    return {
        field.name: as_yaml(getattr(settings, field.name))
        for field in dataclasses.fields(settings)
    }
