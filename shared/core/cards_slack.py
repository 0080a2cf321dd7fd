"""Slack messages: Block Kit, with a plain text for where blocks are not shown.

``&``, ``<`` and ``>`` are escaped and texts are verbatim: no name of a machine becomes a
link, and no event mentions a whole channel. Buttons that decide are there only for what one
person may decide in a chat; everything else has a button that opens our page.

Source: https://docs.slack.dev/reference/block-kit/blocks (50 blocks, 3,000 characters of a
section, 10 fields of 2,000, buttons of 75 with addresses of 3,000 and values of 2,000);
https://docs.slack.dev/messaging/formatting-message-text (escaping);
https://docs.slack.dev/reference/block-kit/composition-objects/text-object (verbatim)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from shared.core.digests import Digest, digest
from shared.core.notice import Link, Notice, NoticeKind, page_of
from shared.core.wording import line

Stamp = Callable[[str, bool], str]
"""Gives the value of a button: approval id and answer to what its click will bring back."""
Json = dict[str, Any]
TEXT_LIMIT = 2900
ADDRESS_LIMIT = 3000
SAID_LIMIT = 300
OPEN, APPROVE, REJECT = "nightshift_open", "nightshift_approve", "nightshift_reject"


def slack_message(notices: Sequence[Notice], link: Link, stamp: Stamp | None = None) -> Json:
    """Write a message of one notice, or the digest of several.

    Args:
        stamp: None where replies from Slack are not configured: no buttons that decide.
    """
    if len(notices) == 1:
        return {"text": escaped(notices[0].title), "blocks": _one(notices[0], link, stamp)}
    summary = digest(notices)
    return {"text": escaped(summary.title), "blocks": _many(summary, link)}


def answered_message(title: str, outcome: str) -> Json:
    """Write what replaces a question once it is answered: who decided, and no buttons."""
    asked, said = escaped(line(title, SAID_LIMIT)), escaped(line(outcome, SAID_LIMIT))
    blocks = [_section(f"*{asked}*"), _context(said)]
    return {"replace_original": True, "text": asked, "blocks": blocks}


def private_message(text: str) -> Json:
    """Write an answer that only the person who clicked sees; the question stays."""
    return {
        "response_type": "ephemeral",
        "replace_original": False,
        "text": escaped(line(text, SAID_LIMIT)),
    }


def escaped(text: str) -> str:
    """Take the meaning of Slack's three control characters away."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _one(notice: Notice, link: Link, stamp: Stamp | None) -> list[Json]:
    blocks = [_section(f"*{escaped(notice.title)}*")]
    if notice.facts:
        fields = [_mrkdwn(f"*{escaped(n)}*\n{escaped(v)}") for n, v in notice.facts]
        blocks.append({"type": "section", "fields": fields})
    if notice.kind is NoticeKind.ASKED:
        elements = [*_deciding(notice, stamp), *_opening(notice, link)]
        blocks += [{"type": "actions", "elements": elements}] if elements else []
    return blocks


def _many(summary: Digest, link: Link) -> list[Json]:
    lines = [_line(notice, link) for notice in summary.shown]
    rest = [_context(summary.rest)] if summary.rest else []
    counts = _within(escaped(text) for text in summary.counts)
    return [_section(f"*{escaped(summary.title)}*"), _section(counts), *lines, *rest]


def _within(texts: Iterable[str]) -> str:
    """Join lines as far as a section takes them; an escaped one is never cut in two."""
    kept: list[str] = []
    for text in texts:
        if sum(len(one) + 1 for one in kept) + len(text) > TEXT_LIMIT:
            break
        kept.append(text)
    return "\n".join(kept)


def _line(notice: Notice, link: Link) -> Json:
    section = _section(escaped(notice.title))
    for button in _opening(notice, link):
        section["accessory"] = button
    return section


def _deciding(notice: Notice, stamp: Stamp | None) -> list[Json]:
    if stamp is None or not notice.is_chat_enough:
        return []
    yes = _button("Approve", APPROVE, style="primary")
    no = _button("Reject", REJECT, style="danger")
    for button, is_yes in ((yes, True), (no, False)):
        button["value"] = stamp(notice.approval_id, is_yes)
        button["confirm"] = _confirm(notice, is_yes=is_yes)
    return [yes, no]


def _confirm(notice: Notice, *, is_yes: bool) -> Json:
    verb = "Allow" if is_yes else "Refuse"
    return {
        "title": _plain(f"{verb} this?"),
        "text": _plain(notice.title[:300]),
        "confirm": _plain(verb),
        "deny": _plain("Not yet"),
    }


def _opening(notice: Notice, link: Link) -> list[Json]:
    address = page_of(notice, link)
    if not address or len(address) > ADDRESS_LIMIT:
        return []
    return [_button("Look and decide", OPEN, url=address)]


def _button(text: str, action: str, **more: str) -> Json:
    return {"type": "button", "text": _plain(text), "action_id": action, **more}


def _section(text: str) -> Json:
    return {"type": "section", "text": _mrkdwn(text)}


def _context(text: str) -> Json:
    return {"type": "context", "elements": [_mrkdwn(text)]}


def _mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def _plain(text: str) -> Json:
    return {"type": "plain_text", "text": text, "emoji": False}
