"""The tests that rules bring along: what passes, what fails, and in which words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.rules.test_rules_command import run

FIXTURES = Path(__file__).parents[3] / "rules/examples/fixtures"
VM = (
    "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups/rg-train/providers"
    "/Microsoft.Compute/virtualMachines/vm-train-01"
)
HEAD = """rules:
- name: idle-dev
  on: compute.idle
  when: target.tags.environment == "dev"
  remediate: deallocate_idle
  tests:
"""


@pytest.fixture
def checked(tmp_path, capsys):
    """Check a rule with one test; the exit code, and what was said of it."""

    def check(test: str, head: str = HEAD) -> tuple[int, str, str]:
        (tmp_path / "a.yaml").write_text(f"{head}  - {test}\n")
        for name in ("idle", "preempt", "idle-machine", "busy-machine", "silent-machine"):
            (tmp_path / f"{name}.json").write_text((FIXTURES / f"{name}.json").read_text())
        code = run("check", tmp_path)
        said = capsys.readouterr()
        return code, said.out.splitlines()[-1], said.err.replace(f"{tmp_path}/", "")

    return check


@pytest.mark.parametrize(
    "test",
    [
        "{event: idle.json, facts: idle-machine.json, expect: act}",
        "{event: idle.json, facts: idle-machine.json, expect: act, steps: [deallocate]}",
        "{event: idle.json, facts: idle-machine.json, expect: act, steps: [deallocate_idle]}",
        "{event: idle.json, facts: busy-machine.json, expect: skip}",
        "{event: idle.json, facts: busy-machine.json, expect: skip, reason: not_idle}",
        "{event: idle.json, facts: silent-machine.json, expect: hold, reason: no_data}",
        "{event: idle.json, facts: idle-machine.json, at: 2026-11-21T08:30:00Z, expect: hold}",
        "{event: preempt.json, expect: no_match}",
    ],
)
def test_what_a_rule_answers_passes(checked, test):
    """Condition and remediation, whatever the mode: these rules only observe."""
    assert (0, "1 rule, 1 test passed", "") == checked(test)


@pytest.mark.parametrize(
    ("test", "why"),
    [
        (
            "{event: idle.json, facts: busy-machine.json, expect: act}",
            "expected act, got skip not_idle (GPU at 87.0%)",
        ),
        (
            "{event: idle.json, facts: idle-machine.json, expect: hold, reason: no_data}",
            "expected hold no_data, got act deallocate",
        ),
        (
            "{event: idle.json, facts: silent-machine.json, expect: hold, reason: busy}",
            "expected hold busy, got hold no_data (it has a GPU and no GPU metric)",
        ),
        (
            "{event: preempt.json, expect: skip}",
            "expected skip, got no_match: the event says vm.preempt",
        ),
        (
            "{event: idle.json, expect: act}",
            (
                f"it decides on machine facts of {VM}, and the test has none:"
                " give them in facts"
            ),
        ),
        (
            "{event: idel.json, expect: act}",
            "its event, idel.json, cannot be read: No such file or directory",
        ),
        (
            "{event: idle.json, facts: idel.json, expect: act}",
            "its facts, idel.json, cannot be read: No such file or directory",
        ),
        ("{event: a.yaml, expect: act}", "its event, a.yaml, is not JSON: Expecting value"),
        (
            "{event: {eventType: 3}, expect: act}",
            "its event cannot be parsed: $.id: is missing",
        ),
        (
            "{event: {remediation: drain_node, target: x}, expect: act}",
            "its event is a runbook request, which asks no rule: write an event",
        ),
        (
            "{event: idle.json, facts: {/x: {machine: null}}, expect: act}",
            "its facts: it has facts of /x; the event is about /subscriptions/",
        ),
    ],
)
def test_what_does_not_come_out_fails_with_what_came(checked, test, why):
    """One line, with the place that an editor jumps to."""
    code, summary, said = checked(test)
    assert (1, "1 rule, 0 tests passed, 1 failed") == (code, summary)
    assert said.startswith(f"a.yaml:7: the test of idle-dev failed: {why}"), said
    assert 1 == len(said.splitlines())


def test_a_failed_test_is_named(checked):
    """A rule may have many."""
    _, _, said = checked("{name: it sleeps, event: preempt.json, expect: hold}")
    assert said.startswith("a.yaml:7: the test 'it sleeps' of idle-dev failed: expected hold")


def test_a_condition_that_fails_is_a_hold(checked):
    """As in the engine; never a silent no match."""
    head = HEAD.replace('target.tags.environment == "dev"', "signal.speed > 3")
    test = "{event: idle.json, facts: idle-machine.json, expect: %s}"
    assert 0 == checked(test % "hold, reason: condition_failed", head)[0]
    assert "got hold condition_failed" in checked(test % "no_match", head)[2]


def test_a_condition_without_facts_is_judged_without_facts(checked):
    """Most tests of "not this one" need none."""
    head = HEAD.replace('target.tags.environment == "dev"', "signal.source == 'elsewhere'")
    assert 0 == checked("{event: idle.json, expect: no_match}", head)[0]
    assert (
        "give them in facts"
        in checked("{event: idle.json, expect: act}", head.replace("elsewhere", "tick"))[2]
    )


def test_every_signal_of_an_event_must_come_out(checked):
    """A notice may name several machines."""
    event = json.loads((FIXTURES / "freeze.json").read_text())
    head = HEAD.replace("compute.idle", "vm.freeze").replace("deallocate_idle", "drain_node")
    instances = [
        "/subscriptions/5f0ac1d2-0000-4000-8000-000000000001/resourceGroups"
        "/MC_rg-train_aks-train_westeurope/providers/Microsoft.Compute"
        f"/virtualMachineScaleSets/aks-gpuspot-31415926-vmss/virtualMachines/{number}"
        for number in (0, 11)
    ]
    facts = {instances[0]: {"node": None}, instances[1]: {"node": None}}
    test = {"event": event, "facts": facts, "expect": "skip", "reason": "target_gone"}
    assert 0 == checked(json.dumps(test), head)[0]
    facts.pop(instances[1])
    assert "virtualMachines/11, and the test has none" in checked(json.dumps(test), head)[2]


def test_an_override_is_tested_with_the_target_that_it_covers(checked):
    """What a person reads in the test is what happens to that target."""
    head = HEAD.replace(
        "  tests:\n",
        "  overrides: [{scope: 'tag:environment=dev', with: {idle_for: 3h}}]\n  tests:\n",
    )
    test = "{event: idle.json, facts: idle-machine.json, expect: hold, reason: no_data}"
    assert 0 == checked(test, head)[0]


def test_an_event_that_no_rule_is_asked_about_says_so(checked):
    """A withdrawal undoes; it is no reason to act."""
    event = json.loads((FIXTURES / "idle.json").read_text()) | {"phase": "resolved"}
    test = {"event": event, "expect": "skip", "reason": "not_actionable"}
    assert 0 == checked(json.dumps(test))[0]


def test_rules_without_tests_are_counted_too(tmp_path, capsys):
    """No test is no failure; the summary says that there was none."""
    (tmp_path / "a.yaml").write_text(HEAD.replace("  tests:\n", ""))
    assert 0 == run("check", tmp_path / "a.yaml")
    assert "1 rule, 0 tests passed" == capsys.readouterr().out.splitlines()[-1]
