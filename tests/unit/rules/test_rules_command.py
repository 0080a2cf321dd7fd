"""``nightshift rules``: exit codes and what it prints."""

import argparse

import pytest

from cli import rules

RULE = "rules:\n- {name: a-rule, on: vm.degraded, remediate: snapshot_and_redeploy}\n"


def run(*words):
    """Run the subcommand as the command line does."""
    parser = argparse.ArgumentParser()
    rules.register(parser.add_subparsers())
    arguments = parser.parse_args(["rules", *map(str, words)])
    return arguments.run(arguments)


def test_good_folders_print_their_rules(tmp_path, capsys):
    """The table shows what is in force after merging."""
    over = tmp_path / "over"
    over.mkdir()
    (tmp_path / "a.yaml").write_text(RULE)
    (over / "b.yml").write_text("rules: [{name: a-rule, mode: auto, when: '[1] == [1]'}]")
    assert run("check", tmp_path, over) == 0
    shown = capsys.readouterr().out
    for word in ("1 rule", "a-rule", "vm.degraded", "snapshot_and_redeploy", "auto", "[1] =="):
        assert word in shown


def test_problems_are_printed_and_fail(tmp_path, capsys):
    """CI stops on them; an editor jumps to them."""
    (tmp_path / "a.yaml").write_text(RULE.replace("degraded", "degradd"))
    (tmp_path / "b.yaml").write_bytes(b"rules: []\n# \xff")
    assert run("check", tmp_path) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith(f"{tmp_path}/a.yaml:2:22: unknown signal 'vm.degradd'")
    assert lines[1].startswith(f"{tmp_path}/b.yaml:2:1: this is not YAML")
    assert lines[2] == "2 problems"


@pytest.mark.parametrize("name", ["nothing", "empty"])
def test_a_folder_without_rules_fails(tmp_path, capsys, name):
    """A misspelt folder must not pass as a rule set without problems."""
    (tmp_path / "empty").mkdir()
    assert run("check", tmp_path / name) == 1
    assert str(tmp_path / name) in capsys.readouterr().err


def test_the_schema_is_printed(capsys):
    """For editors that take it from elsewhere."""
    assert run("schema") == 0
    assert rules.schema_text() == capsys.readouterr().out
