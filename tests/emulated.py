"""The storage emulator's account, as the adapters open it: nothing of it needs an identity."""

from __future__ import annotations

from typing import NoReturn

from shared.adapters.storage import Storage
from shared.core.settings import Settings


def emulated_storage(connection: str) -> Storage:
    """Open an account by its connection string; whoever opens it closes it."""
    return Storage(Settings(storage=connection), no_identity)


def no_identity() -> NoReturn:
    """Fail: a connection string needs no identity."""
    raise AssertionError("the identity was asked for")
