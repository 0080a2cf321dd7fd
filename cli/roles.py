"""Write infra/bicep/modules/roles.json: what the custom roles grant, from the role table.

``make roles`` writes the file, ``make check`` compares it. The Bicep modules read their
operations from it and name none themselves, so ``shared/core/operations.py`` stays the one
place where a power is written down.

A remediation is granted what its verbs need; what its facts need is in ``observe``, which
every deployment has.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from shared import surveys
from shared.core.operations import (
    ACKNOWLEDGE,
    CHECKUP,
    READS,
    RECONCILE,
    VERBS,
    Operations,
)
from shared.core.remediation import Remediation
from shared.remediations import discover

OBSERVE = (
    *READS.values(),
    *(Operations(one.actions) for one in surveys.discover().values()),
    CHECKUP,
    RECONCILE,
)
"""What every deployment may: look, at the world and at what it was given itself."""
FILE = Path(__file__).parents[1] / "infra" / "bicep" / "modules" / "roles.json"


def roles() -> dict[str, Any]:
    """Return what each role grants."""
    return {
        "observe": _granted(OBSERVE),
        "acknowledge": _granted([ACKNOWLEDGE]),
        "remediations": {one.name: _remediation(one) for one in discover().values()},
    }


def written() -> str:
    """Return the file's text."""
    return json.dumps(roles(), indent=2) + "\n"


def _remediation(one: Remediation) -> dict[str, Any]:
    verbs = sorted(one.verbs)
    return {"verbs": [str(verb) for verb in verbs], **_granted(VERBS[verb] for verb in verbs)}


def _granted(needed: Iterable[Operations]) -> dict[str, list[str]]:
    """Add operations up, each once; Azure does not mind their case, so neither do we."""
    actions: dict[str, str] = {}
    data_actions: dict[str, str] = {}
    for one in needed:
        actions |= {name.casefold(): name for name in one.actions}
        data_actions |= {name.casefold(): name for name in one.data_actions}
    return {
        "actions": [actions[key] for key in sorted(actions)],
        "dataActions": [data_actions[key] for key in sorted(data_actions)],
    }


if __name__ == "__main__":
    sys.stdout.write(written())
