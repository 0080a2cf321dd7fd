"""The page on which a person decides: a question as it stands, and a form.

The page does nothing by being opened: only its form's POST decides. Every text passes
``html_replies.text``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.adapters.html_replies import document, text
from shared.core.approvals import Approval, ApprovalState, Voice
from shared.core.steps import Step
from shared.core.terms import ApprovalKind

_DOES = {
    "cordon": "let no new pods onto the node",
    "uncordon": "let pods onto the node again",
    "drain": "move the pods off the node",
    "deallocate": "stop the machine and what is in its memory",
    "save_exit_info": "keep what failed tasks left",
    "reactivate": "run failed tasks again",
    "snapshot": "copy a disk",
    "redeploy": "move the machine to another host: it restarts, local disks are lost",
    "start": "start the evicted machine, in another size or at the full price if the rule"
    " says so",
    "grow": "add one machine to the pool",
    "batch_disable": "give the Batch node no new tasks; what runs leaves it",
    "batch_enable": "give the Batch node tasks again",
    "batch_idle": "wait until nothing runs on the Batch node",
    "batch_reboot": "reboot Batch nodes that take no tasks",
    "batch_reimage": "install Batch nodes anew: what is on their disks is lost",
    "batch_rest_pool": "set a Batch pool to no nodes, or to its autoscale formula",
    "batch_close_job": "close a Batch job, which then takes no task and runs none again",
    "batch_replace": "remove Batch nodes from their pool, which then gets others",
    "checkpoint": "run the checkpoint command that the machine's owner declared",
    "pool_leave": "take the instance out of rotation",
    "pool_return": "put the instance back into rotation",
    "pool_warn": "tell the users of the instance that it goes",
    "pool_sessions": "wait until nobody works on the instance",
    "job_watch": "wait until the Azure ML job has ended",
    "job_resubmit": "submit the Azure ML job again",
    "ml_show": "write down how the compute instance stands",
    "ml_start": "start the compute instance",
    "ml_restart": "restart the compute instance: what is in its memory is lost",
    "ml_delete": "delete the compute instance and what is on its disk",
    "ml_mark": "say by a tag when the compute instance is to be deleted",
    "ml_idle_time": "let Azure stop the compute instance when nobody uses it",
    "ml_schedules": "replace the compute instance's start and stop times",
    "ml_scale": "set how many nodes the compute cluster keeps",
    "endpoint_gate": "watch how the deployment answers, and send traffic back if it must",
    "endpoint_traffic": "change who gets the traffic of the online endpoint",
    "assess_patches": "look which updates the machine lacks",
    "install_patches": "install updates: the machine may restart",
    "verify": "look whether it helped",
    "tell": "ask a person to look",
}


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at a page.

    Attributes:
        name: Whom Entra vouches for; empty for the holder of a link.
        sign_in_at: Where to sign in, if App Service offers it; else empty.
    """

    name: str = ""
    sign_in_at: str = ""


def question_page(
    approval: Approval, viewer: Viewer, *, note: str = "", is_bad: bool = False
) -> str:
    """Write a question as it stands: the plan, who asks, who said what, and the form.

    Args:
        note: What just happened, in one sentence; empty for nothing.
    """
    name = approval.target.rstrip("/").rpartition("/")[2] or "nothing"
    parts = [
        f"<h1>{text(approval.remediation)} on {text(name)}</h1>",
        _state(approval),
        _note(note, is_bad=is_bad),
        _facts(approval),
        "<h2>What it will do, in this order</h2>",
        f"<ol>{''.join(_step(step) for step in approval.steps)}</ol>",
        _settings(approval),
        _voices(approval),
        _form(approval, viewer),
    ]
    return document(f"{approval.remediation} on {name}", "".join(parts))


def refusal_page(title: str, note: str, viewer: Viewer) -> str:
    """Write why nothing is shown."""
    body = f"<h1>{text(title)}</h1>{_note(note, is_bad=True)}{_sign_in(viewer)}"
    return document(title, body)


def _state(approval: Approval) -> str:
    verdict = f'<span class="quiet">{text(approval.verdict)}</span>'
    return f'<p><span class="badge">{text(approval.state.value)}</span> {verdict}</p>'


def _facts(approval: Approval) -> str:
    signal = approval.signal
    by = "" if approval.requester_subject or _is_rule(approval) else " (self-declared)"
    left = approval.if_expired
    otherwise = f"only: {_DOES.get(left, left)}" if left else "nothing is done"
    facts = (
        ("Target", _code(approval.target)),
        ("Event", f"{text(signal.get('type'))} {_code(signal.get('event_id'))}"),
        ("From", f"{text(signal.get('source'))}, {_when(signal.get('observed_at'))}"),
        ("Rule", _code(approval.rule)),
        ("Risk", text(_risk(approval))),
        ("Asked for by", text(f"{approval.requester}{by}")),
        ("Needs", text(_needs(approval))),
        ("Asked", _moment(approval.asked_at)),
        ("Expires", f"{_moment(approval.expires_at)}; then {text(otherwise)}"),
        ("Plan", f"{_code(approval.plan_id)}, hash {_code(approval.plan_hash[:16])}"),
    )
    return f"<dl>{''.join(f'<dt>{name}</dt><dd>{value}</dd>' for name, value in facts)}</dl>"


def _is_rule(approval: Approval) -> bool:
    return approval.requester.startswith("rule:")


def _risk(approval: Approval) -> str:
    if approval.is_destructive:
        return "destructive: it takes work or data away"
    return "low: it takes nothing away"


def _needs(approval: Approval) -> str:
    people = "one person" if approval.quorum == 1 else f"{approval.quorum} different people"
    if approval.kind is ApprovalKind.FOUR_EYES:
        people += ", none of them who asked for it"
    return f"{people}, signed in with Entra" if approval.needs_sign_in else people


def _step(step: Step) -> str:
    verb = step.verb.value
    args = "".join(
        f"<dt>{text(name)}</dt><dd>{_code(_plain(value))}</dd>"
        for name, value in step.args.items()
    )
    does = f' <span class="quiet">{text(_DOES[verb])}</span>' if verb in _DOES else ""
    more = f"<dl>{args}</dl>" if args else ""
    return f"<li><strong>{text(verb)}</strong>{does}<br>{_code(step.target)}{more}</li>"


def _settings(approval: Approval) -> str:
    if not approval.settings:
        return ""
    items = "".join(
        f"<dt>{text(name)}</dt><dd>{_code(_plain(value))}</dd>"
        for name, value in approval.settings.items()
    )
    return f"<h2>Settings</h2><dl>{items}</dl>"


def _voices(approval: Approval) -> str:
    if not approval.voices:
        return ""
    said = "".join(f"<li>{_voice(voice)}</li>" for voice in approval.voices)
    count = f"{approval.yes_so_far} of {approval.quorum} said yes"
    return f"<h2>Answers</h2><p>{text(count)}</p><ol>{said}</ol>"


def _voice(voice: Voice) -> str:
    word = "yes" if voice.is_yes else "no"
    reason = f": {text(voice.reason)}" if voice.reason else ""
    how = text(f"by {voice.channel}, ")
    said = f"<strong>{word}</strong> from {text(voice.who)}{reason}"
    return f'{said} <span class="quiet">{how}{_moment(voice.at)}</span>'


def _form(approval: Approval, viewer: Viewer) -> str:
    if approval.state is not ApprovalState.PENDING:
        return ""
    if approval.needs_sign_in and not viewer.name:
        return (
            _note("To decide this you have to be signed in with Entra.", is_bad=False)
            + _sign_in(viewer)
            + f"<p>Or by command: <code>nightshift approve {text(approval.id)}</code></p>"
        )
    who = (
        f"<p>You are signed in as <strong>{text(viewer.name)}</strong>.</p>"
        if viewer.name
        else '<label for="name">Your name</label><input id="name" name="name" required '
        'maxlength="100" autocomplete="name">'
    )
    return (
        f'<form method="post">{who}'
        '<label for="reason">Reason <span class="quiet">(a no needs one)</span></label>'
        '<textarea id="reason" name="reason" rows="2" maxlength="500"></textarea>'
        '<button class="approve" name="decision" value="approve">Approve</button>'
        '<button class="reject" name="decision" value="reject">Reject</button></form>'
    )


def _sign_in(viewer: Viewer) -> str:
    if viewer.name or not viewer.sign_in_at:
        return ""
    return f'<p><a class="button" href="{text(viewer.sign_in_at)}">Sign in</a></p>'


def _note(words: str, *, is_bad: bool) -> str:
    if not words:
        return ""
    role, kind = ("alert", "bad") if is_bad else ("status", "good")
    return f'<p class="notice {kind}" role="{role}">{text(words)}</p>'


def _moment(moment: datetime) -> str:
    at = moment.astimezone(UTC)
    shown = f"{at:%Y-%m-%d %H:%M:%S} UTC"
    return f'<time datetime="{at:%Y-%m-%dT%H:%M:%SZ}">{shown}</time>'


def _when(written: object) -> str:
    try:
        return _moment(datetime.fromisoformat(str(written)))
    except ValueError:
        return text(written)


def _plain(value: object) -> str:
    return (
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    )


def _code(value: object) -> str:
    return f"<code>{text(value)}</code>"
