"""``nightshift explain``: why each rule would act or not, and what then follows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.demo import events, world
from tests.builders import NOW
from tests.unit.cli.recorded import VM, machine_facts, node_facts, notice, rules, run, tick

ROOT = Path(__file__).parents[3]


class Asked:
    """The command over files in a folder of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rules = rules(folder / "rules")

    def raw(self, event: object, *more: object, facts: object = None) -> tuple[int, str, str]:
        """Explain an event; code, output, errors."""
        file = self.folder / "event.json"
        file.write_text(event if isinstance(event, str) else json.dumps(event))
        words = ["explain", file, "--rules", self.rules, *more]
        if facts is not None:
            given = self.folder / "facts.json"
            given.write_text(facts if isinstance(facts, str) else json.dumps(facts))
            words += ["--facts", given]
        return run(*words)

    def __call__(self, event: object, *more: object, facts: object = None):
        """Explain an event; code and the JSON document."""
        code, out, err = self.raw(event, "--json", *more, facts=facts)
        assert not err
        return code, json.loads(out)


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    """A folder with rules that act."""
    return Asked(tmp_path)


def test_a_rule_that_acts_shows_its_guardrails_and_its_plan(asked):
    """With nothing done: this is what a person reads before they deploy."""
    code, document = asked(notice(), facts=node_facts())

    [signal] = document["signals"]
    drain, idle = signal["rules"]
    assert 0 == code
    assert drain["condition"]["matched"]
    assert "pass" == drain["guardrails"]["deadline"]
    assert {"mode", "dry_run", "opted_out", "in_flight"} <= drain["guardrails"].keys()
    assert ["cordon", "drain"] == [step["verb"] for step in signal["plan"]["steps"]]
    assert "it answers compute.idle, not vm.preempt" == idle["condition"]["detail"]


def test_every_guardrail_answers_also_behind_the_first_no(asked):
    """Whoever puts one right wants to know of the next."""
    asked.rules = rules(asked.folder / "watching", mode="observe")
    code, document = asked(
        notice(), "--now", "2030-01-01T03:01:00Z", facts=node_facts(nightshift="off")
    )

    [signal] = document["signals"]
    said = signal["rules"][0]["guardrails"]
    assert ("observe_only", "opted_out", "deadline_passed") == (
        said["mode"],
        said["opted_out"],
        said["deadline"],
    )
    assert (3, "observe_only") == (code, signal["decision"]["reason"])
    assert "observe_only" == signal["plan"]["refused"]


def test_a_missing_tag_is_named(asked):
    """The commonest reason for a rule that does not match."""
    asked.rules = rules(asked.folder / "tagged", when="target.tags.workload == 'training'")
    code, document = asked(notice(), facts=node_facts())

    [signal] = document["signals"]
    assert {
        "text": "target.tags.workload == 'training'",
        "matched": False,
        "detail": "the target has no tag 'workload'",
    } == signal["rules"][0]["condition"]
    assert 3 == code


def test_without_facts_each_rule_says_what_it_needs(asked):
    """Nobody can tell, and it says so rather than no."""
    code, document = asked(notice())

    [signal] = document["signals"]
    assert {"kind": "node", "target": VM} == signal["rules"][0]["needs"]
    assert (3, ["drain"]) == (code, signal["undecided"])
    _, out, _ = asked.raw(notice())
    assert "drain decides on node facts of the target" in out
    assert "Nobody can tell without the facts" in out


def test_a_condition_on_the_signal_alone_is_judged_without_facts(asked):
    """So that no facts are asked for in vain."""
    asked.rules = rules(asked.folder / "late", when="signal.type == 'vm.reboot'")
    _, document = asked(notice())

    [signal] = document["signals"]
    assert (False, []) == (signal["rules"][0]["condition"]["matched"], signal["undecided"])


DOCUMENT = ROOT / "tests" / "events" / "scheduled_events__bare_wrapper.json"
CLOUD = events.degraded("h-1", world.DEGRADED_VM, now=NOW)
RUNBOOK = {"remediation": "deallocate_idle", "target": world.BUSY_VM}
SHAPES = {
    "event grid event": notice(),
    "cloud event": CLOUD,
    "alert": events.failing_tasks("a-1", world.BATCH, now=NOW),
    "scheduled events document": json.loads(DOCUMENT.read_text()),
    "runbook request": RUNBOOK,
    "signal": tick(1, world.BUSY_VM),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_document_is_told_by_its_shape(asked, shape):
    """A person has a file and need not say what it is."""
    _, document = asked(SHAPES[shape])

    assert shape == document["shape"]
    assert document["signals"]


def test_a_runbook_is_explained_with_its_own_settings(asked):
    """A person's request is its own rule; a dry run of it does nothing."""
    target = world.BUSY_VM
    body = {**RUNBOOK, "with": {"idle_for": "1h"}, "reason": "holidays"}
    code, document = asked(body, facts=machine_facts(target))
    assert (0, "runbook/deallocate_idle") == (
        code,
        document["signals"][0]["rules"][0]["rule"],
    )
    code, document = asked({**body, "dry_run": True}, facts=machine_facts(target))
    assert (3, "dry_run") == (code, document["signals"][0]["decision"]["reason"])


def test_a_withdrawal_is_explained_as_one(asked):
    """It opens nothing by itself."""
    code, document = asked(notice(status="Canceled"))

    [signal] = document["signals"]
    assert (3, True, []) == (code, signal["withdraws"], signal["rules"])
    _, out, _ = asked.raw(notice(status="Canceled"))
    assert "takes the incident back" in out


def test_the_table_shows_the_plan(asked):
    """For people."""
    code, out, _ = asked.raw(notice(), facts=node_facts())

    assert 0 == code
    for words in ("This plan would follow", "matched", "deadline: pass", "cordon", "drain"):
        assert words in out


BAD_TAG = node_facts()
BAD_TAG[VM]["node"]["resource"]["tags"] = {"a": 1}
ODD_KEY = node_facts()
ODD_KEY[VM]["node"]["node"]["is_redy"] = True


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ("{", "is not JSON"),
        ([], "facts should be {target: {kind: facts}}"),
        ({"/subscriptions/other": {}}, "the event is about /subscriptions"),
        ({VM: {"nod": {}}}, "'nod' is no kind of facts; known: node"),
        (BAD_TAG, "node.resource.tags.a: is a number, should be a text"),
        (ODD_KEY, "node.node: 'is_redy' is no such fact; did you mean is_ready?"),
    ],
)
def test_wrong_facts_are_refused_with_their_place(asked, facts, words):
    """A slip there would be taken for something that nobody knows."""
    code, _, err = asked.raw(notice(), facts=facts)
    assert 2 == code
    assert words in err


@pytest.mark.parametrize(
    ("event", "more", "words"),
    [
        ("{", (), "is not JSON"),
        ({"schemaId": "AzureMonitorMetricAlert"}, (), "common alert schema"),
        ({"specversion": "1.0"}, (), "event 0"),
        ({**RUNBOOK, "remediation": "drain_nodes"}, (), "known: "),
        ({**RUNBOOK, "with": {"idle": "1h"}}, (), "with.idle is no setting"),
        ({**tick(1, VM), "type": "vm.gone"}, (), "should be a signal"),
        (notice(), ("--now", "soon"), "'soon' is not a moment"),
        (notice(), ("--rules", "nowhere"), "not a folder"),
    ],
)
def test_bad_input_is_refused_with_2(asked, event, more, words):
    """Never an answer about something else than what was asked."""
    code, _, err = asked.raw(event, *more)
    assert 2 == code
    assert words in err


def test_the_command_takes_stdin_and_the_apps_own_rules(tmp_path):
    """As a person types it: the default rules observe, so nothing would happen."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    facts = tmp_path / "facts.json"
    facts.write_text(json.dumps(node_facts()))
    done = subprocess.run(
        [sys.executable, "-m", "cli.main", "explain", "-", "--facts", str(facts)],
        input=json.dumps(notice()),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (3, "") == (done.returncode, done.stderr)
    assert "hold" not in done.stdout
    assert "skip observe_only; without that:" in done.stdout


def test_the_facts_of_the_documentation_are_facts(asked):
    """Whoever copies the example must not be told that it is wrong."""
    page = (ROOT / "docs" / "REPLAY.md").read_text()
    block = page.split("### FACTS.json")[1].split("```json")[1].split("```")[0]
    [vm] = json.loads(block)
    code, document = asked(tick(1, vm), "--now", "2026-11-22T03:00:00Z", facts=block)

    assert 0 == code
    assert ["deallocate"] == [step["verb"] for step in document["signals"][0]["plan"]["steps"]]
