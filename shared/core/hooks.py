"""How the local hook of a machine's forwarder ended, as it was told of a notice. Pure.

The forwarder starts it before any network answers, and tells afterwards. What it told is a
record of the notice beside those of its phases, and asks no rule.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.core.acknowledging import HOOK, Heard, is_of_hook
from shared.core.resource_ids import same_resource

EXIT_CODE = "hook_exit_code"
"""The signal's attribute."""


def hook_phase(phase: str) -> str:
    """Name the record of a hook's end."""
    return f"{phase}+{HOOK}"


def hook_exit_code(records: Sequence[Heard], target: str) -> int | None:
    """Return how the hook on a machine ended; None while nobody told."""
    for record in records:
        if is_of_hook(record.phase) and same_resource(record.target, target):
            found = (record.signal.get("attributes") or {}).get(EXIT_CODE)
            return found if type(found) is int else None
    return None
