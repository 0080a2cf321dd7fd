"""The app looks at itself: rights, storage, clock, rules, plans, forwarders.

Each check is asked beside the others and for itself: what goes wrong in one is that one's
finding, and hides no other. Reads only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from shared.core.errors import AutomationError
from shared.core.findings import Finding, Verdict
from shared.core.version import VERSION
from shared.core.wire import write_moment
from shared.engine.checkup import forwarders, roles, storage, work
from shared.engine.checkup.asked import Asked
from shared.engine.night import Night

__all__ = ["CHECKS", "Asked", "about", "look"]

PATIENCE_S = 20.0
Check = Callable[[Night, Asked], Awaitable[list[Finding]]]
CHECKS: Mapping[str, Check] = {
    "identity": roles.identity,
    "roles": roles.roles,
    "tables": storage.tables,
    "queues": storage.queues,
    "containers": storage.containers,
    "dead_letters": storage.dead_letters,
    "clock": storage.clock,
    "rules": work.rules,
    "plans": work.plans,
    "export": work.export,
    "ingestion": work.ingestion,
    "forwarders": forwarders.forwarders,
}


async def look(night: Night, asked: Asked) -> list[Finding]:
    """Ask every check, or those that are asked for."""
    wanted = [(name, one) for name, one in CHECKS.items() if asked.wants(name)]
    found = await asyncio.gather(*(_one(night, asked, name, one) for name, one in wanted))
    return [finding for some in found for finding in some]


async def _one(night: Night, asked: Asked, name: str, check: Check) -> list[Finding]:
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await check(night, asked)
    except TimeoutError:
        why = f"it took longer than {PATIENCE_S:g} s"
    except AutomationError as error:
        why = str(error)
    except Exception as error:  # noqa: BLE001 - one check's defect must not hide the others
        why = f"a defect of this check: {type(error).__name__}: {error}"
    return [Finding(name, Verdict.UNKNOWN, f"could not look: {why}", advice=_advice(why))]


def _advice(why: str) -> str:
    if "grant the app's identity the role" in why:
        return "docs/DOCTOR.md#roles says which command grants it"
    return "ask again; if it stays so, read the app's log"


def about(night: Night) -> dict[str, Any]:
    """Say what a person's command line needs to know to look around the app; no secret."""
    settings = night.settings
    return {
        **night.ports.upkeep.premises.about(),
        "version": VERSION,
        "now": write_moment(night.ports.clock.now()),
        "subscriptions": list(settings.subscriptions),
        "workspaces": list(settings.workspaces),
        "storage_account": storage.account_name(settings),
        "has_storage_key": bool(settings.storage),
        "ingestion_endpoint": settings.ingestion_endpoint,
        "ingestion_rule": settings.ingestion_rule,
        "streams": {
            "NightshiftPlans_CL": settings.plans_stream,
            "NightshiftSteps_CL": settings.steps_stream,
            "NightshiftDecisions_CL": settings.decisions_stream,
        },
        "outcome_topic": settings.outcome_topic,
        "app_service_auth": settings.app_service_auth,
        "acknowledge": settings.acknowledge,
        "is_dry_run": settings.dry_run,
        "telemetry": settings.telemetry,
    }
