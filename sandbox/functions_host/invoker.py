"""Run one function once: on the loop or in a thread, timed, logged, its outputs sent.

The one place where an app's exception is caught. It decides nothing about
retries: the listener that asked for the invocation does that from the outcome.
"""

import asyncio
import contextvars
import json
import sys
import time
import traceback
import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TextIO

from sandbox.functions_host.context import Invocation, InvocationContext, OutValue
from sandbox.functions_host.loading import RETURN, Binding, LoadedFunction

SendOutput = Callable[[Binding, object], Awaitable[None]]


@dataclass(frozen=True)
class Outcome:
    """How one invocation ended; ``value`` is what the function returned."""

    succeeded: bool
    value: Any = None


@dataclass(frozen=True)
class Attempt:
    """Which try of how many this is, for functions with a retry policy."""

    retry_count: int = 0
    max_retry_count: int = 0


class Invoker:
    """Run functions and write one JSON line about each invocation."""

    def __init__(
        self,
        folder: Path,
        send_output: SendOutput,
        timeout: timedelta | None,
        log: TextIO = sys.stdout,
        errors: TextIO = sys.stderr,
    ) -> None:
        self._folder = folder
        self._send_output = send_output
        self._timeout_s = timeout.total_seconds() if timeout else None
        self._log, self._errors = log, errors
        self._threads = ThreadPoolExecutor(thread_name_prefix="function")
        self._running: set[asyncio.Task[Any]] = set()

    async def invoke(
        self, function: LoadedFunction, argument: object, attempt: Attempt = Attempt()
    ) -> Outcome:
        """Run the function to its end, its failure or the function timeout.

        Each invocation is a task of its own, so that stopping the host can wait
        for invocations rather than for the connections or pollers behind them.
        """
        task = asyncio.create_task(self._timed(function, argument, attempt))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await task

    async def _timed(
        self, function: LoadedFunction, argument: object, attempt: Attempt
    ) -> Outcome:
        invocation_id = str(uuid.uuid4())
        started = time.monotonic()
        status, value = "cancelled", None
        try:
            async with asyncio.timeout(self._timeout_s) as limit:
                value = await self._call(function, argument, invocation_id, attempt)
            status = "succeeded"
        except Exception as exc:  # noqa: BLE001 - whatever the app raises is its failure, not ours
            timed_out = isinstance(exc, TimeoutError) and limit.expired()
            status = "timed_out" if timed_out else "failed"
            self._report(function, invocation_id, exc)
        finally:
            self._record(function, invocation_id, status, time.monotonic() - started)
        return Outcome(succeeded=status == "succeeded", value=value)

    async def drain(self, grace_s: float) -> None:
        """Let running invocations end, then cancel those still there."""
        if self._running:
            await asyncio.wait(self._running, timeout=grace_s)
        left = tuple(self._running)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _call(
        self, function: LoadedFunction, argument: object, invocation_id: str, attempt: Attempt
    ) -> object:
        outs = {b["name"]: OutValue() for b in function.outputs if b["name"] != RETURN}
        arguments: dict[str, object] = {function.trigger["name"]: argument, **outs}
        if function.wants_context:
            arguments["context"] = InvocationContext(
                Invocation(
                    invocation_id,
                    function.name,
                    str(self._folder),
                    attempt.retry_count,
                    attempt.max_retry_count,
                )
            )
        value = await self._run(function, arguments)
        for binding in function.outputs:
            if binding["type"] == "http":
                continue
            is_return = binding["name"] == RETURN
            sent = value if is_return else outs[binding["name"]].get()
            if sent is not None:
                await self._send_output(binding, sent)
        return value

    async def _run(self, function: LoadedFunction, arguments: dict[str, object]) -> object:
        if function.is_async:
            return await function.call(**arguments)
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: context.run(function.call, **arguments)
        )

    def _record(
        self, function: LoadedFunction, invocation_id: str, status: str, seconds: float
    ) -> None:
        line = {
            "function": function.name,
            "invocation_id": invocation_id,
            "status": status,
            "ms": round(seconds * 1000, 1),
        }
        print(json.dumps(line), file=self._log, flush=True)

    def _report(self, function: LoadedFunction, invocation_id: str, exc: Exception) -> None:
        trace = "".join(traceback.format_exception(exc))
        print(
            f"{function.name} {invocation_id} failed\n{trace}", file=self._errors, flush=True
        )
