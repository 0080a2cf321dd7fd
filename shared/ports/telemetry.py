"""Traces and metrics: what an operator watches. Never a part of what is decided.

Losing telemetry loses no record: the ledger and the audit are the truth. So nothing here
raises, nothing waits, and without a receiver all of it costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Protocol

Value = str | int | float | bool
NOTHING: Mapping[str, Value] = MappingProxyType({})


class Span(Protocol):
    """What is going on now."""

    def note(self, **attributes: Value) -> None:
        """Say more about it; the last word on a name counts."""
        ...


@dataclass(frozen=True, slots=True)
class Told:
    """A span that has ended.

    Attributes:
        about: Id of the event it belongs to: it names the trace.
        own: What the span itself is named after, so that others can be within it;
            empty for a name that nobody needs.
        within: What the span around it is named after; empty for the event itself.
        link: A ``traceparent`` of another trace that led to this one, or empty.
        attributes: Names and reasons, never a payload, a header or a token.
    """

    name: str
    about: str
    began: datetime
    ended: datetime
    attributes: Mapping[str, Value] = field(default_factory=dict)
    own: str = ""
    within: str = ""
    link: str = ""
    is_failed: bool = False


class Telemetry(Protocol):
    """Somebody who watches, or nobody."""

    @property
    def is_on(self) -> bool:
        """Tell whether anybody does; whoever would do much to find out asks first."""
        ...

    def span(
        self, name: str, *, about: str, attributes: Mapping[str, Value] = NOTHING
    ) -> AbstractContextManager[Span]:
        """Tell of what is done inside, from its begin to its end, errors included."""
        ...

    def told(self, span: Told) -> None:
        """Tell of something that has ended already."""
        ...

    def count(self, name: str, value: int = 1, **labels: str) -> None:
        """Add to a counter; names and labels as ``shared.core.tracing.METRICS`` has them."""
        ...

    def measure(self, name: str, value: float, **labels: str) -> None:
        """Add to a distribution."""
        ...

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Say how much there is now."""
        ...


class _Unheard:
    """A span that nobody hears of."""

    def note(self, **attributes: Value) -> None:
        """Say nothing."""


_UNHEARD = _Unheard()


class Nobody:
    """Implements ``Telemetry`` where nobody watches."""

    is_on = False

    @contextmanager
    def span(
        self,
        name: str,  # noqa: ARG002 - the port's
        *,
        about: str,  # noqa: ARG002 - the port's
        attributes: Mapping[str, Value] = NOTHING,  # noqa: ARG002 - the port's
    ) -> Iterator[Span]:
        """Do what is inside."""
        yield _UNHEARD

    def told(self, span: Told) -> None:
        """Say nothing."""

    def count(self, name: str, value: int = 1, **labels: str) -> None:
        """Say nothing."""

    def measure(self, name: str, value: float, **labels: str) -> None:
        """Say nothing."""

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Say nothing."""
