"""The arithmetic of disruption budgets.

Pure. How many healthy pods a budget wants, and how many it can spare.

Source: https://github.com/kubernetes/kubernetes/blob/master/pkg/controller/disruption/disruption.go
"""

from dataclasses import dataclass

from sandbox.kubernetes.resources import Manifest


@dataclass(frozen=True)
class Balance:
    """What a budget stands at; ``allowed`` evictions may be accepted now."""

    expected: int
    desired: int
    healthy: int

    @property
    def allowed(self) -> int:
        """How many healthy pods may go; none while no pod is expected."""
        return max(0, self.healthy - self.desired) if self.expected > 0 else 0


def scaled(value: int | str, total: int) -> int:
    """Turn a count or a percentage of ``total`` into a count, percentages rounded up.

    Rounding up holds for both sides: ``minAvailable: 30%`` of 7 wants 3, and
    ``maxUnavailable: 30%`` of 7 allows 3.

    Raises:
        ValueError: neither an integer nor a percentage.

    Source: https://kubernetes.io/docs/tasks/run-application/configure-pdb/
    """
    if isinstance(value, int):
        return value
    if not value.endswith("%") or not value[:-1].isdigit():
        raise ValueError(
            f"invalid value for IntOrString: invalid type: {value!r} is no percentage"
        )
    return -(-int(value[:-1]) * total // 100)


def balance(spec: Manifest, *, matching: int, scale: int, healthy: int) -> Balance:
    """Weigh a budget.

    Args:
        spec: The budget's spec.
        matching: How many pods its selector matches, of any phase.
        scale: The sum of the replicas that the matching pods' controllers want.
        healthy: How many of them are Ready and not being deleted.

    Raises:
        ValueError: ``minAvailable`` or ``maxUnavailable`` cannot be read.
    """
    maximum, minimum = spec.get("maxUnavailable"), spec.get("minAvailable")
    if maximum is not None:
        return Balance(scale, max(0, scale - scaled(maximum, scale)), healthy)
    if isinstance(minimum, int):
        return Balance(matching, minimum, healthy)
    if minimum is not None:
        return Balance(scale, scaled(minimum, scale), healthy)
    return Balance(0, 0, healthy)


def needs_scale(spec: Manifest) -> bool:
    """Whether the budget asks its pods' controllers how many replicas there should be."""
    return spec.get("maxUnavailable") is not None or isinstance(spec.get("minAvailable"), str)
