"""The app looks at itself: each fault is found, named, and told what to do about."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.core.beats import Beat
from shared.core.errors import Forbidden, MalformedEvent, ProviderUnavailable
from shared.core.findings import Finding, Verdict
from shared.core.grants import Grant
from shared.core.plans import Mode
from shared.engine.checkup import CHECKS, about, look
from shared.engine.checkup.asked import Asked, read_asked
from shared.engine.checkup.needs import needs
from shared.ports import Pointer
from shared.ports.upkeep import Contents, Identity
from shared.rules.book import RuleBook
from shared.rules.trials import Trial
from tests import builders as make
from tests.fakes.audit import FakeSink
from tests.fakes.upkeep import FakeForwarders, FakePremises
from tests.shift import SETTINGS, Shift

SCOPE = f"/subscriptions/{make.SUBSCRIPTION}"
DEALLOCATE = "Microsoft.Compute/virtualMachines/deallocate/action"


def a_shift(mode: Mode = Mode.AUTO, **settings: Any) -> Shift:
    """An app with one rule that deallocates."""
    rule = make.a_rule("deallocate_idle", mode=mode)
    return Shift.begin(rule, settings=replace(SETTINGS, **settings))


def premises(shift: Shift) -> FakePremises:
    """Its surroundings."""
    found = shift.world.upkeep.premises
    assert isinstance(found, FakePremises)
    return found


def found(shift: Shift, *checks: str, **asked: Any) -> list[Finding]:
    """Look, and return what was found."""
    wanted = Asked(checks=frozenset(checks), **asked)
    return asyncio.run(look(shift.night, wanted))


def bad(findings: list[Finding]) -> list[Finding]:
    """What is not as it should be."""
    return [one for one in findings if one.verdict in {Verdict.FAILED, Verdict.UNKNOWN}]


def test_an_app_in_good_order_has_no_fault():
    """And every check has said something."""
    shift = a_shift()
    findings = found(shift, dead_letters=("nightshift-dead-letters",))
    assert [] == bad(findings)
    assert set(CHECKS) == {one.check for one in findings}


def test_an_operation_that_is_missing_is_named_with_scope_rule_and_command():
    """So that whoever grants roles can grant exactly that, there."""
    shift = a_shift()
    premises(shift).grants_at[SCOPE] = (Grant(("*/read",)),)
    [fault] = bad(found(shift, "roles"))
    assert SCOPE == fault.about
    [line] = [one for one in fault.items if DEALLOCATE in one]
    assert line.startswith("missing: ")
    assert "rule deallocate-idle (deallocate_idle: deallocate)" in line
    assert f'"{DEALLOCATE}"' in fault.advice
    assert 'az role assignment create --assignee-object-id "oid-1"' in fault.advice
    assert f"--scope {SCOPE}" in fault.advice
    definition = json.loads(fault.advice.split("'")[1])
    assert [SCOPE] == definition["AssignableScopes"]
    assert [one for one in definition["Actions"] if one.endswith("/read")] == []


def test_an_operation_that_a_role_excludes_is_told_from_one_that_is_missing():
    """Granting it again in the same role would change nothing."""
    shift = a_shift()
    premises(shift).grants_at[SCOPE] = (Grant(("*",), ("*/deallocate/action",), ("*",)),)
    [fault] = bad(found(shift, "roles"))
    [line] = fault.items
    assert line.startswith(
        f"excluded by NotActions */deallocate/action of a role that has it: {DEALLOCATE}"
    )


def test_a_rule_that_observes_needs_its_reads_alone():
    """Least privilege begins with reading."""
    shift = a_shift(Mode.OBSERVE)
    premises(shift).grants_at[SCOPE] = (Grant(("*/read",)),)
    assert [] == bad(found(shift, "roles"))
    assert [] == [one for one in needs(shift.night) if one.operation == DEALLOCATE]


def test_a_rule_on_trial_needs_what_it_does_before_it_is_in_force():
    """Its first plan would else be the one that finds out."""
    shift = a_shift(Mode.OBSERVE)
    acting = RuleBook((replace(make.a_rule("deallocate_idle"), hash="fedcba9876543210"),))
    shift.night = replace(shift.night, trial=Trial("v2", acting, percent=10))
    assert [one for one in needs(shift.night) if one.operation == DEALLOCATE]
    said = [one.said for one in found(shift, "rules")]
    assert "version v2 is tried in 10 % of scopes" in said


def test_a_rule_that_is_off_needs_nothing():
    """Its remediation's operations are not asked for."""
    shift = a_shift(Mode.OFF, subscriptions=(), workspaces=())
    assert ["Microsoft.Authorization/permissions/read"] == [
        one.operation for one in needs(shift.night)
    ]


def test_a_workspace_is_asked_about_its_own_operations_in_a_role_for_its_group():
    """A machine is not in a workspace, and no role can be made for one."""
    shift = a_shift()
    premises(shift).grants_at[make.WORKSPACE] = ()
    [fault] = bad(found(shift, "roles", scopes=(make.WORKSPACE,)))
    assert all(": Microsoft.MachineLearningServices/" in line for line in fault.items)
    group = make.WORKSPACE.partition("/providers/")[0]
    assert [group] == json.loads(fault.advice.split("'")[1])["AssignableScopes"]
    assert f"--scope {make.WORKSPACE}" in fault.advice


def test_a_scope_that_cannot_be_read_hides_no_other():
    """Unknown is neither good nor the end."""
    shift = a_shift()

    def refuse(where: str) -> None:
        if where == "read grants":
            premises(shift).trap = lambda _: None
            raise Forbidden("reading permissions: 403")

    premises(shift).trap = refuse
    both = (SCOPE, "/subscriptions/00000000-0000-0000-0000-000000000002")
    first, second = found(shift, "roles", scopes=both)
    assert (Verdict.UNKNOWN, Verdict.OK) == (first.verdict, second.verdict)
    assert "Microsoft.Authorization/permissions/read" in first.advice


@pytest.mark.parametrize("where", ["identity", "tables", "queue plans", "clock", "forwarders"])
def test_one_check_that_fails_hides_no_other(where: str):
    """Whatever goes wrong while looking is that check's finding."""
    shift = a_shift()

    def fail(at: str) -> None:
        if at == f"read {where}":
            raise ProviderUnavailable(f"{where} is away", after=timedelta(seconds=1))

    shift.hooks.append(fail)
    findings = found(shift)
    assert {Verdict.UNKNOWN} == {one.verdict for one in bad(findings)}
    assert all("is away" in one.said for one in bad(findings))
    assert {one.check for one in findings} == set(CHECKS)


def test_a_defect_of_a_check_is_told_as_one():
    """Not a 500 for the person who asks how the app is."""
    shift = a_shift()

    def fail(at: str) -> None:
        if at == "read clock":
            raise ZeroDivisionError("oh")

    shift.hooks.append(fail)
    [fault] = bad(found(shift, "clock"))
    assert "a defect of this check: ZeroDivisionError: oh" in fault.said


def test_another_identity_than_the_one_meant_is_found():
    """The roles of one identity do not help another."""
    shift = a_shift(client_id="11111111-1111-1111-1111-111111111111")
    premises(shift).whom = Identity("oid-1", "22222222-2222-2222-2222-222222222222")
    [fault] = bad(found(shift, "identity"))
    assert "22222222" in fault.said
    assert "az functionapp identity assign" in fault.advice


@pytest.mark.parametrize(
    ("queue", "contents", "words"),
    [
        ("plans-poison", Contents(3), "3 messages wait in plans-poison"),
        ("platform-events", Contents(), "is not there"),
        ("platform-events", Contents(5000), "5000 messages"),
    ],
)
def test_a_queue_in_trouble_is_found(queue: str, contents: Contents, words: str):
    """Poison, a queue that Event Grid cannot fill, one that nobody empties."""
    shift = a_shift()
    premises(shift).queues[queue] = contents
    [fault] = bad(found(shift, "queues"))
    assert (queue, True) == (fault.about, words in fault.said)
    assert fault.advice


def test_a_container_that_everybody_may_read_is_found():
    """Records name machines, people and reasons."""
    shift = a_shift()
    premises(shift).containers["nightshift-records"] = Contents(1, is_public=True)
    [fault] = bad(found(shift, "containers"))
    assert "--public-access off" in fault.advice


@pytest.mark.parametrize(
    ("contents", "words"),
    [(Contents(4, make.NOW), "4 blobs"), (Contents(), "is not there")],
)
def test_dead_letters_are_found_with_the_oldest(contents: Contents, words: str):
    """What Event Grid gave up on is somebody's eviction."""
    shift = a_shift()
    premises(shift).containers["dead"] = contents
    [fault] = bad(found(shift, "dead_letters", dead_letters=("dead",)))
    assert words in fault.said
    assert contents.oldest is None or "2030-01-01" in fault.said


@pytest.mark.parametrize(("ahead", "is_bad"), [(2.5, False), (-2.5, False), (-4, True)])
def test_a_clock_that_leases_cannot_bear_is_found(ahead: float, is_bad: bool):
    """Storage's own date has whole seconds, so one more is allowed than leases allow."""
    shift = a_shift()
    premises(shift).ahead = timedelta(seconds=ahead)
    assert is_bad is bool(bad(found(shift, "clock")))


def test_no_rules_at_all_is_a_fault():
    """An app without rules looks healthy and answers nothing."""
    shift = Shift.begin(settings=SETTINGS)
    [fault] = bad(found(shift, "rules"))
    assert "NIGHTSHIFT_RULES" in fault.advice


def test_a_plan_that_has_been_open_too_long_is_found():
    """With the plan to look at."""
    shift = a_shift()
    shift.world.compute.machines_by_id[make.VM.casefold()] = make.a_machine()
    plan = make.a_plan(created_at=make.NOW - timedelta(hours=7))
    view = asyncio.run(shift.world.ledger.look(plan.target, [plan.id]))
    asyncio.run(shift.world.ledger.open(plan, view.head))
    [fault] = bad(found(shift, "plans"))
    assert plan.id in fault.said
    assert f"/api/plans/{plan.id}" in fault.advice


def test_records_that_a_sink_has_not_taken_are_found():
    """An audit that stopped days ago is worth a page."""
    shift = a_shift()
    shift.with_sinks(FakeSink("log_analytics"))
    assert [] == bad(found(shift, "export"))
    pointer = Pointer("k", make.NOW - timedelta(hours=1), "e")
    outbox = _Backlog(pointer)
    shift.night = replace(shift.night, ports=replace(shift.night.ports, outbox=outbox))
    [fault] = bad(found(shift, "export"))
    assert "1 records wait for log_analytics, the oldest for 1h" == fault.said
    outbox.pointer = replace(pointer, at=make.NOW - timedelta(minutes=14))
    assert [] == bad(found(shift, "export"))


class _Backlog:
    """An outbox with one pointer that nobody took."""

    def __init__(self, pointer: Pointer) -> None:
        self.pointer = pointer

    async def backlog(self) -> Any:
        """Return it."""
        from shared.ports import Backlog

        return Backlog((self.pointer,), {}, is_complete=True)


def a_beat(number: int = 29, **fields: Any) -> Beat:
    """A forwarder that was heard just now."""
    values: dict[str, Any] = {
        "machine": make.instance(number),
        "version": "1.1",
        "every": timedelta(minutes=15),
        "sent_at": make.NOW,
        "heard_at": make.NOW,
    }
    return Beat(**{**values, **fields})


def with_forwarder(shift: Shift, beat: Beat, *, is_there: bool = True) -> FakeForwarders:
    """Put a forwarder on the roll, and its machine into Azure."""
    store = shift.world.upkeep.forwarders
    assert isinstance(store, FakeForwarders)
    asyncio.run(store.note(beat))
    if is_there:
        shift.world.resources.add(make.a_resource(beat.machine))
    return store


def test_a_silent_forwarder_is_named_with_where_to_look():
    """Its machine is there: so nobody hears of its evictions in time."""
    shift = a_shift()
    with_forwarder(shift, a_beat(heard_at=make.NOW - timedelta(minutes=46)))
    [fault] = bad(found(shift, "forwarders"))
    assert [f"{make.instance(29)}: silent for 46m, says so every 15m"] == list(fault.items)
    assert "journalctl -u nightshift-forwarder" in fault.advice


def test_a_forwarder_whose_machine_is_gone_leaves_the_roll():
    """A pool that shrank is no fault."""
    shift = a_shift()
    old = a_beat(heard_at=make.NOW - timedelta(hours=2))
    store = with_forwarder(shift, old, is_there=False)
    with_forwarder(shift, a_beat(30))
    assert [] == bad(found(shift, "forwarders"))
    assert [make.instance(30).casefold()] == list(store.beats)


@pytest.mark.parametrize(
    ("fields", "about"),
    [
        ({"lost": 2}, "spool"),
        ({"failing": 90}, "endpoint"),
        ({"sent_at": make.NOW + timedelta(minutes=5)}, "clock"),
    ],
)
def test_a_forwarder_that_says_itself_that_something_is_wrong_is_heard(
    fields: dict[str, Any], about: str
):
    """A heartbeat alone is no good news."""
    shift = a_shift()
    with_forwarder(shift, a_beat(**fields))
    assert [about] == [one.about for one in bad(found(shift, "forwarders"))]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"scopes": "vm1"}, "scope"),
        ({"dead_letters": "a/b"}, "dead_letters"),
        ({"checks": "rolse"}, "none of"),
        ({"scopes": ",".join(["/subscriptions/s"] * 21)}, "at most 20"),
    ],
)
def test_a_wrong_question_is_refused(query: dict[str, str], words: str):
    """A misspelt check must not look like one that passed."""
    given = {"scopes": "", "dead_letters": "", "checks": "", **query}
    with pytest.raises(MalformedEvent, match=words):
        read_asked(**given, known=CHECKS)


def test_what_is_said_about_the_app_holds_no_secret():
    """The route shows settings; keys and connection strings are none of its business."""
    settings = replace(
        SETTINGS,
        storage="AccountName=a;AccountKey=secret-1",
        slack_signing_secret="secret-2-secret-2",
        slurm_key="secret-3",
    )
    shift = Shift.begin(settings=settings)
    assert "secret-" not in json.dumps(about(shift.night))
