"""Rule files become rules, or every problem in them with its place and its remedy."""

from datetime import timedelta

import pytest

from shared.core.errors import GiveUp
from shared.core.plans import Mode
from shared.core.signals import SignalType
from shared.rules.problems import RulesRefused
from tests.unit.rules.small import GOOD, SMALL, Settings, Speed, load, refusal, rule


def test_a_rule_says_all_that_it_may_say():
    """Every key of this version reaches the engine."""
    book = load(
        rule(
            'when: target.tags.workload == "training"',
            "with: {wait: 1h30m, share: 1, tries: 3, force: true, label: x, pools: [a, b],"
            " speed: fast}",
            "mode: auto",
            "guard: {cooldown: 30m}",
            "description: d",
            "notes: n",
        )
    )
    (loaded,) = book.rules
    expected = Settings(
        timedelta(minutes=90),
        1.0,
        3,
        force=True,
        label="x",
        pools=("a", "b"),
        speed=Speed.FAST,
    )
    assert expected == loaded.settings
    assert (Mode.AUTO, timedelta(minutes=30)) == (loaded.mode, loaded.cooldown)
    assert ("d", "n", SMALL) == (loaded.description, loaded.notes, loaded.remediation)
    assert loaded.condition.text == 'target.tags.workload == "training"'
    assert loaded.source == "f0.yaml:2"


def test_a_rule_that_says_little_only_observes():
    """Forgetting a key must never make a rule act."""
    (loaded,) = load(GOOD).rules
    assert Mode.OBSERVE == loaded.mode
    assert (timedelta(0), "true", Settings()) == (
        loaded.cooldown,
        loaded.condition.text,
        loaded.settings,
    )


def test_mode_off_is_a_word_and_no_truth_value():
    """YAML 1.1 reads ``off`` as false and ``on`` as true; both are words here."""
    (loaded,) = load(rule("mode: off")).rules
    assert Mode.OFF == loaded.mode
    assert frozenset({SignalType.VM_PREEMPT}) == loaded.on


def test_a_list_of_one_rung_is_a_remediation_with_settings():
    """The form of ladders works already with one rung."""
    text = GOOD.replace("remediate: small_thing", "remediate: [small_thing: {tries: 5}]")
    assert load(text).rules[0].settings.tries == 5
    bare = GOOD.replace("remediate: small_thing", "remediate: [small_thing]")
    assert Settings() == load(bare).rules[0].settings


def test_the_book_finds_rules_by_signal_and_by_name():
    """The engine asks for both; order is the files' order."""
    second = GOOD.replace("small-rule", "another").replace("vm.preempt", "compute.idle")
    third = GOOD.replace("small-rule", "aaa")
    book = load(GOOD, second, third)
    assert ["small-rule", "aaa"] == [r.name for r in book.answering(SignalType.VM_PREEMPT)]
    assert book.answering(SignalType.VM_FREEZE) == ()
    assert book.rules[1] is book.named("another")
    assert book.named("nothing") is None


def test_refused_rules_are_nothing_to_retry():
    """The engine sorts errors by what to do; a wrong file stays wrong."""
    assert issubclass(RulesRefused, GiveUp)


def test_one_run_names_everything_that_is_wrong():
    """Nobody fixes a file one error at a time."""
    assert refusal(
        rule("mode: aut", "colour: red", "guard: {cooldwn: 3m}", "with: {trise: 3}"),
        "rules: [{name: small-rule, when: tarket.name}]\nruls: 1\n",
    ) == [
        "f0.yaml:5:11: unknown mode 'aut'; did you mean auto?",
        (
            "f0.yaml:6:5: unknown key 'colour' in a rule; write one of: approval,"
            " description, guard, match, mode, name, notes, notify, on, overrides, priority,"
            " remediate, strikes, tests, use, when, with"
        ),
        "f0.yaml:7:13: unknown key 'cooldwn' in guard; did you mean cooldown?",
        "f0.yaml:8:12: small_thing has no setting 'trise'; did you mean tries?",
        (
            "f1.yaml:1:34: when: there is no variable 'tarket' in conditions;"
            " did you mean target?"
        ),
        "f1.yaml:2:1: unknown key 'ruls' in a rule file; did you mean rules?",
    ]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "vm.preempt",
            "vm.prempt",
            "3:9: unknown signal 'vm.prempt'; did you mean vm.preempt?",
        ),
        (
            "vm.preempt",
            "[compute.idle, vm.freeze]",
            "3:24: small_thing does not answer vm.freeze; it answers compute.idle, vm.preempt",
        ),
        (
            "small_thing",
            "smal_thing",
            "4:16: unknown remediation 'smal_thing'; did you mean small_thing?",
        ),
        (
            "small_thing",
            "{small_thing: {}}",
            (
                "4:16: remediate does not fit: it is {'small_thing': {}};"
                " write remediate: drain_node, or a list with one entry"
            ),
        ),
        (
            "name: small-rule",
            "name: Small Rule",
            (
                "2:11: the name 'Small Rule' does not fit;"
                " write lower-case words with hyphens, as in drain-spot-nodes"
            ),
        ),
        (
            "name: small-rule",
            "nam: x",
            "2:5: this rule has no name; write name: and a unique name",
        ),
        (
            "    remediate: small_thing\n",
            "",
            "2:11: the rule 'small-rule' has no remediate; write one of: small_thing",
        ),
        (
            "    on: vm.preempt\n",
            "",
            "2:11: the rule 'small-rule' has no on; write one of: compute.idle, vm.preempt",
        ),
        ("on: vm.preempt", "on: []", "3:9: on does not fit"),
        ("on: vm.preempt", "on:", "3:8: on does not fit: it is nothing; write on: vm"),
        (
            "remediate: small_thing",
            "remediate:",
            "4:15: remediate does not fit: it is nothing; write remediate: drain_node",
        ),
        ("remediate: small_thing", "remediate: ''", "4:16: unknown remediation ''"),
        ("rules:", "rule:", "1:1: unknown key 'rule' in a rule file; did you mean rules?"),
    ],
)
def test_a_wrong_word_is_refused_where_it_stands(old, new, problem):
    """File, line and column, and what to write instead."""
    problems = refusal(GOOD.replace(old, new))
    assert any(line.startswith(f"f0.yaml:{problem}") for line in problems), problems


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("wait: 20", "with.wait: 20 is not a duration; write for example 20s, 10m, 1h30m"),
        ("wait: 99999999999d", "is too long a duration; write at most 3650d"),
        ("tries: true", "with.tries: true does not fit; write a whole number"),
        ("tries: 1.5", "with.tries: 1.5 does not fit; write a whole number"),
        ("share: .nan", "with.share: nan does not fit; write a number"),
        ("share: 5%", "with.share: '5%' does not fit; write a number"),
        ("share: 5", "with: share 5.0 is no fraction; write 0 to 1"),
        ("force: yes", "with.force: 'yes' does not fit; write true or false"),
        ("label: 3", "with.label: 3 does not fit; write text, in quotes"),
        ("pools: a", "with.pools: 'a' is not a list; write ['a']"),
        ("pools: [1]", "with.pools: 1 does not fit; write text, in quotes"),
        ("speed: fat", "with.speed: 'fat' is not known; write one of slow, fast"),
        ("timeout: 3m", "no setting 'timeout'; write timeout in the ladder: remediate: [name"),
    ],
)
def test_a_setting_of_the_wrong_kind_is_refused(setting, problem):
    """``cpu_below: 5`` for five per cent would make every machine idle."""
    (found,) = refusal(rule(f"with: {{{setting}}}"))
    assert found.startswith("f0.yaml:5:")
    assert problem in found


def test_settings_in_both_forms_are_refused():
    """Which of the two would count is nobody's guess."""
    text = GOOD.replace("remediate: small_thing", "remediate: [small_thing: {tries: 5}]")
    assert refusal(text + "    with: {tries: 1}\n") == [
        (
            "f0.yaml:4:17: the settings are given twice: in with and in remediate;"
            " keep one of them"
        )
    ]


@pytest.mark.parametrize(
    ("condition", "column", "message"),
    [
        ("target.name == ", 25, "mismatched input '<EOF>'"),
        ('target.name == "a" and true', 30, "write && instead of and"),
        ('target.nam == "a"', 11, "target has no member 'nam'; did you mean name?"),
        ("target.pool_size > 3", 11, "target has no member 'pool_size'"),
        ("target.pool == 'a'", 11, "target.pool is no single value; write target.pool.id or"),
        ("facts.node.name == 'a'", 11, "facts has no member 'node'"),
        ("facts.utilisation.cpuu > 0.5", 11, "facts.utilisation has no member 'cpuu'"),
        ("true && facts.resource.name == 'a'", 19, "facts.resource is the target"),
        ("facts.power.x == 1", 11, "facts.power has no members; compare facts.power itself"),
        ("true || resource.name == 'a'", 19, "there is no variable 'resource'"),
        ("sise(target.name) > 1", 11, "there is no function 'sise'"),
        ("target.name.lower() == 'a'", 23, "there is no function 'lower'"),
        ("true && [1].exists(x, x > y)", 37, "there is no variable 'y'"),
        ("true && [1].exists(x, x > 0) && x > 1", 43, "there is no variable 'x'"),
        (".other", 11, "there is no variable '.other'"),
        ("1 + 2", 11, "it gave 3 instead of true or false"),
        ("1 / 0 == 1", 11, "division by zero"),
    ],
)
def test_a_condition_that_cannot_work_is_refused_at_its_character(condition, column, message):
    """Better at load than at the first eviction, which leaves thirty seconds."""
    (found,) = refusal(rule(f"when: {condition}"))
    assert found.startswith(f"f0.yaml:5:{column}: when: ")
    assert message in found


@pytest.mark.parametrize(
    ("lines", "place"),
    [
        (["when: 'tarket.name'"], "5:12"),
        (["when: >-", "  tarket.name"], "6:7"),
        (["when: |-", "  true", "  || tarket.name"], "5:11"),
    ],
)
def test_a_condition_in_quotes_or_a_block_is_still_found(lines, place):
    """Long conditions are written so; several lines point at where they begin."""
    (found,) = refusal(rule(*lines))
    assert found.startswith(f"f0.yaml:{place}: when: there is no variable 'tarket'")


def test_an_overlong_condition_is_refused():
    """Two thousand characters are more than anybody can review."""
    (found,) = refusal(rule(f"when: {'true && ' * 300}true"))
    assert "when does not fit" in found
