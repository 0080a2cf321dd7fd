"""Overrides: the same rule with other terms for some targets."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.core.pauses import Scope, Subject
from shared.core.plans import Mode
from shared.core.terms import ApprovalKind, Channel
from tests.unit.rules.small import VM, idle, load, refusal, rule

HOUR = timedelta(hours=1)
SUBSCRIPTION = VM.split("/")[2]
GROUP = VM.partition("/providers")[0]
OVERRIDES = (
    "mode: auto",
    "with: {tries: 5, wait: 1h}",
    "guard: {cooldown: 1h, max_age: 2h}",
    "tests: [{event: x.json, expect: skip}]",
    "overrides:",
    "  - {scope: 'tag:Environment=prod', mode: observe, guard: {cooldown: 3h}}",
    f"  - scope: resource_group:{GROUP}",
    "    approval: four_eyes",
    "    with: {tries: 1}",
    f"  - {{scope: 'subscription:{SUBSCRIPTION}', notify: teams}}",
)


def about(resource: str, **tags: str) -> Subject:
    """Make what a plan of the rule would touch."""
    return Subject("small-rule", (resource,), tags)


def test_the_first_scope_that_covers_a_target_counts():
    """As people read the list: from the top."""
    (loaded,) = load(idle(*OVERRIDES)).rules
    prod, group, subscription = (version for _, version in loaded.overrides)
    elsewhere = GROUP.replace("lab", "other")
    assert prod is loaded.version_for(about(VM, environment="prod"))
    assert group is loaded.version_for(about(VM, environment="Prod"))
    assert subscription is loaded.version_for(about(elsewhere))
    assert loaded is loaded.version_for(about("/subscriptions/other"))


def test_an_override_changes_what_it_says_and_nothing_else():
    """Key by key within guard and with."""
    (loaded,) = load(idle(*OVERRIDES)).rules
    prod, group, subscription = (version for _, version in loaded.overrides)
    assert (Mode.OBSERVE, 3 * HOUR, 2 * HOUR, 5) == (
        prod.mode,
        prod.cooldown,
        prod.max_age,
        prod.settings.tries,
    )
    assert group.approval is not None
    assert (Mode.AUTO, HOUR, 1, HOUR, ApprovalKind.FOUR_EYES) == (
        group.mode,
        group.cooldown,
        group.settings.tries,
        group.settings.wait,
        group.approval.kind,
    )
    assert ((Channel.TEAMS,), None) == (subscription.notify, subscription.approval)
    assert ((), None) == (loaded.notify, loaded.approval)


def test_each_version_is_the_same_rule_under_its_own_hash():
    """A pause of the rule stops all of them; a plan's record tells which one it was."""
    (loaded,) = load(idle(*OVERRIDES)).rules
    versions = [version for _, version in loaded.overrides]
    assert {"small-rule"} == {one.name for one in versions}
    assert 4 == len({loaded.hash, *(one.hash for one in versions)})
    assert ["f0.yaml:10", "f0.yaml:11", "f0.yaml:14"] == [one.source for one in versions]
    assert [(), (), ()] == [one.tests for one in versions]
    assert Scope.parse("tag:Environment=prod") == loaded.overrides[0][0]


def test_a_later_layer_changes_the_base_of_every_version():
    """The versions are made when all layers are known."""
    (loaded,) = load(
        idle(*OVERRIDES), "rules: [{name: small-rule, with: {wait: 2h}, mode: suggest}]"
    ).rules
    assert [(Mode.OBSERVE, 2 * HOUR), (Mode.SUGGEST, 2 * HOUR), (Mode.SUGGEST, 2 * HOUR)] == [
        (version.mode, version.settings.wait) for _, version in loaded.overrides
    ]


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("3", "an override is not a mapping; write - scope: and its keys"),
        ("{mode: auto}", "this override has no scope; write subscription:GUID, resource_grou"),
        ("{scope: 3}", "the scope is no text"),
        ("{scope: 'prod'}", "scope 'prod' is not known; write subscription:GUID"),
        ("{scope: 'tag:prod'}", "'prod' is no tag; write subscription:GUID"),
        ("{scope: global}", "a rule has no other terms for global; write subscription:GUID"),
        ("{scope: 'rule:x'}", "a rule has no other terms for rule; write subscription:GUID"),
        (
            "{scope: 'tag:a=b', when: 'true'}",
            "unknown key 'when' in an override; write one of",
        ),
        (
            "{scope: 'tag:a=b', gaurd: {}}",
            "unknown key 'gaurd' in an override; did you mean g",
        ),
        ("{scope: 'tag:a=b', mode: atuo}", "6:34: unknown mode 'atuo'; did you mean auto?"),
        (
            "{scope: 'tag:a=b', with: {trise: 1}}",
            "small_thing has no setting 'trise'; did you",
        ),
        ("{scope: 'tag:a=b', guard: {canary: {}}}", "guard.canary.soak is missing"),
        ("{scope: 'tag:a=b', remediate: other}", "unknown key 'remediate' in an override"),
    ],
)
def test_an_override_that_cannot_be_meant_is_refused_where_it_stands(override, problem):
    """Its targets would be acted on under the base's terms."""
    found = refusal(idle("overrides:", f"  - {override}"))
    assert any(problem in one and one.startswith("f0.yaml:6:") for one in found), found


def test_one_scope_is_overridden_once():
    """Azure folds the case of ids and tag names, and so the second would never count."""
    one, two = f"{{scope: 'resource:{VM}'}}", f"{{scope: 'resource:{VM.upper()}'}}"
    (problem,) = refusal(idle("overrides:", f"  - {one}", f"  - {two}"))
    assert f"the scope resource:{VM.upper()} is overridden already at f0.yaml:6:17" in problem
    tags = ("{scope: 'tag:env=a'}", "{scope: 'tag:ENV=a'}", "{scope: 'tag:env=A'}")
    (problem,) = refusal(idle("overrides:", *(f"  - {tag}" for tag in tags)))
    assert problem.startswith("f0.yaml:7:17: the scope tag:ENV=a is overridden already")


def test_an_override_may_not_make_an_eviction_wait_either():
    """The signal's class is the rule's, whatever the scope."""
    (problem,) = refusal(rule("overrides: [{scope: 'tag:a=b', approval: required}]"))
    assert problem.startswith("f0.yaml:5:36: approval would hold back the answer to vm.preem")


def test_what_is_no_list_of_overrides_is_refused():
    """And a list without end."""
    (problem,) = refusal(idle("overrides: {scope: 'tag:a=b'}"))
    assert "f0.yaml:5:16: overrides is no list; write a list: - {scope" in problem
    many = ", ".join(f"{{scope: 'tag:a={number}'}}" for number in range(51))
    (problem,) = refusal(idle(f"overrides: [{many}]"))
    assert "there are 51 overrides; write at most 50" in problem


def test_what_is_wrong_with_the_rule_is_said_once():
    """However many versions of it there are."""
    (problem,) = refusal(idle(*OVERRIDES, "when: target.nam == ''"))
    assert "target has no member 'nam'" in problem
