"""What stands around the app, read with a person's own sign-in: one module an area.

The app's identity is given as few rights as can be, and reading Event Grid, action groups
and alert rules is none of them. Whoever deploys can read them, so these checks run there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

from cli.doctor_wiring import (
    account,
    alerts,
    audit_rule,
    event_subscriptions,
    site,
    topics,
)
from cli.doctor_wiring.place import Place
from shared.core.errors import AutomationError, Forbidden
from shared.core.findings import Finding, Verdict

__all__ = ["CHECKS", "Place", "look"]

PATIENCE_S = 120.0
Check = Callable[[Place], Awaitable[list[Finding]]]
CHECKS: Mapping[str, Check] = {
    "app": site.app,
    "functions": site.functions,
    "sign_in": site.sign_in,
    "account": account.account,
    "event_subscriptions": event_subscriptions.event_subscriptions,
    "topics": topics.topics,
    "audit_rule": audit_rule.audit_rule,
    "alerts": alerts.alerts,
}


async def look(place: Place, skipped: Iterable[str]) -> list[Finding]:
    """Ask every check that is not skipped; none of them hides another."""
    wanted = [(name, one) for name, one in CHECKS.items() if name not in set(skipped)]
    found = await asyncio.gather(*(_one(place, name, one) for name, one in wanted))
    return [finding for some in found for finding in some]


async def _one(place: Place, name: str, check: Check) -> list[Finding]:
    advice = "ask again; `az login` if your own sign-in is over"
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await check(place)
    except Forbidden as error:
        why = str(error)
        advice = (
            "you need Reader yourself: az role assignment create --role Reader --scope "
            f"{place.subscription} --assignee YOU"
        )
    except (AutomationError, TimeoutError) as error:
        why = str(error) or "it took too long"
    except Exception as error:  # noqa: BLE001 - one check's defect must not hide the others
        why = f"a defect of this check: {type(error).__name__}: {error}"
    return [Finding(name, Verdict.UNKNOWN, f"could not look: {why}", advice=advice)]
