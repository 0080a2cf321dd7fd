"""Rule files in a blob container of the app's own account, and the last good version.

The container is a person's: it is listed and read, never written. What loaded is kept
among the app's own records, each version as a document that is never overwritten, and a
small one beside them that names the last.

    nightshift-records/rules-<version>.json     a version's files, as they loaded
    nightshift-records/rules-last-good.json     which of them was seen last
    nightshift-records/rules-rollout.json       which of them counts where

Source: https://learn.microsoft.com/rest/api/storageservices/list-blobs (a page of at most
5,000, each with its ETag), .../specifying-conditional-headers-for-blob-service-operations
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from shared.adapters.azure_errors import Mapped, error_code, translated
from shared.adapters.blob_records import CALL_LIMIT_S, ROLE, BlobRecords
from shared.adapters.storage import Storage
from shared.core.errors import InvalidTarget, StaleFacts
from shared.core.rollouts import Rollout, rollout_of, rollout_to_json
from shared.core.wire import write_moment
from shared.ports.rule_source import GoodVersion, RuleBlob

if TYPE_CHECKING:
    from azure.storage.blob.aio import BlobClient, ContainerClient

READER = "Storage Blob Data Reader"
MOST_BLOBS = 5000
TRIES = 4
_LAST_GOOD = "rules-last-good.json"
_ROLLOUT = "rules-rollout.json"


class BlobRules:
    """Implements ``shared.ports.rule_source.RuleSource``."""

    def __init__(
        self,
        storage: Storage,
        container: str,
        *,
        prefix: str = "nightshift",
        most: int = MOST_BLOBS,
    ) -> None:
        """Remember the account; the first call connects.

        Args:
            prefix: Of the container ``{prefix}-records``.
            most: How many blobs one listing may have, at most 5,000.
        """
        self._storage = storage
        self._records = BlobRecords(storage, prefix)
        self._own = f"{prefix}-records"
        self._container = container
        self._most = most

    @property
    def name(self) -> str:
        """The container's name."""
        return self._container

    async def listing(self) -> Sequence[RuleBlob]:
        """List the container's top level, in one call; what is in folders is not seen."""

        def missing(_: str) -> InvalidTarget:
            return InvalidTarget(
                f"there is no container {self._container}; create it, or leave "
                "NIGHTSHIFT_RULES_CONTAINER empty"
            )

        doing = f"listing rules in container {self._container}"
        instead: Mapping[int, Mapped] = {HTTPStatus.NOT_FOUND: missing}
        async with translated(doing, role=READER, instead=instead):
            async with asyncio.timeout(CALL_LIMIT_S):
                return await self._listed(self._opened())

    async def _listed(self, container: ContainerClient) -> list[RuleBlob]:
        from azure.storage.blob import BlobProperties

        pages = container.walk_blobs(delimiter="/", results_per_page=self._most).by_page()
        found = [one async for one in await anext(pages)]
        if getattr(pages, "continuation_token", None):
            raise InvalidTarget(
                f"container {self._container} holds more than {self._most} blobs; keep rule "
                "files in a container of their own"
            )
        return [
            RuleBlob(one.name, str(one.etag).strip('"'), int(one.size))
            for one in found
            if isinstance(one, BlobProperties)
        ]

    async def read(self, blob: RuleBlob) -> bytes:
        """Read a blob as long as it is the version that was listed."""
        from azure.core import MatchConditions

        doing = f"reading {blob.name} in container {self._container}"
        async with translated(
            doing,
            role=READER,
            instead={HTTPStatus.NOT_FOUND: StaleFacts, HTTPStatus.CONFLICT: InvalidTarget},
        ):
            async with asyncio.timeout(CALL_LIMIT_S):
                stream = await self._opened().download_blob(
                    blob.name,
                    etag=f'"{blob.etag}"',
                    match_condition=MatchConditions.IfNotModified,
                )
                return await stream.readall()

    async def last_good(self) -> GoodVersion | None:
        """Read which version was kept last, and that version."""
        try:
            last = await self._records.read(_LAST_GOOD)
            document = await self._records.read(_document(str(last["id"]))) if last else None
            if last is None or document is None:
                return None
            texts = {str(name): str(text) for name, text in document["texts"].items()}
            seen_at = datetime.fromisoformat(last["seen_at"])
            is_ours = last["container"] == self._container
        except (KeyError, ValueError, TypeError, AttributeError) as exc:
            raise InvalidTarget(f"{_LAST_GOOD} was not written by this app: {exc!r}") from exc
        return GoodVersion(str(last["id"]), seen_at, texts) if is_ours else None

    async def keep(self, good: GoodVersion, *, is_last: bool = True) -> None:
        """Store the version, then name it as the last, unless a later one is named."""
        await self._records.keep(_document(good.id), {"texts": dict(good.texts)})
        if not is_last:
            return
        doing = f"keeping {_LAST_GOOD} in container {self._own}"
        async with translated(doing, role=ROLE):
            async with asyncio.timeout(CALL_LIMIT_S):
                await self._point(good)

    async def _point(self, good: GoodVersion) -> None:
        from azure.core.exceptions import ResourceExistsError, ResourceModifiedError

        blob = self._blob(_LAST_GOOD)
        said = {
            "id": good.id,
            "container": self._container,
            "seen_at": write_moment(good.seen_at),
        }
        for attempt in range(TRIES):
            last, condition = await _pointer(blob)
            is_later = str(last.get("seen_at", "")) >= str(said["seen_at"])
            is_known = last.get("id") == good.id
            if last.get("container") == self._container and (is_later or is_known):
                return
            try:
                await blob.upload_blob(json.dumps(said).encode(), overwrite=True, **condition)
            except (ResourceExistsError, ResourceModifiedError):
                if attempt == TRIES - 1:
                    raise
            else:
                return

    async def kept(self, version: str) -> Mapping[str, str] | None:
        """Read the files of a version."""
        document = await self._records.read(_document(version))
        try:
            return None if document is None else dict(document["texts"].items())
        except (KeyError, AttributeError) as exc:
            name = _document(version)
            raise InvalidTarget(f"{name} was not written by this app: {exc!r}") from exc

    async def rollout(self) -> Rollout:
        """Read which version counts where; of another container it says nothing."""
        from azure.core.exceptions import ResourceNotFoundError

        doing = f"reading {_ROLLOUT} in container {self._own}"
        async with translated(doing, role=ROLE):
            async with asyncio.timeout(CALL_LIMIT_S):
                try:
                    written, condition = await _pointer(self._blob(_ROLLOUT))
                except ResourceNotFoundError as exc:
                    if error_code(exc) != "ContainerNotFound":
                        raise
                    return Rollout()  # nothing was ever kept there
        etag = str(condition.get("etag", ""))
        if not written and etag:
            raise InvalidTarget(f"{_ROLLOUT} was not written by this app: it is no JSON")
        if written.get("container") != self._container:
            return Rollout(etag=etag)
        try:
            return rollout_of(written, etag=etag)
        except (KeyError, ValueError, TypeError, AttributeError) as exc:
            raise InvalidTarget(f"{_ROLLOUT} was not written by this app: {exc!r}") from exc

    async def save_rollout(self, rollout: Rollout) -> Rollout:
        """Write it, if it is still as it was read."""
        from azure.core import MatchConditions
        from azure.core.exceptions import ResourceExistsError, ResourceModifiedError

        condition: dict[str, Any] = (
            {"etag": rollout.etag, "match_condition": MatchConditions.IfNotModified}
            if rollout.etag
            else {"match_condition": MatchConditions.IfMissing}
        )
        body = json.dumps({**rollout_to_json(rollout), "container": self._container}).encode()
        doing = f"writing {_ROLLOUT} in container {self._own}"
        async with translated(doing, role=ROLE):
            async with asyncio.timeout(CALL_LIMIT_S):
                try:
                    written = await self._blob(_ROLLOUT).upload_blob(
                        body, overwrite=True, **condition
                    )
                except (ResourceExistsError, ResourceModifiedError) as exc:
                    raise StaleFacts(f"{_ROLLOUT} was written meanwhile") from exc
        return replace(rollout, etag=str(written["etag"]))

    def _blob(self, name: str) -> BlobClient:
        return self._storage.blobs.get_blob_client(self._own, name)

    def _opened(self) -> ContainerClient:
        return self._storage.blobs.get_container_client(self._container)


async def _pointer(blob: BlobClient) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the pointer says, and what must still be so when it is written."""
    from azure.core import MatchConditions
    from azure.core.exceptions import ResourceNotFoundError

    try:
        stream = await blob.download_blob()
        last = json.loads(await stream.readall())
    except ResourceNotFoundError as exc:
        if error_code(exc) != "BlobNotFound":
            raise
        # "If it is missing": upload_blob takes no condition without overwrite.
        return {}, {"match_condition": MatchConditions.IfMissing}
    except ValueError:
        last = None
    etag = stream.properties.etag
    condition = {"etag": etag, "match_condition": MatchConditions.IfNotModified}
    return last if isinstance(last, dict) else {}, condition


def _document(version: str) -> str:
    return f"rules-{version}.json"
