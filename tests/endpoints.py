"""An online endpoint of two deployments, and alerts about it."""

from __future__ import annotations

from typing import Any

from shared.core.facts import EndpointFacts, Resource
from shared.core.ml_endpoints import Deployment, Figures, Routing
from shared.core.resource_ids import ML_ENDPOINT
from shared.core.signals import Signal, SignalType
from tests import builders as make
from tests.shift import Shift

ENDPOINT = f"{make.WORKSPACE}/onlineEndpoints/score"
GREEN = f"{ENDPOINT}/deployments/green"
OLD, SPLIT = Routing({"blue": 100}), Routing({"blue": 90, "green": 10})
BOTH = (Deployment("blue", "succeeded", 2), Deployment("green", "succeeded", 2))


def an_endpoint(routing: Routing = SPLIT, **fields: Any) -> EndpointFacts:
    """Make an endpoint whose new deployment has a tenth, and whose old split is known."""
    resource = Resource(ENDPOINT, ML_ENDPOINT, "score", "westeurope", pool=make.WORKSPACE)
    values: dict[str, Any] = {"deployments": BOTH, "good": OLD.traffic, **fields}
    return EndpointFacts(resource, ENDPOINT, "succeeded", routing, **values)


def with_endpoint(shift: Shift, endpoint: EndpointFacts | None = None) -> None:
    """Put an endpoint into the world."""
    shift.world.online_endpoints.add(endpoint or an_endpoint())
    for one in (ENDPOINT, GREEN):
        shift.world.resources.add(make.a_resource(one))


def with_new_deployment(shift: Shift) -> None:
    """Put an endpoint into the world whose new deployment has nothing yet, and is well."""
    with_endpoint(shift, an_endpoint(OLD, good=None))
    shift.world.online_endpoints.answered["green"] = Figures(500, 1, 120.0)
    shift.world.online_endpoints.answered["blue"] = Figures(5000, 9, 100.0)


def a_roll_out() -> Signal:
    """Make a person's request."""
    return Signal(
        type=SignalType.RUNBOOK,
        event_id="e-1",
        source="runbook",
        target=GREEN,
        observed_at=make.NOW,
        attributes={"remediation": "roll_out_deployment", "with": {}},
    )


def an_endpoint_alert(
    symptom: str = "errors", deployment: str = "green", **fields: Any
) -> Signal:
    """Make an alert about the endpoint."""
    values: dict[str, Any] = {
        "type": SignalType.ENDPOINT_DEGRADED,
        "event_id": "e-1",
        "source": "common_alert",
        "target": ENDPOINT,
        "observed_at": make.NOW,
        "attributes": {"symptom": symptom, "deployment": deployment, "severity": "Sev1"},
    }
    return Signal(**{**values, **fields})


def routing(shift: Shift) -> Routing:
    """Tell who gets what by now."""
    return shift.world.online_endpoints.endpoints[ENDPOINT.casefold()].routing
