"""The page: it shows the whole plan, and nothing on it is anything but text."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from shared.adapters.approval_page import Viewer, question_page, refusal_page
from shared.adapters.html_replies import HEADERS, STYLE
from shared.core.approvals import ApprovalState
from shared.core.deciding import decide, settle
from shared.core.steps import Step, Verb
from shared.core.terms import ApprovalKind
from tests.asking import HARMLESS, ask_about, no, person, yes
from tests.builders import NOW, VM

ADA = Viewer("ada@contoso.com")
VOID = {"meta", "br", "input", "link", "img"}
EVIL = "\"><script>alert(1)</script><img src=x onerror='x'>\u202e"


class Read(HTMLParser):
    """What a browser makes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert tag == self.open.pop(), tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


def test_the_whole_plan_is_shown():
    """Event, rule, target, each step with its settings, risk, requester and expiry."""
    steps = (Step(Verb.SNAPSHOT, VM, {"location": "westeurope"}), Step(Verb.REDEPLOY, VM))
    asked = ask_about(*steps, requester=person("bob"), if_expired=Verb.SNAPSHOT)
    page = Read(question_page(asked, ADA))
    assert [] == page.open
    for words in (
        "snapshot_and_redeploy on dev-1",
        VM,
        "vm.degraded h-1",
        "health_resources, 2030-01-01 03:00:00 UTC",
        "redeploy-degraded",
        "destructive: it takes work or data away",
        "bob@contoso.com",
        "one person, signed in with Entra",
        "2030-01-01 03:59:00 UTC ; then only: copy a disk",
        asked.plan_id,
        asked.plan_hash[:16],
        "snapshot copy a disk",
        "location westeurope",
        "redeploy move the machine to another host: it restarts, local disks are lost",
        "keep 14d",
        "signed in as ada@contoso.com",
    ):
        assert words in page.text, words


def test_whatever_comes_from_outside_is_text_and_nothing_else():
    """A resource's name, an event, a person's reason: none runs, loads or turns around."""
    asked = ask_about(
        Step(Verb.CORDON, f"{VM}/{EVIL}", {EVIL: [EVIL]}),
        event=EVIL,
        target=EVIL,
        rule=EVIL,
        remediation=EVIL,
        settings={EVIL: {EVIL: EVIL}},
        kind=ApprovalKind.FOUR_EYES,
        signal={"type": EVIL, "event_id": EVIL, "source": EVIL, "observed_at": EVIL},
    )
    spoken = decide(asked, yes(person=EVIL, reason=EVIL, channel=EVIL), NOW)
    for text in (
        question_page(spoken, Viewer(EVIL), note=EVIL, is_bad=True),
        question_page(spoken, Viewer(sign_in_at=f"/x?{EVIL}")),
        refusal_page(EVIL, EVIL, Viewer()),
    ):
        page = Read(text)
        assert [] == page.open
        assert "script" not in {tag for tag, _ in page.tags}
        assert [] == page.named("img")
        assert all(not name.startswith("on") for _, attrs in page.tags for name in attrs)
        assert "\u202e" not in text
        assert {"style"}.isdisjoint(name for _, attrs in page.tags for name in attrs)


def test_a_page_loads_nothing_and_the_browser_is_told_so():
    """No script, no frame, no address of another site; its one style by its hash."""
    text = question_page(ask_about(), ADA)
    assert [] == re.findall(r"https?://", text)
    [style] = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert STYLE == style
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = HEADERS["Content-Security-Policy"]
    assert f"style-src 'sha256-{digest}'" in policy
    for part in ("default-src 'none'", "form-action 'self'", "frame-ancestors 'none'"):
        assert part in policy
    assert "unsafe" not in policy
    assert "no-store" == HEADERS["Cache-Control"]
    assert "no-referrer" == HEADERS["Referrer-Policy"]


def test_the_form_is_there_only_for_who_may_use_it():
    """Two buttons; a name is asked of nobody who is signed in."""
    [form] = Read(question_page(ask_about(), ADA)).named("form")
    assert {"method": "post"} == form
    signed_in = Read(question_page(ask_about(), ADA))
    values = [button["value"] for button in signed_in.named("button")]
    assert ["approve", "reject"] == values
    assert [] == signed_in.named("input")
    by_link = Read(question_page(ask_about(*HARMLESS), Viewer()))
    assert ["name"] == [field["name"] for field in by_link.named("input")]
    labelled = {label["for"] for label in by_link.named("label")}
    fields = by_link.named("input") + by_link.named("textarea")
    assert labelled == {field["id"] for field in fields}


def test_a_destructive_plan_offers_a_sign_in_and_no_form():
    """By link alone it can be read, and by command it can be decided."""
    page = Read(question_page(ask_about(), Viewer(sign_in_at="/.auth/login/aad?x=1&y=2")))
    assert [] == page.named("form")
    assert ["/.auth/login/aad?x=1&y=2"] == [link["href"] for link in page.named("a")]
    assert f"nightshift approve {ask_about().id}" in page.text
    assert [] == Read(question_page(ask_about(), Viewer())).named("a")


@pytest.mark.parametrize(
    ("approval", "words"),
    [
        (decide(ask_about(), yes(), NOW), "approved approved by ada@contoso.com"),
        (
            decide(ask_about(), no(), NOW),
            "rejected by ada@contoso.com: the job is nearly done",
        ),
        (settle(ask_about(), ask_about().expires_at), "expired: nobody decided in time"),
        (replace(ask_about(), state=ApprovalState.VOID), "void: the plan changed"),
    ],
)
def test_a_closed_question_says_how_it_ended_and_has_no_form(approval, words):
    """The second click sees who was first."""
    page = Read(question_page(approval, ADA))
    assert words in page.text
    assert [] == page.named("form")


def test_who_said_yes_so_far_is_shown():
    """The second pair of eyes knows whose the first was, and why."""
    once = decide(ask_about(kind=ApprovalKind.FOUR_EYES), yes(reason="it is quiet"), NOW)
    text = Read(question_page(once, ADA)).text
    assert "1 of 2 said yes" in text
    assert "yes from ada@contoso.com: it is quiet by page, 2030-01-01 03:00:00 UTC" in text
    assert "2 different people, none of them who asked for it, signed in with Entra" in text
