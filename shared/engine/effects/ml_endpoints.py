"""Set who gets the traffic of an online endpoint, and see it there.

The step names the split that it starts from. Any other one is somebody's own change, by
hand or by another plan, and is left as it is: the plan ends.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-safely-rollout-online-endpoints
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from shared.core.decisions import Reason
from shared.core.ledger import StepResult
from shared.core.ml_endpoints import FAILED, EndpointFacts, Routing, write_split
from shared.core.wire import write_moment
from shared.engine.effects.work import Work, already, done, failed, not_yet, refused

LIMIT = timedelta(minutes=30)
SEND_AGAIN = timedelta(minutes=5)


async def endpoint_traffic(work: Work) -> StepResult:
    """Change one split into another; done when the endpoint shows it and has settled."""
    found = await work.ports.online_endpoints.endpoint(work.target)
    if found is None:
        return failed(Reason.TARGET_GONE)
    was, wanted = (Routing.from_args(work.args[key]) for key in ("was", "now"))
    shown = _shown(found)
    if work.running_for() >= LIMIT:
        return failed(Reason.TIMED_OUT, **shown)
    if _is_there(found, wanted, work.args["good"]):
        if found.state == FAILED:
            return failed(Reason.REJECTED, **shown)
        if not found.is_settled:
            raise not_yet("changing the traffic", work.soon(), **work.progress)
        return done(**shown) if work.record.attempts > 1 else already(**shown)
    if found.routing not in (was, wanted):
        return refused(Reason.SPLIT_CHANGED, **shown)
    sent = work.since("sent_at")
    if not found.is_settled or (sent is not None and work.now() < sent + SEND_AGAIN):
        raise not_yet("changing the traffic", work.soon(), **work.progress)
    if unable := found.unable(wanted.traffic):
        return refused(Reason.NO_GOOD_SPLIT, **shown, because=unable)
    work.must_be_ours()
    await work.ports.online_endpoints.set_traffic(
        work.target, was=found.routing, now=wanted, good=work.args["good"]
    )
    sent_at = write_moment(work.now())
    raise not_yet("changing the traffic", work.soon(), sent_at=sent_at)


def _is_there(found: EndpointFacts, wanted: Routing, good: Any) -> bool:
    return found.routing == wanted and found.good == dict(good)


def _shown(found: EndpointFacts) -> dict[str, Any]:
    """Say in the record what was seen."""
    good = write_split(found.good) if found.good else ""
    return {"traffic": str(found.routing), "state": found.state, "good": good}
