"""``nightshift replay``: decisions on recorded events, counted and compared."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders import NOW, VM
from tests.unit.cli.recorded import (
    MINUTE,
    SECOND,
    a_line,
    machine_facts,
    node_facts,
    notice,
    replayed,
    rules,
    run,
    said,
    tick,
)

ROOT = Path(__file__).parents[3]


def test_an_event_is_decided_on_its_recorded_facts(tmp_path):
    """Act, with the steps; nothing is read from anywhere."""
    [one] = replayed(tmp_path, [a_line(notice())])["decisions"]

    assert ("e-1", 1, "vm.preempt") == (one["event_id"], one["line"], one["type"])
    [ruling] = one["decisions"]
    assert ("drain", "act", ["cordon", "drain"]) == (
        ruling["rule"],
        ruling["kind"],
        ruling["steps"],
    )


@pytest.mark.parametrize(
    ("facts", "expected"),
    [({}, "hold unreadable"), (None, "act"), ("gone", "skip target_gone")],
)
def test_facts_that_were_not_recorded_are_unknown_and_a_gone_target_is_known(
    tmp_path, facts, expected
):
    """As the engine would say it if it could not read; never a guess."""
    if facts == "gone":
        facts = {target: {"node": None} for target in node_facts()}
    assert [expected] == said(replayed(tmp_path, [a_line(notice(), facts=facts)]))


def test_duplicates_and_withdrawals_are_met_as_the_ledger_would_meet_them(tmp_path):
    """The cordon is taken back once, and what comes after is late."""
    lines = [
        a_line(notice()),
        a_line(notice(), at=NOW + SECOND),
        a_line(notice(status="Started"), at=NOW + 2 * SECOND),
        a_line(notice(status="Canceled"), at=NOW + 3 * SECOND),
        a_line(notice(status="Canceled"), at=NOW + 4 * SECOND),
        a_line(notice("e-2", status="Completed"), at=NOW + 5 * SECOND),
        a_line(notice("e-2"), at=NOW + 6 * SECOND),
    ]

    document = replayed(tmp_path, lines)

    assert [
        "act",
        "skip duplicate",
        "skip duplicate",
        "act",
        "skip duplicate",
        "skip not_actionable",
        "skip not_actionable",
    ] == said(document)
    assert ["uncordon"] == document["decisions"][3]["decisions"][0]["steps"]


def test_cooldown_counts_from_the_replays_own_decisions(tmp_path):
    """Not from what the app did then: these rules may have done something else."""
    facts = machine_facts(VM)
    lines = [
        a_line(tick(n, VM), at=NOW + n * MINUTE, facts=facts, inlet="") for n in (0, 59, 60)
    ]

    document = replayed(tmp_path, lines)

    assert ["act", "hold cooldown", "act"] == said(document)
    counts = document["summary"]["rules"]["stop-idle"]
    assert (2, 1, {"cooldown": 1}) == (
        counts["acted"],
        counts["would_have_acted"],
        counts["held"],
    )


def test_a_plan_may_be_taken_to_last(tmp_path):
    """Closed at once unless said otherwise."""
    lines = [
        a_line(notice("e-1")),
        a_line(notice("e-2"), at=NOW + SECOND),
        a_line(notice("e-3", kind="Reboot"), at=NOW + 11 * SECOND),
    ]

    assert ["act", "act", "act"] == said(replayed(tmp_path, lines))
    kept = said(replayed(tmp_path, lines, "--plan-takes", "10s"))
    assert ["act", "hold in_flight", "act"] == kept


def test_a_bad_line_is_told_with_its_number_and_is_not_fatal(tmp_path):
    """One broken line must not hide a hundred thousand good ones."""
    wrong = [
        "{",
        "[]",
        '{"event": {}}',
        '{"received_at": "yesterday", "event": {}}',
        '{"received_at": "2030-01-01T03:00:00", "event": {}}',
        a_line("no", encoding="rot13"),
        a_line("no", encoding="base64"),
        a_line(notice(), facts={"x": 7}),
        "[" * 100_000,
    ]
    lines = [a_line(notice()), "", *wrong, a_line(notice("e-2"))]
    file = tmp_path / "events.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")

    code, _, err = run("replay", file, "--rules", rules(tmp_path / "rules"))

    assert 0 == code
    assert [f"line {n}" for n in range(3, 12)] == [x.split(":")[0] for x in err.splitlines()]
    document = replayed(tmp_path, lines)
    assert (9, 11, 2) == (
        document["summary"]["bad_lines"],
        document["summary"]["lines"],
        document["summary"]["signals"],
    )


def test_what_was_no_event_is_quarantined_again(tmp_path):
    """A recording keeps poison as it came, and a replay refuses it as the app did."""
    poison = base64.b64encode(b"\xff").decode()
    lines = [
        a_line("{", encoding="text"),
        a_line(poison, encoding="base64"),
        a_line({"schemaId": "AzureMonitorMetricAlert"}, inlet="on_alert"),
        a_line("just a text"),
    ]

    assert 4 == replayed(tmp_path, lines)["summary"]["quarantined"]


def test_what_nobody_answers_is_counted_as_the_ledger_records_it(tmp_path):
    """It was heard, and no rule had a word for it."""
    event = {
        "specversion": "1.0",
        "id": "r-1",
        "source": "/x",
        "type": "Somebody.Elses.Event",
        "time": "2030-01-01T03:00:00Z",
        "data": {},
    }
    assert ["skip no_rule"] == said(replayed(tmp_path, [a_line(event)]))


def test_two_rule_sets_are_compared_by_decision_reason_and_steps(tmp_path):
    """What changes is what a person must look at before they deploy."""
    lines = [a_line(notice()), a_line(notice(status="Canceled"), at=NOW + SECOND)]
    same = rules(tmp_path / "same")
    watching = rules(tmp_path / "watching", mode="observe")
    slower = rules(tmp_path / "slower", margin="9s")
    other = rules(tmp_path / "other", when="target.tags.workload == 'web'")

    assert [] == replayed(tmp_path, lines, "--against", same)["differences"]
    observed = replayed(tmp_path, lines, "--against", watching)["differences"]
    assert ["observe_only", "nothing_to_undo"] == [d["against"]["reason"] for d in observed]
    [steps] = replayed(tmp_path, lines[:1], "--against", slower)["differences"]
    assert [3.0, 9.0] == [
        steps[side]["steps"][1]["args"]["margin_s"] for side in ("rules", "against")
    ]
    [tag] = replayed(tmp_path, lines[:1], "--against", other)["differences"]
    assert ("skip", "not_matched") == (tag["against"]["kind"], tag["against"]["reason"])


def test_the_table_counts_by_rule_and_shows_the_first_differences(tmp_path):
    """For people; the JSON has it all."""
    file = tmp_path / "events.jsonl"
    lines = [a_line(notice(f"e-{n}"), at=NOW - n * SECOND) for n in range(30)]
    file.write_text("\n".join(lines))
    mine, other = rules(tmp_path / "a"), rules(tmp_path / "b", mode="suggest")

    code, out, _ = run("replay", file, "--rules", other, "--against", mine)

    assert 0 == code
    assert "30 signals are answered differently" in out
    assert "suggest_only 30" in out
    assert "29 came before the line above them" in out
    assert "and 10 more" in out


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("nowhere.jsonl", "--rules", "rules"), "No such file"),
        (("events.jsonl", "--rules", "nowhere"), "nowhere is not a folder"),
        (("events.jsonl", "--rules", "wrong"), "unknown remediation 'drain_nod'"),
        (("events.jsonl", "--rules", "rules", "--plan-takes", "soon"), "not a duration"),
    ],
)
def test_bad_input_is_refused_with_2(tmp_path, monkeypatch, words, problem):
    """A script must see it, and a person must know what to write."""
    monkeypatch.chdir(tmp_path)
    rules(tmp_path / "rules")
    file = rules(tmp_path / "wrong") / "rules.yaml"
    file.write_text(file.read_text().replace("drain_node", "drain_nod"))
    (tmp_path / "events.jsonl").touch()

    code, _, err = run("replay", *words)

    assert 2 == code
    assert problem in err


def test_the_command_reads_stdin_and_gives_the_same_bytes_whatever_the_hash_seed(tmp_path):
    """A difference between two replays must be the rules', never the process's."""
    lines = "\n".join(
        a_line(notice(f"e-{n}", kind=("Preempt", "Reboot")[n % 2])) for n in range(9)
    )
    rules(tmp_path / "a")
    rules(tmp_path / "b", mode="observe")
    command = [sys.executable, "-m", "cli.main", "replay", "-", "--rules", "a"]
    command += ["--against", "b", "--json", "-"]
    outputs = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed}
        done = subprocess.run(
            command,
            input=lines,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.add(done.stdout)

    [output] = outputs
    assert 9 == json.loads(output)["summary"]["differences"]
