"""Tables of one storage account: rows in, rows out, made when first missed.

Knows the library and its errors; knows nothing of plans. A table is created by the
first call that finds it missing, so that a start pays for no call that is needed once
in a deployment's life.

Source: https://learn.microsoft.com/rest/api/storageservices/table-service-error-codes
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from shared.adapters.azure_errors import error_code, status_of, translated
from shared.adapters.storage import Storage
from shared.core.errors import StaleFacts

if TYPE_CHECKING:
    from azure.data.tables.aio import TableClient

ROLE = "Storage Table Data Contributor"
CALL_LIMIT_S = 10.0
"""The library obeys any Retry-After and counts each try's time alone; this counts all."""
# Any other 404 may be a missing table: a write that asks for no content gets no code.
_ROW_MISSING = frozenset({"ResourceNotFound", "EntityNotFound"})
Operation = tuple[str, Mapping[str, Any]] | tuple[str, Mapping[str, Any], Mapping[str, Any]]
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Found:
    """A row and the version it was read at."""

    row: Mapping[str, Any]
    etag: str


def unchanged(etag: str) -> dict[str, Any]:
    """Say that a write only counts if the row is still at this version."""
    from azure.core import MatchConditions

    return {"etag": etag, "match_condition": MatchConditions.IfNotModified}


class TableStore:
    """Rows by key, by query and by transaction; every error is one of ours."""

    def __init__(self, storage: Storage, prefix: str) -> None:
        """Remember the account; tables are called ``{prefix}{table}``."""
        self._storage = storage
        self._prefix = prefix
        self._clients: dict[str, TableClient] = {}

    def _client(self, table: str) -> TableClient:
        name = f"{self._prefix}{table}"
        if name not in self._clients:
            self._clients[name] = self._storage.tables.get_table_client(name)
        return self._clients[name]

    async def _call(
        self,
        table: str,
        doing: str,
        operation: Callable[[TableClient], Awaitable[_Result]],
        *,
        is_update: bool = False,
    ) -> _Result:
        """Do one operation, making its table if that is what it lacks."""
        where = f"{doing} in table {self._prefix}{table}"
        instead = {HTTPStatus.NOT_FOUND.value: StaleFacts} if is_update else {}
        async with translated(where, role=ROLE, instead=instead):
            async with asyncio.timeout(CALL_LIMIT_S):
                return await self._made(self._client(table), operation)

    async def _made(
        self, client: TableClient, operation: Callable[[TableClient], Awaitable[_Result]]
    ) -> _Result:
        from azure.core.exceptions import HttpResponseError, ResourceExistsError

        try:
            return await operation(client)
        except HttpResponseError as exc:
            if status_of(exc) != HTTPStatus.NOT_FOUND or error_code(exc) in _ROW_MISSING:
                raise
        try:
            await client.create_table()
        except ResourceExistsError as exc:
            if error_code(exc) != "TableAlreadyExists":
                raise
        return await operation(client)

    async def read(self, table: str, key: tuple[str, str]) -> Found | None:
        """Return one row, or None."""
        from azure.core.exceptions import ResourceNotFoundError

        async def operation(client: TableClient) -> Found | None:
            try:
                entity = await client.get_entity(*key)
            except ResourceNotFoundError as exc:
                if error_code(exc) in _ROW_MISSING:
                    return None
                raise
            return Found(entity, str(entity.metadata["etag"]))

        return await self._call(table, "reading a row", operation)

    async def query(
        self,
        table: str,
        where: str,
        values: dict[str, str],
        *,
        limit: int | None = None,
        columns: list[str] | None = None,
    ) -> list[Found]:
        """Return the rows that a filter names, in the order of their keys.

        Args:
            where: OData filter with ``@name`` for each of ``values``; empty for all.
            limit: How many at most.
            columns: All that is wanted of each row; None for the whole row.
        """

        async def operation(client: TableClient) -> list[Found]:
            size = min(limit, 1000) if limit else None
            found: list[Found] = []
            pages = client.query_entities(
                where, parameters=values, results_per_page=size, select=columns
            )
            async for entity in pages:
                found.append(Found(entity, str(entity.metadata["etag"])))
                if len(found) == limit:
                    break
            return found

        return await self._call(table, "querying rows", operation)

    async def insert(self, table: str, row: Mapping[str, Any]) -> str:
        """Store a new row and return its version.

        Raises:
            StaleFacts: There is one of that key.
        """
        written = await self._call(
            table, "inserting a row", lambda client: client.create_entity(dict(row))
        )
        return str(written["etag"])

    async def replace(self, table: str, row: Mapping[str, Any], etag: str) -> str:
        """Replace a row and return its new version.

        Raises:
            StaleFacts: It is not at ``etag`` any more.
        """
        written = await self._call(
            table,
            "replacing a row",
            lambda client: client.update_entity(dict(row), mode="replace", **unchanged(etag)),
            is_update=True,
        )
        return str(written["etag"])

    async def save(self, table: str, row: Mapping[str, Any], etag: str) -> str:
        """Store a row that nobody wrote since it was read; return its new version.

        Args:
            etag: The version that was read; empty if there was no row.

        Raises:
            StaleFacts: Somebody wrote meanwhile: read again.
        """
        if etag:
            return await self.replace(table, row, etag)
        return await self.insert(table, row)

    async def put(self, table: str, row: Mapping[str, Any]) -> None:
        """Store a row whether there is one or not."""
        await self._call(
            table,
            "storing a row",
            lambda client: client.upsert_entity(dict(row), mode="replace"),
        )

    async def merge(self, table: str, row: Mapping[str, Any]) -> None:
        """Store these properties of a row, which may be there with others."""
        await self._call(
            table,
            "merging a row",
            lambda client: client.upsert_entity(dict(row), mode="merge"),
        )

    async def drop(self, table: str, key: tuple[str, str], *, etag: str = "") -> None:
        """Delete a row; one that is gone is gone.

        Raises:
            StaleFacts: It is not at ``etag`` any more, if one was given.
        """
        only = unchanged(etag) if etag else {}
        await self._call(
            table, "deleting a row", lambda client: client.delete_entity(*key, **only)
        )

    async def transact(self, table: str, operations: Sequence[Operation]) -> list[str]:
        """Do all of it or nothing, within one partition; return the new versions.

        Raises:
            StaleFacts: A row exists that should not, or is at another version.
        """
        written = await self._call(
            table,
            "changing rows together",
            lambda client: client.submit_transaction(list(operations)),
            is_update=True,
        )
        return [str(part.get("etag", "")) for part in written]
