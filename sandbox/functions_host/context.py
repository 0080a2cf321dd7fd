"""The `context` and `func.Out` objects a function may ask for.

Values only: nothing here runs a function.
"""

import secrets
import threading
from dataclasses import dataclass
from typing import Any

import azure.functions as func
from azure.functions import _abc as abc_


class OutValue(func.Out[Any]):
    """Hold what a function sets on an output parameter until it returns."""

    def __init__(self) -> None:
        self._value: Any = None

    def set(self, val: Any) -> None:
        """Keep the value, replacing an earlier one."""
        self._value = val

    def get(self) -> Any:
        """Give the value last set, or None."""
        return self._value


class _TraceContext(abc_.TraceContext):
    """A W3C trace of its own for each invocation; no trace arrives from outside."""

    def __init__(self) -> None:
        self._parent = f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-00"

    @property
    def trace_state(self) -> str:
        return ""

    @property
    def trace_parent(self) -> str:
        return self._parent

    @property
    def attributes(self) -> dict[str, str]:
        return {}


class _RetryContext(abc_.RetryContext):
    """Which try this is."""

    def __init__(self, count: int, most: int) -> None:
        self._count, self._most = count, most

    @property
    def retry_count(self) -> int:
        return self._count

    @property
    def max_retry_count(self) -> int:
        return self._most

    @property
    def exception(self) -> Any:
        return None


@dataclass(frozen=True)
class Invocation:
    """What identifies one invocation."""

    invocation_id: str
    function: str
    folder: str
    retry_count: int = 0
    max_retry_count: int = 0


class InvocationContext(func.Context):
    """What a function reads from its ``context`` argument."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self._local = threading.local()
        self._trace = _TraceContext()

    @property
    def invocation_id(self) -> str:
        """The id that the log line of this invocation has too."""
        return self._invocation.invocation_id

    @property
    def function_name(self) -> str:
        """The function's name."""
        return self._invocation.function

    @property
    def function_directory(self) -> str:
        """The folder of the app."""
        return self._invocation.folder

    @property
    def thread_local_storage(self) -> Any:
        """Storage of the thread the function runs in."""
        return self._local

    @property
    def trace_context(self) -> abc_.TraceContext:
        """The W3C trace of this invocation."""
        return self._trace

    @property
    def retry_context(self) -> abc_.RetryContext:
        """Say which try this is."""
        return _RetryContext(self._invocation.retry_count, self._invocation.max_retry_count)
