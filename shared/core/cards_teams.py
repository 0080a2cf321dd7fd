"""Teams messages: the body that a Workflows webhook takes, with one Adaptive Card.

Whatever comes from outside stands in text runs, which know no markdown: no name of a machine
becomes a link or a mention. The only action opens our page; a card posted by a webhook
cannot call back.

Source: https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using
(body, ``OpenUrl`` and no ``Submit``, 28 KB; the limit was met at 21 KB by others, hence
``SIZE_LIMIT``); https://github.com/prometheus/alertmanager/issues/3920 (Workflows shows
cards up to version 1.4).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shared.core.digests import Digest, digest
from shared.core.notice import Link, Notice, page_of
from shared.core.wording import line

Json = dict[str, Any]
CONTENT_TYPE = "application/vnd.microsoft.card.adaptive"
VERSION = "1.4"
SIZE_LIMIT = 20_000
_COLOURS = {True: "good", False: "attention", None: "default"}
_LINE_LIMIT = 150


def teams_message(notices: Sequence[Notice], link: Link) -> Json:
    """Write a message of one notice, or the digest of several."""
    body = _one(notices[0], link) if len(notices) == 1 else _many(digest(notices), link)
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": VERSION,
        "body": body,
    }
    attachment = {"contentType": CONTENT_TYPE, "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _one(notice: Notice, link: Link) -> list[Json]:
    facts = [
        _text(_run(f"{name}: ", weight="bolder"), _run(value), spacing="small")
        for name, value in notice.facts
    ]
    return [_title(notice.title, notice.is_good), *facts, *_button(notice, link)]


def _many(summary: Digest, link: Link) -> list[Json]:
    counts = [_text(_run(text), spacing="small") for text in summary.counts]
    lines: list[Json] = []
    for notice in summary.shown:
        run = _run(line(notice.title, _LINE_LIMIT), color=_COLOURS[notice.is_good])
        lines += [_text(run, spacing="small"), *_button(notice, link)]
    rest = [_text(_run(summary.rest, isSubtle=True))] if summary.rest else []
    return [_title(summary.title, None), *counts, *lines, *rest]


def _title(text: str, is_good: bool | None) -> Json:
    return _text(_run(text, weight="bolder", size="medium", color=_COLOURS[is_good]))


def _button(notice: Notice, link: Link) -> list[Json]:
    address = page_of(notice, link)
    if not address:
        return []
    action = {"type": "Action.OpenUrl", "title": "Look and decide", "url": address}
    return [{"type": "ActionSet", "actions": [action]}]


def _text(*runs: Json, **looks: str) -> Json:
    return {"type": "RichTextBlock", "inlines": list(runs), **looks}


def _run(text: str, **looks: str | bool) -> Json:
    """Write a run; two braces could begin a date function, which a client fills in.

    Source: https://learn.microsoft.com/adaptive-cards/authoring-cards/text-features
    """
    return {"type": "TextRun", "text": text.replace("{{", "{ {"), **looks}
