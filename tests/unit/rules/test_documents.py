"""Rule files are YAML 1.2, and hostile YAML is refused while it is read."""

import pytest

from shared.rules.documents import MAX_NODES, plain, read, resolve
from shared.rules.problems import Problems
from tests.unit.rules.small import GOOD, load, refusal


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("No", "No"),
        ("true", True),
        ("FALSE", False),
        ("", None),
        ("~", None),
        ("12", 12),
        ("-3", -3),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("0.5", 0.5),
        ("1e3", 1000.0),
        ("-.inf", float("-inf")),
        ("20s", "20s"),
        ("0x10", "0x10"),
        ("<<", "<<"),
    ],
)
def test_plain_words_mean_what_yaml_1_2_says(text, value):
    """Editors read 1.2; PyYAML's own 1.1 would turn the mode ``off`` into false."""
    assert (value, type(value)) == (resolve(text), type(resolve(text)))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: &x [1]\nb: *x", "1:4: anchors and aliases are not read"),
        ("a: *x", "1:4: anchors and aliases are not read"),
        (
            "rules: !!python/object/apply:os.system [ls]",
            "1:8: the tag tag:yaml.org,2002:python",
        ),
        ("rules: !local x", "1:8: the tag !local is not read"),
        ("rules: []\nrules: []", "2:1: the key 'rules' is given twice, first on line 1"),
        ("rules: []\n---\nrules: []", "2:1: a second document begins"),
        ("? [a]\n: b", "1:3: this key is not a word"),
        ("1: 2", "1:1: this key is not a word"),
        ("[" * 100, "1:26: nested deeper than 24 levels"),
        ("rules: 1234567890123456789", "1:8: a number of 19 digits"),
        ("rules: [}", "1:9: this is not YAML"),
        ("rules: 'x", "1:10: this is not YAML: found unexpected end of stream"),
        ("rules:\n\t- a", "2:1: this is not YAML"),
        ("\x00", "1:1: this is not YAML"),
        ("rules: []\n# \udcff", "2:1: this is not YAML: surrogates not allowed"),
        ("", "1:1: the file holds no rules; begin it with the line 'rules:'"),
        ("- a", "1:1: the file holds no rules"),
        ("rules:", "1:7: there is no list of rules"),
        ("rules: [3]", "1:9: a rule is not a mapping"),
        ("rules: [{name: 3}]", "1:16: the name is not text"),
        ("blocks: {}\nrules: []", "1:9: blocks is no list; write - name: and its keys"),
        ("x" * (512 * 1024 + 1), "1:1: the file has 524289 characters"),
    ],
)
def test_a_text_that_is_no_rule_file_is_refused(text, problem):
    """With its place; nothing is executed, expanded or guessed."""
    assert refusal(text)[0].startswith(f"f0.yaml:{problem}")


def test_too_many_values_are_refused_while_reading():
    """A small file can hold many values; the count is bounded before the tree is built."""
    (problem,) = refusal(f"rules: [{'1,' * (MAX_NODES + 1)}]")
    assert f"more than {MAX_NODES} values" in problem


def test_an_empty_list_of_rules_is_a_rule_book():
    """An environment may have no rules yet."""
    assert load("rules: []").rules == ()


def test_one_refused_file_does_not_hide_the_problems_of_another():
    """All files are read before anything is reported."""
    assert [2, 2] == [
        len(refusal("rules: [", GOOD.replace("vm.preempt", "nothing"))),
        len(refusal(GOOD.replace("vm.preempt", "nothing"), "rules: [")),
    ]


def test_a_tree_without_its_places_is_the_plain_value():
    """What the models check is ordinary data."""
    problems = Problems()
    node = read("f", "a: [1, {b: 'on'}]", problems)
    assert node is not None
    assert {"a": [1, {"b": "on"}]} == plain(node)
    assert len(problems) == 0
