"""Set who gets the traffic of an online endpoint; look whether that did it good.

The step names the split that it starts from. Any other one is somebody's own change, by
hand or by another plan, and is left as it is: the plan ends.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-safely-rollout-online-endpoints
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from shared.core.decisions import Reason
from shared.core.ledger import StepResult
from shared.core.ml_endpoints import FAILED, EndpointFacts, Figures, Routing, write_split
from shared.core.wire import write_moment
from shared.engine.effects.work import Work, already, done, failed, not_yet, refused

LIMIT = timedelta(minutes=30)
SEND_AGAIN = timedelta(minutes=5)
LOOK_EACH = timedelta(minutes=1)
WINDOW = timedelta(minutes=5)
"""Figures come a minute or three late: less says nothing."""


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


async def endpoint_gate(work: Work) -> StepResult:
    """Look for a while how a deployment answers; send the traffic back if it is not well.

    That it is to go back is remembered before it goes: a worker that takes over from a
    dead one sees to the end of it, whatever the figures say by then.
    """
    found = await work.ports.online_endpoints.endpoint(work.target)
    if found is None:
        return failed(Reason.TARGET_GONE)
    because = str(work.progress.get("because") or "")
    if because:
        return await _back(work, found, because)
    if found.routing != Routing.from_args(work.args["now"]):
        return refused(Reason.SPLIT_CHANGED, **_shown(found))
    name, window = str(work.args["deployment"]), max(_span(work, "soak_s"), WINDOW)
    figures = await work.ports.online_endpoints.figures(found, name, window=window)
    because = found.unable({name: 1}) or await _why_bad(work, found, figures, window)
    if not because:
        left = _span(work, "soak_s") - work.running_for()
        if left <= timedelta(0):
            lack = _lack(work, figures)
            if not lack:
                return done(**_shown(found), **_told(figures))
            if -left >= _span(work, "patience_s"):
                because = lack
    if not because:
        wait = min(left, LOOK_EACH) if left > timedelta(0) else work.soon()
        raise not_yet(f"watching {name}", wait, **_told(figures))
    since = write_moment(work.now())
    raise not_yet(f"going back: {because}", timedelta(0), because=because, since=since)


async def _back(work: Work, found: EndpointFacts, because: str) -> StepResult:
    """Send the traffic back to the split before; the step fails once it is there."""
    at, back = (Routing.from_args(work.args[key]) for key in ("now", "back"))
    told = {**_shown(found), "because": because}
    if found.routing == back and found.is_settled:
        return failed(Reason.GATE_FAILED, **told)
    if found.routing not in (at, back):
        return refused(Reason.SPLIT_CHANGED, **told)
    since = work.since("since")
    if since is not None and work.now() >= since + LIMIT:
        return failed(Reason.TIMED_OUT, **told)
    if found.routing == at and found.is_settled:
        work.must_be_ours()
        await work.ports.online_endpoints.set_traffic(
            work.target, was=at, now=back, good=back.traffic
        )
    raise not_yet(f"going back: {because}", work.soon(), **work.progress)


async def _why_bad(
    work: Work, found: EndpointFacts, figures: Figures | None, window: timedelta
) -> str:
    """Say what is wrong with how the deployment answers; empty if nothing is known."""
    if figures is None or figures.requests < float(work.args["least_requests"]):
        return ""
    share = figures.errors / figures.requests if figures.requests else 0.0
    if share > float(work.args["most_errors"]):
        return f"{share:.1%} of about {figures.requests:.0f} requests failed"
    most, slower = float(work.args["most_p95_ms"]), float(work.args["slower"])
    if figures.p95_ms is None:
        return ""
    if most and figures.p95_ms > most:
        return f"its 95th percentile is {figures.p95_ms:.0f} ms, more than {most:.0f}"
    if not slower:
        return ""
    name = str(work.args["than"])
    other = await work.ports.online_endpoints.figures(found, name, window=window)
    known = other.p95_ms if other is not None else None
    if known is not None and figures.p95_ms > known * slower:
        return f"its 95th percentile is {figures.p95_ms:.0f} ms, {name} has {known:.0f}"
    return ""


def _lack(work: Work, figures: Figures | None) -> str:
    """Say what is missing for a judgement; copies, whose answers nobody gets, need none."""
    if figures is None:
        return "its figures could not be read"
    least = float(work.args["least_requests"])
    if figures.requests < least and not work.args["now"]["mirror"]:
        return f"about {figures.requests:.0f} requests are too few to judge it by"
    return ""


def _span(work: Work, name: str) -> timedelta:
    return timedelta(seconds=float(work.args[name]))


def _told(figures: Figures | None) -> dict[str, Any]:
    if figures is None:
        return {}
    errors = round(figures.errors)
    return {"requests": round(figures.requests), "errors": errors, "p95_ms": figures.p95_ms}
