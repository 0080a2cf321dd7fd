"""The machine's clock, and a name that no other worker has."""

from __future__ import annotations

import os
import socket
import uuid
from datetime import UTC, datetime


class SystemClock:
    """The only reader of the present time in the app."""

    def now(self) -> datetime:
        """Return the present, timezone-aware UTC."""
        return datetime.now(UTC)

    def token(self) -> str:
        """Return a fresh name for a lease's owner: where it runs, then chance.

        Host and process help a person who reads the ledger; only the last part is what
        makes it nobody else's, for instances may share both.
        """
        return f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex}"
