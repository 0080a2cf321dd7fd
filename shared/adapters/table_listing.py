"""Pages of plans, newest first: the open ones, then the closed ones by day.

A page ends at a place, written so that nobody is tempted to read it; the next page
begins after that place, so plans that open or close meanwhile repeat or skip nothing
that stayed where it was.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import logging
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.adapters.table_store import Found, TableStore
from shared.core.errors import InvalidTarget
from shared.core.plans import Plan
from shared.ports import Clock, PlanPage, StoredPlan

_LOG = logging.getLogger("nightshift")
LARGEST_PAGE = 200
PLANS_AT_ONCE = 16
DAYS_BACK = 31
_AHEAD = timedelta(minutes=5)  # another instance's clock may already be in the next day
_STATES = ("open", "closed", "")
_DAY = re.compile(r"[0-9]{8}")
_ROW = re.compile(r"[0-9a-f-]{1,80}")
Find = Callable[[str], Awaitable[StoredPlan | None]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a plan stands in the list.

    Attributes:
        group: When an open plan was opened, or the UTC day a closed one was closed.
        row: Its row in that group.
    """

    state: str
    group: str
    row: str

    def write(self) -> str:
        """Write the place as one word for an address."""
        text = json.dumps([self.state, self.group, self.row])
        return base64.urlsafe_b64encode(text.encode()).decode()

    @classmethod
    def read(cls, word: str) -> Place:
        """Read a place back.

        Raises:
            InvalidTarget: ``write`` did not write it.
        """
        try:
            state, group, row = json.loads(base64.urlsafe_b64decode(word.encode()))
        except (binascii.Error, ValueError, TypeError) as exc:
            raise InvalidTarget(_NO_PLACE) from exc
        is_text = all(isinstance(part, str) for part in (state, group, row))
        if not is_text or not _ROW.fullmatch(row) or not _is_group(state, group):
            raise InvalidTarget(_NO_PLACE)
        return cls(state, group, row)


_NO_PLACE = "`after` is not a place in the list of plans: give the last page's `next`"


def _is_group(state: str, group: str) -> bool:
    if state != "closed":
        return state == "open"
    try:
        return _DAY.fullmatch(group) is not None and bool(_day(group))
    except ValueError:
        return False


def _day(text: str) -> datetime:
    return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC)


class PlanListing:
    """Reads pages from the ledger's two indexes."""

    def __init__(self, store: TableStore, clock: Clock, find: Find) -> None:
        """Remember where to read.

        Args:
            find: Returns a plan by its id; an index entry may outlive what it names.
        """
        self._store = store
        self._clock = clock
        self._find = find

    async def page(self, *, state: str, limit: int, after: str) -> PlanPage:
        """Return one page.

        Raises:
            InvalidTarget: The question is not one that a list of plans answers.
        """
        if state not in _STATES:
            raise InvalidTarget(
                f"state is {state!r}: it may be open, closed or empty for both"
            )
        if not 1 <= limit <= LARGEST_PAGE:
            raise InvalidTarget(f"limit is {limit}: it may be 1 to {LARGEST_PAGE}")
        start = Place.read(after) if after else None
        if start and state not in {start.state, ""}:
            raise InvalidTarget(f"`after` is a place among {start.state} plans, not {state}")
        listed: list[tuple[Place, Plan]] = []
        async with aclosing(self._all(state, start, limit)) as plans:
            async for one in plans:
                listed.append(one)
                if len(listed) > limit:
                    break
        shown = listed[:limit]
        more = shown[-1][0].write() if len(listed) > limit else ""
        return PlanPage(tuple(plan for _, plan in shown), more)

    async def _all(
        self, state: str, start: Place | None, limit: int
    ) -> AsyncGenerator[tuple[Place, Plan], None]:
        size = min(PLANS_AT_ONCE, limit + 1)
        if state != "closed" and (start is None or start.state == "open"):
            async with aclosing(self._open(start, size)) as plans:
                async for one in plans:
                    yield one
        if state != "open":
            since = start if start and start.state == "closed" else None
            async with aclosing(self._closed(since, size)) as plans:
                async for one in plans:
                    yield one

    async def _open(
        self, start: Place | None, size: int
    ) -> AsyncGenerator[tuple[Place, Plan], None]:
        found = await self._store.query("Open", "", {})
        entries = sorted(
            ((str(one.row["at"]), str(one.row["RowKey"])) for one in found), reverse=True
        )
        if start:
            entries = [entry for entry in entries if entry < (start.group, start.row)]
        for at in range(0, len(entries), size):
            part = entries[at : at + size]
            plans = await self._plans([plan_id for _, plan_id in part])
            for (since, plan_id), plan in zip(part, plans, strict=True):
                if plan is not None and plan.is_open:
                    yield Place("open", since, plan_id), plan

    async def _closed(
        self, start: Place | None, size: int
    ) -> AsyncGenerator[tuple[Place, Plan], None]:
        today = self._clock.now() + _AHEAD
        day, row = (_day(start.group), start.row) if start else (today, "")
        while day >= today - timedelta(days=DAYS_BACK):
            name = f"{day:%Y%m%d}"
            found = await self._after(name, row, size)
            plans = await self._plans([str(one.row["plan"]) for one in found])
            for one, plan in zip(found, plans, strict=True):
                if plan is not None:
                    yield Place("closed", name, str(one.row["RowKey"])), plan
            is_whole = len(found) < size
            row = "" if is_whole else str(found[-1].row["RowKey"])
            day -= timedelta(days=1 if is_whole else 0)

    async def _after(self, day: str, row: str, size: int) -> list[Found]:
        where = "PartitionKey eq @day and RowKey gt @row"
        return await self._store.query("Closed", where, {"day": day, "row": row}, limit=size)

    async def _plans(self, plan_ids: Sequence[str]) -> list[Plan | None]:
        return await asyncio.gather(*(self._plan(plan_id) for plan_id in plan_ids))

    async def _plan(self, plan_id: str) -> Plan | None:
        """Read a plan; one that cannot be read hides none of the others."""
        try:
            stored = await self._find(plan_id)
        except InvalidTarget as error:
            _LOG.warning("plan unreadable: %s", error)
            return None
        return stored.plan if stored else None
