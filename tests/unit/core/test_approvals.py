"""What a question is about, who may answer it, and that it is answered once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.core.approvals import (
    HARMLESS,
    Approval,
    ApprovalState,
    Refusal,
    Refused,
    Voice,
    approval_id,
    is_approval_id,
    is_destructive,
    plan_hash,
)
from shared.core.approvals_json import approval_from_json, approval_to_json, approval_view
from shared.core.deciding import (
    LONGEST_WAIT,
    STRANDED,
    YES_STANDS,
    decide,
    is_repeated,
    is_untold,
    settle,
    use,
    void,
)
from shared.core.steps import Step, Verb
from shared.core.terms import ApprovalKind
from tests.asking import HARMLESS as CORDON
from tests.asking import ask_about, no, person, typed, yes
from tests.builders import HOUR, MINUTE, NOW, VM

FOUR_EYES = ApprovalKind.FOUR_EYES


def refusal(approval: Approval, voice: Voice, now=NOW) -> Refusal:
    """Decide, and return why that was refused."""
    with pytest.raises(Refused) as caught:
        decide(approval, voice, now)
    return caught.value.refusal


def the_hash(*steps: Step, rule="r", target=VM, **settings) -> str:
    """Hash a plan."""
    return plan_hash(rule, target, settings, steps)


def test_a_plan_looked_at_again_a_minute_later_has_the_same_hash():
    """When a snapshot may be deleted follows the clock; that is no other plan."""
    first = Step(Verb.SNAPSHOT, VM, {"location": "a", "expires": "2030-01-15T03:00:00Z"})
    later = Step(Verb.SNAPSHOT, VM, {"location": "a", "expires": "2030-01-15T03:01:00Z"})
    assert the_hash(first, keep="14d") == the_hash(later, keep="14d")


def test_a_plan_that_changed_in_anything_else_has_another_hash_and_another_question():
    """A yes is for what was shown, and for nothing else."""
    base = Step(Verb.DRAIN, VM, {"force": False})
    hashes = {
        the_hash(base),
        the_hash(Step(Verb.DRAIN, VM, {"force": True})),
        the_hash(Step(Verb.DEALLOCATE, VM, {"force": False})),
        the_hash(Step(Verb.DRAIN, f"{VM}-2", {"force": False})),
        the_hash(base, base),
        the_hash(base, rule="r2"),
        the_hash(base, target=f"{VM}-2"),
        the_hash(base, timeout="1h"),
    }
    assert 8 == len(hashes)
    assert 8 == len({approval_id("p", one) for one in hashes})
    assert all(is_approval_id(approval_id("p", one)) for one in hashes)


def test_a_setting_that_is_off_is_no_other_plan():
    """A release that brings a setting asks nobody anew, unless a rule switches it on."""
    step = Step(Verb.DRAIN, VM)
    assert the_hash(step, keep="14d") == the_hash(step, keep="14d", within="0s", tags=[])
    assert the_hash(step, keep="14d") != the_hash(step, keep="14d", within="1s")
    assert the_hash(step, count=None) != the_hash(step, count=0)


def test_an_arm_id_in_other_letters_is_the_same_plan():
    """Azure itself changes the case of ids between two reads."""
    step = Step(Verb.DRAIN, VM)
    assert the_hash(step) == the_hash(
        replace(step, target=VM.upper()), target=f"{VM.upper()}/"
    )


def test_every_verb_is_harmless_by_name_or_destructive():
    """A verb that somebody adds needs a sign-in until somebody says that it is harmless."""
    takes_away = {verb for verb in Verb if verb not in HARMLESS}
    known = {
        *(Verb.DRAIN, Verb.DEALLOCATE, Verb.REDEPLOY, Verb.REACTIVATE, Verb.SLURM_REQUEUE),
        Verb.RESTART,
        *(Verb.START, Verb.GROW),  # they take nothing, and cost money
        *(Verb.REBUILD, Verb.REMOVE, Verb.RESTORE_POINT_REMOVE),
        Verb.INSTALL_PATCHES,
        *(Verb.BATCH_DISABLE, Verb.BATCH_REBOOT, Verb.BATCH_REIMAGE, Verb.BATCH_REPLACE),
        *(Verb.JOB_RESUBMIT, Verb.BATCH_CLOSE_JOB, Verb.BATCH_REST_POOL),
        *(Verb.ML_START, Verb.ML_RESTART, Verb.ML_DELETE, Verb.ML_SCALE),
        *(Verb.ENDPOINT_TRAFFIC, Verb.ENDPOINT_GATE),
        *(Verb.ML_IDLE_TIME, Verb.ML_SCHEDULES),
        *(Verb.EXTENSION_CREATE, Verb.EXTENSION_UPDATE),
        *(Verb.EXTENSION_REPAIR, Verb.EXTENSION_DELETE),
    }
    assert known == takes_away
    assert HARMLESS <= {verb.value for verb in Verb}
    assert not is_destructive([Step(Verb.CORDON, VM), Step(Verb.SNAPSHOT, VM)])
    assert is_destructive([Step(Verb.CORDON, VM), Step(Verb.DRAIN, VM)])


@pytest.mark.parametrize(
    ("kind", "requester", "quorum"),
    [
        (ApprovalKind.REQUIRED, None, 1),
        (ApprovalKind.REQUIRED, "ada", 1),
        (FOUR_EYES, None, 2),
        (FOUR_EYES, "ada", 1),
    ],
)
def test_four_eyes_are_two_people_and_a_rule_is_none(kind, requester, quorum):
    """A person who asked is the first pair; a rule, or a typed name, has no eyes."""
    more = {"requester": person(requester)} if requester else {}
    assert quorum == ask_about(kind=kind, **more).quorum
    if requester:
        unknown = replace(person(requester), is_verified=False)
        assert ask_about(kind=kind, requester=unknown).quorum == (
            2 if kind is FOUR_EYES else 1
        )


def test_one_yes_approves_and_says_who_and_when():
    """The decision, person, channel, reason and time are what an audit asks for."""
    decided = decide(ask_about(), yes(), NOW)
    assert ApprovalState.APPROVED == decided.state
    assert (yes(),) == decided.voices
    assert NOW == decided.decided_at
    assert "approved by ada@contoso.com" == decided.verdict


def test_one_no_rejects_whatever_the_quorum():
    """Nobody must wait for a second person in order to stop something."""
    decided = decide(ask_about(kind=FOUR_EYES), no(), NOW)
    assert ApprovalState.REJECTED == decided.state
    assert "rejected by ada@contoso.com: the job is nearly done" == decided.verdict


def test_four_eyes_wait_for_the_second_person():
    """The first yes alone opens nothing."""
    once = decide(ask_about(kind=FOUR_EYES), yes(), NOW)
    assert ApprovalState.PENDING == once.state
    twice = decide(once, yes("bob"), NOW)
    assert ApprovalState.APPROVED == twice.state
    assert "approved by ada@contoso.com, bob@contoso.com" == twice.verdict


def test_nobody_is_both_pairs_of_eyes():
    """Neither under the same name nor, renamed, with the same object id."""
    once = decide(ask_about(kind=FOUR_EYES), yes(), NOW)
    assert Refusal.SAME_PERSON == refusal(once, yes())
    assert Refusal.SAME_PERSON == refusal(once, yes(person="ada.lovelace@contoso.com"))
    assert Refusal.SAME_PERSON == refusal(once, yes("bob", person=" ADA@contoso.com"))


def test_who_asked_for_a_plan_does_not_approve_it_under_four_eyes_and_may_call_it_off():
    """The requester is one pair of eyes already, and may always change their mind."""
    asked = ask_about(kind=FOUR_EYES, requester=person("ada"))
    assert Refusal.SAME_PERSON == refusal(asked, yes())
    assert Refusal.SAME_PERSON == refusal(asked, yes(person="renamed@contoso.com"))
    assert ApprovalState.REJECTED == decide(asked, no(), NOW).state
    assert ApprovalState.APPROVED == decide(asked, yes("bob"), NOW).state


def test_a_typed_name_that_asked_does_not_approve_either():
    """It counts for nothing as a pair of eyes, and yet not as another person."""
    asked = ask_about(kind=FOUR_EYES, requester=replace(person("ada"), is_verified=False))
    assert Refusal.SAME_PERSON == refusal(asked, yes())


def test_a_link_alone_decides_only_what_takes_nothing_away():
    """A destructive plan, and four eyes always, need somebody whom Entra knows."""
    assert Refusal.NOT_SIGNED_IN == refusal(ask_about(), typed())
    assert Refusal.NOT_SIGNED_IN == refusal(ask_about(), typed(is_yes=False, reason="x"))
    assert Refusal.NOT_SIGNED_IN == refusal(ask_about(*CORDON, kind=FOUR_EYES), typed())
    decided = decide(ask_about(*CORDON), typed(), NOW)
    assert "approved by ada (self-declared)" == decided.verdict


def test_a_no_needs_a_reason_and_a_yes_may_have_one():
    """Whoever asked reads it at night."""
    assert Refusal.REASON_MISSING == refusal(ask_about(), no(reason=" "))
    assert "go on" == decide(ask_about(), yes(reason="go on"), NOW).voices[0].reason


def test_the_first_decision_stands():
    """A second click, the same or another, changes nothing and reads who decided."""
    for first in (yes(), no()):
        decided = decide(ask_about(), first, NOW)
        for second in (yes(), no(), yes("eve"), no("eve")):
            with pytest.raises(Refused, match=r"by ada@contoso.com") as caught:
                decide(decided, second, NOW)
            assert Refusal.ALREADY_DECIDED == caught.value.refusal
    used = use(decide(ask_about(), yes(), NOW))
    assert Refusal.ALREADY_DECIDED == refusal(used, no())


def test_nobody_decides_after_the_end():
    """At the very moment of the expiry it is over."""
    asked = ask_about()
    assert asked == settle(asked, asked.expires_at - MINUTE)
    over = settle(asked, asked.expires_at)
    assert (ApprovalState.EXPIRED, asked.expires_at) == (over.state, over.decided_at)
    assert Refusal.APPROVAL_EXPIRED == refusal(asked, yes(), asked.expires_at)
    assert Refusal.APPROVAL_EXPIRED == refusal(over, yes())


def test_a_question_about_a_plan_that_changed_says_so():
    """Whoever clicks the old link learns that there is another question."""
    changed = void(ask_about())
    assert Refusal.PLAN_CHANGED == refusal(changed, yes())


def test_a_yes_does_not_last_for_ever():
    """A day later the world it was given in is gone."""
    decided = decide(ask_about(), yes(), NOW)
    assert decided == settle(decided, NOW + YES_STANDS - MINUTE)
    assert ApprovalState.VOID == settle(decided, NOW + YES_STANDS).state


def test_only_a_yes_can_be_used_and_only_once():
    """A plan is opened on an approval that says so, and on no other."""
    decided = decide(ask_about(), yes(), NOW)
    assert ApprovalState.USED == use(decided).state
    others = (ask_about(), decide(ask_about(), no(), NOW), void(ask_about()), use(decided))
    for other in others:
        with pytest.raises(Refused):
            use(other)


def test_the_engine_is_told_again_until_a_yes_is_used():
    """More and more seldom; a no or an expiry is told once."""
    decided = decide(ask_about(), yes(), NOW)
    assert not is_untold(decided, NOW)
    assert is_untold(decided, NOW + STRANDED)
    told = replace(decided, told_at=NOW, told=1)
    assert (False, True) == (is_untold(told, NOW), is_untold(told, NOW + STRANDED))
    often = replace(told, told=9)
    assert not is_untold(often, NOW + LONGEST_WAIT - MINUTE)
    assert is_untold(often, NOW + LONGEST_WAIT)
    assert not is_untold(use(told), NOW + HOUR)
    said_no = decide(ask_about(), no(), NOW)
    assert is_untold(said_no, NOW + STRANDED)
    assert not is_untold(replace(said_no, told_at=NOW, told=1), NOW + HOUR)
    assert not is_untold(ask_about(), NOW)


def test_the_same_word_of_the_same_person_is_recognised():
    """So that a click whose answer was lost can be repeated."""
    decided = decide(ask_about(), yes(), NOW)
    assert is_repeated(decided, yes(at=NOW + MINUTE))
    assert not is_repeated(decided, no())
    assert not is_repeated(decided, yes("eve"))


def test_what_is_stored_is_read_back_and_what_people_read_holds_no_subject():
    """Object ids are for comparing; a page needs names."""
    asked = ask_about(requester=person("ada"), if_expired=Verb.SNAPSHOT)
    whole = replace(decide(asked, yes("bob"), NOW), told_at=NOW, told=2)
    assert whole == approval_from_json(approval_to_json(whole))
    view = approval_view(whole)
    assert person("bob").subject not in repr(view)
    assert ("approved by bob@contoso.com", "snapshot") == (view["verdict"], view["if_expired"])
