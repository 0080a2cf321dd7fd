"""How carefully new rules are taken; part of the settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from shared.core.setting_words import setting


@dataclass(frozen=True, slots=True)
class RolloutSettings:
    """Whether a new version of a container's rules is tried in some scopes first."""

    rules_canary: int = field(
        default=0,
        metadata=setting(
            "NIGHTSHIFT_RULES_CANARY",
            "percent of the resource groups in which a new version of that "
            "container's rules is tried first, 0 to 100; 0: it counts everywhere at once",
        ),
    )
    rules_canary_soak: timedelta = field(
        default=timedelta(hours=4),
        metadata=setting(
            "NIGHTSHIFT_RULES_CANARY_SOAK",
            "how long such a version is tried before it counts everywhere, 1m to 7d",
        ),
    )
    rules_canary_failures: int = field(
        default=2,
        metadata=setting(
            "NIGHTSHIFT_RULES_CANARY_FAILURES",
            "how many of its plans must fail, and a larger share than elsewhere, "
            "before it is taken back, 1 to 100",
        ),
    )
