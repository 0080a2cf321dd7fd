"""What a rule's hash is made of."""

from __future__ import annotations

import pytest

from shared.rules.content import hash_of

RULE = {"name": "a", "with": {"keep": "14d"}, "guard": {"cooldown": "1h", "limits": []}}


@pytest.mark.parametrize(
    "more",
    [
        {"with": {"keep": "14d", "within": "0s", "copy": False, "owner": ""}},
        {"guard": {"limits": [], "cooldown": "1h", "budget": None, "kinds": {"of": {}}}},
        {"notes": None},
    ],
)
def test_what_is_off_changes_no_name(more):
    """So a later release, with more that could be switched on, knows the rule again."""
    assert hash_of(RULE) == hash_of(RULE | more)


@pytest.mark.parametrize(
    "more",
    [
        {"with": {"keep": "15d"}},
        {"with": {"keep": "14d", "copy": True}},
        {"guard": {"cooldown": "1h", "limits": [{"count": 0}]}},
        {"priority": 0},
    ],
)
def test_whatever_is_on_does(more):
    """A number is one even where it is 0."""
    assert hash_of(RULE) != hash_of(RULE | more)
