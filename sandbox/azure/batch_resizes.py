"""Pools of Batch that are resized, and nodes taken out of them.

Source: https://learn.microsoft.com/rest/api/batchservice/pools/resize-pool,
https://learn.microsoft.com/rest/api/batchservice/pools/remove-nodes
"""

import uuid

from sandbox.azure import batch_defaults, clock
from sandbox.azure.batch_lookup import pool_of
from sandbox.azure.call import Call, Json, Reply
from sandbox.azure.errors import ServiceError
from sandbox.azure.routes import Route

_MOST_AT_ONCE = 100
_REMOVE = frozenset({"nodeList", "resizeTimeout", "nodeDeallocationOption"})
_FORMULA = frozenset({"autoScaleFormula", "autoScaleEvaluationInterval"})
_RESIZE = frozenset(
    {
        "targetDedicatedNodes",
        "targetLowPriorityNodes",
        "resizeTimeout",
        "nodeDeallocationOption",
    }
)


def remove(call: Call) -> Reply:
    """Take nodes out of a pool; its targets fall with them."""
    pool = pool_of(call)
    body = _body(call, _REMOVE)
    wanted = body.get("nodeList")
    if not isinstance(wanted, list) or not 0 < len(wanted) <= _MOST_AT_ONCE:
        raise _wrong("nodeList", wanted, f"a list of 1 to {_MOST_AT_ONCE} ids")
    _require_steady(pool)
    doomed = [one for one in pool["nodes"] if one["id"] in wanted]
    pool["allocationState"] = "resizing"
    for node in doomed:
        node["state"], node["stateTransitionTime"] = "leavingpool", clock.now_iso()
        kind = "Dedicated" if node.get("isDedicated", True) else "LowPriority"
        pool[f"target{kind}Nodes"] -= 1
    account = call.path.split("/")[2]

    def end() -> None:
        pool["nodes"] = [one for one in pool["nodes"] if one not in doomed]
        pool["allocationState"] = "steady"
        for node in doomed:
            call.state.world.count("node_removals", f"{account}/{pool['id']}/{node['id']}")

    call.state.operations.later(call.state.world.settings.operation_seconds, end)
    return Reply(202)


def resize(call: Call) -> Reply:
    """Set how many nodes a pool is to have; those that lack come in a while."""
    pool = pool_of(call)
    body = _body(call, _RESIZE)
    if pool.get("enableAutoScale"):
        raise ServiceError(
            409, "PoolAutoScaleEnabled", "The operation is not valid: the pool scales itself."
        )
    _require_steady(pool)
    for key in ("targetDedicatedNodes", "targetLowPriorityNodes"):
        number = body.get(key, pool[key])
        if not isinstance(number, int) or number < 0:
            raise _wrong(key, number, "a whole number of at least 0")
        pool[key] = number
    pool["allocationState"] = "resizing"

    def end() -> None:
        for key, dedicated in (
            ("targetDedicatedNodes", True),
            ("targetLowPriorityNodes", False),
        ):
            own = [n for n in pool["nodes"] if n.get("isDedicated", True) is dedicated]
            gone = own[pool[key] :]
            pool["nodes"] = [one for one in pool["nodes"] if one not in gone]
            for _ in range(pool[key] - len(own)):
                pool["nodes"].append(
                    {"id": f"tvm-{uuid.uuid4().hex[:8]}", "isDedicated": dedicated}
                )
        batch_defaults.filled({"pools": [pool]})
        pool["allocationState"] = "steady"

    call.state.operations.later(call.state.world.settings.operation_seconds, end)
    return Reply(202)


def enable_formula(call: Call) -> Reply:
    """Let a formula decide how many nodes a pool has; the stand-in evaluates none."""
    pool = pool_of(call)
    body = _body(call, _FORMULA)
    formula = body.get("autoScaleFormula")
    if not isinstance(formula, str) or not formula.strip():
        raise _wrong("autoScaleFormula", formula, "a formula")
    _require_steady(pool)
    pool["enableAutoScale"], pool["autoScaleFormula"] = True, formula
    call.state.world.count("formulas", f"{call.path.split('/')[2]}/{pool['id']}")
    return Reply(200)


def _body(call: Call, known: frozenset[str]) -> Json:
    body = call.body("InvalidRequestBody")
    unknown = sorted(set(body) - known)
    if unknown:
        raise _wrong(unknown[0], body[unknown[0]], ", ".join(sorted(known)))
    return body


def _require_steady(pool: Json) -> None:
    if pool["allocationState"] != "steady":
        raise ServiceError(
            409, "PoolBeingResized", "The specified pool is being resized; try again later."
        )


def _wrong(name: str, got: object, known: str) -> ServiceError:
    return ServiceError(
        400,
        "InvalidPropertyValue",
        "The value provided for one of the properties in the request body is invalid.",
        values={"PropertyName": name, "PropertyValue": str(got), "Known": known},
    )


ROUTES = (
    Route("POST", "/pools/{pool}/removenodes", remove),
    Route("POST", "/pools/{pool}/resize", resize),
    Route("POST", "/pools/{pool}/enableautoscale", enable_formula),
)
