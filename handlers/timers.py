"""Ticks: the sweep that resumes open plans, idle machines, cleanup, export, notices."""

from __future__ import annotations

import logging

import azure.functions as func

blueprint = func.Blueprint()
_LOG = logging.getLogger("nightshift")
_SAID: set[str] = set()


@blueprint.function_name("tick_resume")
@blueprint.timer_trigger(arg_name="timer", schedule="*/15 * * * * *", use_monitor=False)
async def tick_resume(timer: func.TimerRequest) -> None:
    """Wake open plans that nobody works on although somebody should."""
    from shared.bootstrap import night, telemetry
    from shared.engine.backlog import tell_backlog
    from shared.engine.consenting import sweep_approvals
    from shared.engine.smoke import answer_waiting
    from shared.engine.sweep import resume

    engine = night()
    swept = await resume(engine)
    told = await sweep_approvals(engine)
    await answer_waiting(engine)
    if swept.woken or swept.tidied or told:
        _LOG.info(
            "tick=resume open=%d woken=%d tidied=%d approvals=%d",
            swept.open,
            swept.woken,
            swept.tidied,
            told,
        )
    if swept.unread:
        # A newer release opened them: they wait for it, and hold up nobody else.
        _LOG.warning("tick=resume unread=%d first=%s", len(swept.unread), swept.unread[0])
    await tell_backlog(engine, telemetry(), swept.open)


@blueprint.function_name("tick_idle")
@blueprint.timer_trigger(arg_name="timer", schedule="0 */10 * * * *")
async def tick_idle(timer: func.TimerRequest) -> None:
    """Look for machines that nobody uses."""
    from shared.bootstrap import night
    from shared.engine.idle import look_for_idle

    tally = await look_for_idle(night())
    _LOG.info(
        "tick=idle looked_at=%d plans=%d reasons=%s unread=%d",
        tally.looked_at,
        len(tally.plans),
        dict(tally.by_reason),
        len(tally.unread),
    )


@blueprint.function_name("tick_survey")
@blueprint.timer_trigger(arg_name="timer", schedule="30 */5 * * * *")
async def tick_survey(timer: func.TimerRequest) -> None:
    """Have the surveys that are due carried out, one message each and subscription."""
    from shared.bootstrap import night
    from shared.engine.surveying import begin

    begun = await begin(night())
    if begun:
        _LOG.info("tick=survey begun=%d", begun)


@blueprint.function_name("tick_reconcile")
@blueprint.timer_trigger(arg_name="timer", schedule="45 * * * * *", use_monitor=False)
async def tick_reconcile(timer: func.TimerRequest) -> None:
    """Look for maintenance notices that no event brought, and for those that are gone."""
    from shared.bootstrap import night
    from shared.engine.reconciling import reconcile

    found = await reconcile(night())
    if found.heard or found.gone or found.unread:
        _LOG.info(
            "tick=reconcile heard=%d gone=%d unread=%s", found.heard, found.gone, found.unread
        )


@blueprint.function_name("tick_cleanup")
@blueprint.timer_trigger(arg_name="timer", schedule="0 15 3 * * *")
async def tick_cleanup(timer: func.TimerRequest) -> None:
    """Delete copies of deliveries past their retention, and tallies nobody counts in."""
    from shared.bootstrap import night
    from shared.engine.archive import forget
    from shared.engine.beats import forget_silent
    from shared.engine.forgetting import forget_tallies

    _LOG.info("tick=cleanup forwarders_deleted=%d", await forget_silent(night()))
    forgotten, is_each = await forget_tallies(night())
    _LOG.info("tick=cleanup tallies_deleted=%d all=%s", forgotten, is_each)
    deleted, is_all = await forget(night())
    _LOG.info("tick=cleanup archive_deleted=%d all=%s", deleted, is_all)


@blueprint.function_name("tick_export")
@blueprint.timer_trigger(arg_name="timer", schedule="*/30 * * * * *", use_monitor=False)
async def tick_export(timer: func.TimerRequest) -> None:
    """Tell Log Analytics and the outcome topic what they have not been told."""
    from shared.bootstrap import night
    from shared.engine.export import export
    from shared.journal import note_export

    note_export(await export(night()))


@blueprint.function_name("tick_notify")
@blueprint.timer_trigger(arg_name="timer", schedule="*/15 * * * * *", use_monitor=False)
async def tick_notify(timer: func.TimerRequest) -> None:
    """Tell Teams, Slack and the webhook what waits to be told."""
    from shared.bootstrap import night
    from shared.engine.notify import deliver, unconfigured

    engine = night()
    channels = [one.channel for one in engine.ports.messengers]
    for said in unconfigured(engine.rules, channels):
        if said not in _SAID:  # once a process, and again when the rules change
            _SAID.add(said)
            _LOG.warning("%s", said)
    told = await deliver(engine)
    for channel, why in told.failed.items():
        _LOG.warning("tick=notify channel=%s failed=%r waiting=%d", channel, why, told.waiting)
    if told.kept_aside:
        _LOG.warning("tick=notify kept_aside=%d", told.kept_aside)
    if told.messages:
        _LOG.info(
            "tick=notify notices=%d messages=%d waiting=%d",
            told.sent,
            told.messages,
            told.waiting,
        )
