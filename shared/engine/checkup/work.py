"""What the app is at: its rules, the oldest open plan, what it has yet to tell."""

from __future__ import annotations

from datetime import timedelta

from shared.core.durations import format_duration
from shared.core.findings import Finding, Verdict
from shared.core.plans import Mode, Plan
from shared.core.wire import write_moment
from shared.engine.checkup.asked import Asked
from shared.engine.night import Night

OLD_PLAN = timedelta(hours=6)
"""A shift's length: a plan that is open longer waits for something that nobody does."""
LAG = timedelta(minutes=15)
LOOKED_AT = 20


async def rules(night: Night, asked: Asked) -> list[Finding]:
    """Tell which rules are in force, and whether a newer version was refused."""
    modes = dict.fromkeys(Mode, 0)
    for rule in night.rules.rules:
        modes[rule.mode] += 1
    counted = ", ".join(f"{count} {mode}" for mode, count in modes.items() if count)
    where = ", ".join(night.settings.rules)
    found = [Finding("rules", Verdict.OK, f"in force from {where}: {counted or 'none'}")]
    if not night.rules.rules:
        advice = "give a folder that has rules in NIGHTSHIFT_RULES (docs/RULES.md)"
        found = [Finding("rules", Verdict.FAILED, "no rule is in force", advice=advice)]
    if night.settings.dry_run:
        said = "NIGHTSHIFT_DRY_RUN is true: everything is decided, nothing is done"
        advice = "az functionapp config appsettings set ... NIGHTSHIFT_DRY_RUN=false"
        found.append(Finding("rules", Verdict.NOTE, said, about="dry run", advice=advice))
    if night.trial is not None:
        tried = f"version {night.trial.version} is tried in {night.trial.percent} % of scopes"
        found.append(Finding("rules", Verdict.OK, tried, about="trial"))
    if asked.watch is not None:
        found.append(_container(asked))
    return found


def _container(asked: Asked) -> Finding:
    watch = asked.watch
    assert watch is not None  # noqa: S101 - the caller asked
    if watch.refused is not None:
        problems = watch.refused.problems
        since = write_moment(watch.refused_at)
        return Finding(
            "rules",
            Verdict.FAILED,
            f"version {watch.refused.version} of container {watch.container} is refused "
            f"since {since}; the version before it is in force",
            about=watch.container,
            advice="correct the file and upload it again: nightshift rules check FOLDER",
            items=tuple(str(problem)[:300] for problem in problems[:LOOKED_AT]),
        )
    if watch.unread:
        advice = "the identity needs Storage Blob Data Reader on it (docs/OPERATIONS.md)"
        said = f"container {watch.container} could not be read: {watch.unread}"
        return Finding("rules", Verdict.FAILED, said, about=watch.container, advice=advice)
    back = watch.trying.rejection(watch.in_force) if watch.trying is not None else None
    if back is not None:
        advice = "correct what failed and upload the rules again (docs/OPERATIONS.md)"
        said = f"version {back.version} was tried and taken back: {back.why}"
        return Finding("rules", Verdict.FAILED, said, about=watch.container, advice=advice)
    said = f"container {watch.container}: version {watch.in_force or 'none'} is in force"
    return Finding("rules", Verdict.OK, said, about=watch.container)


async def plans(night: Night, asked: Asked) -> list[Finding]:  # noqa: ARG001 - a check's form
    """Find the oldest open plan: what a stuck night looks like."""
    oldest = await _oldest(night)
    if oldest is None:
        return [Finding("plans", Verdict.OK, "no plan is open")]
    age = night.ports.clock.now() - oldest.created_at
    said = f"the oldest open plan is {format_duration(age)} old: {oldest.id} ({oldest.rule})"
    if age < OLD_PLAN:
        return [Finding("plans", Verdict.OK, said, about=oldest.id)]
    advice = (
        f"read what it waits for: curl $URL/api/plans/{oldest.id} -H x-functions-key:$KEY; "
        "tag the resource nightshift: off to stop it before its next step"
    )
    return [Finding("plans", Verdict.FAILED, said, about=oldest.id, advice=advice)]


async def _oldest(night: Night) -> Plan | None:
    """Look at the first of the index, which are the oldest; some of them may be closed."""
    left = LOOKED_AT
    found: list[Plan] = []
    async for plan_id in night.ports.ledger.open_plans():
        stored = await night.ports.ledger.find(plan_id)
        if stored is not None and stored.plan.is_open:
            found.append(stored.plan)
        left -= 1
        if not left:
            break
    return min(found, key=lambda plan: plan.created_at, default=None)


async def export(night: Night, asked: Asked) -> list[Finding]:  # noqa: ARG001 - a check's form
    """Tell since when the oldest record waits to be told."""
    names = [sink.name for sink in night.ports.sinks if sink.name in _SINKS]
    if not names:
        said = "neither NIGHTSHIFT_INGESTION_ENDPOINT nor NIGHTSHIFT_OUTCOME_TOPIC is set"
        return [Finding("export", Verdict.OFF, said, advice="docs/AUDIT.md")]
    backlog = await night.ports.outbox.backlog()
    now = night.ports.clock.now()
    late = [
        one
        for one in backlog.pointers
        if now - one.at >= LAG and any(not one.exported.get(name) for name in names)
    ]
    if not late:
        said = f"{' and '.join(names)} took all that is older than {format_duration(LAG)}"
        return [Finding("export", Verdict.OK, said)]
    age = format_duration(now - late[0].at)
    missing = [name for name in names if not late[0].exported.get(name)]
    said = f"{len(late)} records wait for {' and '.join(missing)}, the oldest for {age}"
    advice = (
        "the log says why: traces | where message has 'export sink='; usual is a missing "
        "role on the data collection rule or on the topic (docs/AUDIT.md#settings)"
    )
    return [Finding("export", Verdict.FAILED, said, advice=advice)]


_SINKS = frozenset({"log_analytics", "outcome_topic"})


async def ingestion(night: Night, asked: Asked) -> list[Finding]:  # noqa: ARG001 - a check's form
    """See whether the logs ingestion endpoint can be reached from where the app runs."""
    endpoint = night.settings.ingestion_endpoint
    if not endpoint:
        said = "NIGHTSHIFT_INGESTION_ENDPOINT is not set: nothing goes to Log Analytics"
        return [Finding("ingestion", Verdict.OFF, said, advice="docs/AUDIT.md#settings")]
    status = await night.ports.upkeep.premises.reach(endpoint)
    return [Finding("ingestion", Verdict.OK, f"{endpoint} answers ({status})", about=endpoint)]
