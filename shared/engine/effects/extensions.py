"""Azure ML extensions: shown, created, updated, repaired, deleted.

Each reads the extension first and last. A change goes on in Azure for minutes; meanwhile
the step waits, and looks at the provisioning state and at the components in the cluster.

Source: https://learn.microsoft.com/azure/machine-learning/how-to-deploy-kubernetes-extension
(verification: ``provisioningState``, then all pods in namespace ``azureml``)
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from shared.core.decisions import Reason
from shared.core.errors import NotYet
from shared.core.extension_changes import is_settled, stands
from shared.core.ledger import StepResult
from shared.core.ml_extension_facts import (
    BROKEN,
    SUCCEEDED,
    ExtensionFacts,
    MlExtension,
    components,
    judged,
    missing,
)
from shared.core.wire import write_moment
from shared.engine.effects.work import Work, already, done, failed, not_yet, refused
from shared.engine.observe_extensions import observe_extension

LIMIT = timedelta(minutes=40)
BRISK, SELDOM = timedelta(minutes=1), timedelta(seconds=20)
SETTLES = timedelta(seconds=30)
"""How long after a change the state may still be that from before it."""


async def extension_show(work: Work) -> StepResult:
    """Write down how an extension stands, or every one on a cluster."""
    facts = await observe_extension(work.target, None, work.ports)
    if facts is None:
        return failed(Reason.TARGET_GONE)
    one = facts.extension
    chosen = (one,) if one is not None else facts.extensions
    return done(
        cluster=facts.trouble or "running",
        nodes=facts.nodes,
        extensions=[_shown(facts, extension) for extension in chosen],
    )


def _shown(facts: ExtensionFacts, extension: MlExtension) -> dict[str, Any]:
    found = judged(extension, facts.kind, facts.nodes)
    return {
        "name": extension.name,
        "state": extension.state,
        "version": extension.version,
        "errors": list(extension.errors),
        "findings": [f"{one.weight} {one.setting}: {one.why}" for one in found],
        "components": components(facts, extension) or "nobody can look into this cluster",
    }


async def extension_create(work: Work) -> StepResult:
    """Create an extension; done when it has succeeded with the wanted settings."""
    wanted, sent = _wanted(work), work.since("sent_at")
    facts, extension = await _look(work)
    if facts is None:
        return failed(Reason.TARGET_GONE)
    if extension is None:
        if facts.extensions:
            return refused(Reason.SET_ALREADY, there=facts.extensions[0].name)
        if work.running_for() >= LIMIT:
            return failed(Reason.TIMED_OUT)
        if sent is None or work.now() >= sent + SETTLES:
            work.must_be_ours()
            await work.ports.extensions.create(work.target, wanted)
            sent = work.now()
        raise _later(work, "creating", sent_at=write_moment(sent))
    if stands(extension, wanted):
        return done(state=extension.state) if work.record.attempts > 1 else already()
    if is_settled(extension) and sent is None:
        return refused(Reason.SET_ALREADY, state=extension.state)
    return _ended(work, extension, "creating")


async def extension_update(work: Work) -> StepResult:
    """Lay settings over those that stand; done when they are in force."""
    wanted, sent = _wanted(work), work.since("sent_at")
    _, extension = await _look(work)
    if extension is None:
        return failed(Reason.TARGET_GONE)
    if stands(extension, wanted):
        return done(state=extension.state) if work.record.attempts > 1 else already()
    if sent is None and is_settled(extension):
        work.must_be_ours()
        await work.ports.extensions.update(work.target, wanted)
        raise _later(work, "updating", sent_at=write_moment(work.now()))
    return _ended(work, extension, "updating")


async def extension_repair(work: Work) -> StepResult:
    """Have an extension reconciled once; done when it and all its components are well."""
    sent = work.since("sent_at")
    facts, extension = await _look(work)
    if facts is None or extension is None:
        return failed(Reason.TARGET_GONE)
    lacking = missing(facts, extension)
    is_well = extension.state == SUCCEEDED and not lacking
    if sent is None:
        if is_well:
            return already(state=extension.state)
        if not is_settled(extension):
            return refused(Reason.TOO_SOON, state=extension.state)
        if not await work.ports.ledger.spend(
            str(work.args["budget"]), work.key, int(work.args["most"])
        ):
            return refused(Reason.RETRIES_SPENT, most=work.args["most"])
        work.must_be_ours()
        await work.ports.extensions.update(work.target, extension.settings)
        raise _later(work, "repairing", sent_at=write_moment(work.now()))
    if is_well:
        return done(state=extension.state, components=components(facts, extension))
    return _ended(work, extension, "repairing", lacking)


async def extension_delete(work: Work) -> StepResult:
    """Delete an extension; done when Azure shows it no more."""
    sent = work.since("sent_at")
    _, extension = await _look(work)
    if extension is None:
        return done() if sent or work.record.attempts > 1 else already(Reason.TARGET_GONE)
    if sent is None and extension.state != "deleting":
        work.must_be_ours()
        await work.ports.extensions.delete(work.target)
        raise _later(work, "deleting", sent_at=write_moment(work.now()))
    if extension.state == SUCCEEDED:
        if work.running_for() >= LIMIT:
            return failed(Reason.TIMED_OUT, state=extension.state)
        raise _later(work, "deleting", **work.progress)
    return _ended(work, extension, "deleting")


async def _look(work: Work) -> tuple[ExtensionFacts | None, MlExtension | None]:
    """Read it; only a repair looks into the cluster, too."""
    if "budget" in work.args:
        facts = await observe_extension(work.target, None, work.ports)
    else:
        facts = await work.ports.extensions.read(work.target)
    return facts, facts.extension if facts is not None else None


def _wanted(work: Work) -> Mapping[str, str]:
    return {str(name): str(value) for name, value in work.args["settings"].items()}


def _ended(
    work: Work, extension: MlExtension, doing: str, lacking: tuple[str, ...] = ()
) -> StepResult:
    """Say how a change ended; wait while it may end well.

    Raises:
        NotYet: It is under way.
    """
    sent = work.since("sent_at")
    said: dict[str, Any] = {"state": extension.state, "errors": list(extension.errors)}
    if lacking:
        said["lacking"] = list(lacking)
    has_settled = sent is not None and work.now() >= sent + SETTLES
    if extension.state in BROKEN and has_settled:
        return failed(Reason.NOT_MENDED if lacking else Reason.REJECTED, **said)
    if work.running_for() >= timedelta(
        seconds=work.args.get("patience_s", LIMIT.total_seconds())
    ):
        return failed(Reason.NOT_MENDED if lacking else Reason.TIMED_OUT, **said)
    raise _later(work, f"{doing}: it is {extension.state}", **work.progress)


def _later(work: Work, doing: str, **progress: Any) -> NotYet:
    after = work.soon() if work.running_for() < BRISK else SELDOM
    return not_yet(doing, after, **progress)
