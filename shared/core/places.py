"""Places: where a plan, a failure or a strike is counted, and the keys of the tallies.

All folded:

    plans|rule|{rule}                    plans of one rule
    plans|pool|{ARM id}                  plans on a pool; a scale set is its own pool
    plans|zone|{subscription}/{region}/{zone}
    plans|subscription|{GUID}
    plans|target|{ARM id}                plans on one target
    money|rule|{rule}                    what a rule's plans cost
    canary|rule|{rule}|{rule hash}       the first plans of a rule as it is written now
    breaker|{scope}|{value}              what failed there, and whether that is a storm
    strikes|{rule}|{ARM id}              events about a target

A limit, a budget or a canary that a rule states today counts what was begun since it
stands: nobody writes down what no rule in force counts.
"""

from __future__ import annotations

from shared.core.facts import Resource
from shared.core.resource_ids import (
    BATCH_JOB,
    ML_COMPUTE,
    SCALE_SET,
    SCALE_SET_VM,
    ResourceId,
)
from shared.core.tallies import CANARY, MONEY, STRIKES, fold
from shared.core.terms import LimitScope

_NESTED = frozenset({SCALE_SET_VM, ML_COMPUTE, BATCH_JOB})


def places(rule: str, target: str, resource: Resource | None) -> dict[LimitScope, str]:
    """Tell where a plan of a rule on a target is counted.

    A target in no pool is a pool of one. Only what is in a scale set has that scope.
    Zones have numbers of their own in each subscription; machines of a region that are
    in no zone are counted together, as one zone.

    Source: https://learn.microsoft.com/azure/reliability/availability-zones-overview
    ("physical and logical availability zones").
    """
    found = {LimitScope.RULE: rule.casefold(), LimitScope.TARGET: fold(target)}
    pool = _pool(target, resource)
    found[LimitScope.POOL] = fold(pool or target)
    own, above = _parsed(target), _parsed(pool)
    if above is not None and above.type == SCALE_SET:
        found[LimitScope.SCALE_SET] = fold(pool)
    if own is not None:
        subscription = own.subscription.casefold()
        location = resource.location.casefold() if resource else ""
        zone = resource.zone if resource else ""
        found[LimitScope.SUBSCRIPTION] = subscription
        found[LimitScope.ZONE] = f"{subscription}/{location or '-'}/{zone or '-'}"
    return found


def _pool(target: str, resource: Resource | None) -> str:
    if resource is not None and resource.pool:
        return resource.pool
    parsed = _parsed(target)
    return parsed.parent if parsed is not None and parsed.type in _NESTED else ""


def _parsed(text: str) -> ResourceId | None:
    try:
        return ResourceId.parse(text)
    except ValueError:
        return None


def place_key(kind: str, scope: LimitScope, value: str) -> str:
    """Name the tally of a place; a scale set's is its pool's."""
    counted = LimitScope.POOL if scope is LimitScope.SCALE_SET else scope
    return f"{kind}|{counted}|{value}"


def money_key(rule: str) -> str:
    """Name the tally of what a rule's plans cost."""
    return f"{MONEY}|{LimitScope.RULE}|{rule.casefold()}"


def canary_key(rule: str, rule_hash: str) -> str:
    """Name the tally of a rule's first plans; a rule that changed begins anew."""
    return f"{CANARY}|{LimitScope.RULE}|{rule.casefold()}|{rule_hash}"


def strikes_key(rule: str, target: str) -> str:
    """Name the tally of a rule's strikes on a target."""
    return f"{STRIKES}|{rule.casefold()}|{fold(target)}"
