"""Whether a machine is used, by what its metrics say: proven idle, busy, or not known.

Whatever could not be read means "not known", and not known is never idle. Pure.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from shared.core.decisions import Reason
from shared.core.facts import MachineFacts, Utilisation
from shared.core.resource_ids import ML_COMPUTE


class Quiet(Protocol):
    """What a rule says about being idle; settings of a remediation."""

    @property
    def idle_for(self) -> timedelta:
        """How long everything must have been quiet."""
        ...

    @property
    def cpu_below(self) -> float:
        """Busiest five minutes of the processor, fraction 0..1."""
        ...

    @property
    def gpu_below(self) -> float:
        """The same of the GPU."""
        ...

    @property
    def network_below(self) -> float:
        """Busiest five minutes of the network, bytes a second."""
        ...

    @property
    def coverage(self) -> float:
        """Share of the window's points that must have a value, 0..1."""
        ...


def must_be_sensible(wanted: Quiet) -> None:
    """Refuse what would make every machine idle, or none.

    Raises:
        ValueError: It would.
    """
    for name in ("cpu_below", "gpu_below", "coverage"):
        if not 0 < getattr(wanted, name) <= 1:
            raise ValueError(f"{name} is a fraction: write above 0, at most 1 (5 % is 0.05)")
    if wanted.network_below <= 0:
        raise ValueError("network_below is in bytes a second: write a number above 0")
    if wanted.idle_for < timedelta(minutes=15):
        raise ValueError("idle_for must be at least 15m: metrics come late")


def unknown_use(facts: MachineFacts, wanted: Quiet) -> str:
    """Say what is not known, or nothing if all is."""
    use = facts.utilisation
    if use is None:
        return "its metrics could not be read"
    if facts.has_gpu is None:
        return "its size is unknown, and so whether it has a GPU"
    if use.cpu is None:
        return "no processor metric"
    if facts.has_gpu and use.gpu is None:
        return "it has a GPU and no GPU metric"
    if use.network is None and facts.resource.type != ML_COMPUTE:
        return "no network metric"
    if use.window < wanted.idle_for:
        return "the metrics cover less than the idle time asked for"
    if use.samples < wanted.coverage * use.expected_samples or not use.samples:
        return f"{use.samples} of {use.expected_samples} points have a value"
    return ""


def busy_with(use: Utilisation | None, wanted: Quiet) -> str:
    """Say what is busy, or nothing if all that is known is quiet."""
    if use is None:
        return ""
    if use.cpu is not None and use.cpu >= wanted.cpu_below:
        return f"processor at {use.cpu:.1%}"
    if use.gpu is not None and use.gpu >= wanted.gpu_below:
        return f"GPU at {use.gpu:.1%}"
    if use.network is not None and use.network >= wanted.network_below:
        return f"network at {use.network:.0f} B/s"
    return ""


def no_longer_quiet(facts: MachineFacts, wanted: Quiet) -> Reason | None:
    """Say why a stop that was decided on must not begin: use, or not to know of it."""
    if busy_with(facts.utilisation, wanted):
        return Reason.BUSY
    return Reason.NO_DATA if unknown_use(facts, wanted) else None
