"""The stand-in's own endpoints: the world, the calls, the faults. Test controls, no auth."""

import json
from collections.abc import Callable

from sandbox.azure import entra, faults, world
from sandbox.azure.call import Reply
from sandbox.azure.state import State

Control = Callable[[State, bytes], Reply]


def read_world(state: State, _raw: bytes) -> Reply:
    """Give the whole world."""
    return Reply(200, state.world.dump())


def replace_world(state: State, raw: bytes) -> Reply:
    """Put another world in place, or say what is wrong with it."""
    try:
        state.replace_world(world.load(json.loads(raw)))
    except ValueError as exc:
        return _refused(f"the world was not replaced: {exc}")
    return Reply(200, {"resources": len(state.world.resources)})


def read_calls(state: State, _raw: bytes) -> Reply:
    """Give every call since the start or the last DELETE."""
    return Reply(200, state.calls.entries)


def forget_calls(state: State, _raw: bytes) -> Reply:
    """Forget the calls so far."""
    state.calls.entries.clear()
    return Reply(204)


def order_fault(state: State, raw: bytes) -> Reply:
    """Order one fault, or several as a list."""
    try:
        orders = json.loads(raw)
        read = [faults.read(one) for one in (orders if isinstance(orders, list) else [orders])]
    except ValueError as exc:
        return _refused(f"the fault was not ordered: {exc}")
    for fault in read:
        state.faults.order(fault)
    return Reply(201, {"ordered": len(read)})


def forget_faults(state: State, _raw: bytes) -> Reply:
    """Forget every fault."""
    state.faults.clear()
    return Reply(204)


def sign_in(state: State, raw: bytes) -> Reply:
    """Sign a made-up person in: their access token for the app."""
    return entra.issue(state.signer, state.url, raw)


def _refused(why: str) -> Reply:
    return Reply(400, {"error": {"code": "BadRequest", "message": why}})


CONTROLS: dict[tuple[str, str], Control] = {
    ("GET", "/_world"): read_world,
    ("PUT", "/_world"): replace_world,
    ("GET", "/_calls"): read_calls,
    ("DELETE", "/_calls"): forget_calls,
    ("POST", "/_faults"): order_fault,
    ("DELETE", "/_faults"): forget_faults,
    ("POST", "/_tokens"): sign_in,
}


def answer(state: State, method: str, path: str, raw: bytes) -> Reply:
    """Answer a control endpoint, or name those that exist."""
    control = CONTROLS.get((method, path))
    if control is None:
        known = ", ".join(f"{one} {where}" for one, where in CONTROLS)
        return Reply(
            404, {"error": {"code": "NotFound", "message": f"the controls are: {known}"}}
        )
    return control(state, raw)
