"""Scopes are read strictly and cover what they name; pauses end when they say."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.core.pauses import Scope, Subject, expiry, longest
from tests.builders import (
    CLUSTER,
    GROUP,
    HOUR,
    NOW,
    SCALE_SET,
    SUBSCRIPTION,
    a_pause,
    instance,
)

SUBJECT = Subject(
    "drain-nodes", (instance(29), SCALE_SET, CLUSTER), {"Team": "vision", "env": "prod"}
)


@pytest.mark.parametrize(
    "text",
    [
        "global",
        "rule:drain-nodes",
        f"subscription:{SUBSCRIPTION}",
        f"subscription:/subscriptions/{SUBSCRIPTION.upper()}",
        f"resource_group:{GROUP}",
        f"resource_group:{GROUP.lower()}/",
        f"resource:{instance(29)}",
        f"resource:{SCALE_SET.upper().replace('/SUBSCRIPTIONS', '/subscriptions')}",
        f"resource:{CLUSTER}",
        "tag:team=vision",
        "tag:ENV=prod",
    ],
)
def test_a_scope_covers_what_it_names(text: str):
    """Ids and tag names fold case, and what contains a target speaks for it."""
    assert Scope.parse(text).covers(SUBJECT)


@pytest.mark.parametrize(
    "text",
    [
        "rule:drain",
        "subscription:00000000-0000-0000-0000-000000000000",
        f"resource_group:{GROUP[:-1]}",
        f"resource:{instance(2)}",
        "tag:team=Vision",
        "tag:team=",
        "tag:other=vision",
    ],
)
def test_a_scope_covers_nothing_else(text: str):
    """A pause on machine 2 must not stop 29, nor a group that merely begins alike."""
    assert not Scope.parse(text).covers(SUBJECT)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("everything", "write global, rule:NAME"),
        ("", "write global, rule:NAME"),
        ("global:x", "write only global"),
        ("rule:", "write rule:NAME"),
        ("subscription:prod", "write subscription:GUID"),
        ("resource_group:train", "write resource_group:/subscriptions/"),
        (f"resource_group:{CLUSTER}", "is no resource group"),
        (f"resource:{GROUP}", "write resource: and its ARM id"),
        ("tag:team", "write tag:NAME=VALUE"),
    ],
)
def test_a_scope_that_names_nothing_is_refused(text: str, words: str):
    """A pause that stops nothing is worse than none: somebody relies on it."""
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        Scope.parse(text)


def test_a_pause_ends_to_the_second_and_when_it_is_lifted():
    """Nobody has to remember to lift it, and nobody has to wait for it."""
    pause = a_pause(expires_at=NOW + HOUR)
    assert (True, True, False) == (
        pause.is_in_force(NOW),
        pause.is_in_force(NOW + HOUR - timedelta(microseconds=1)),
        pause.is_in_force(NOW + HOUR),
    )
    assert not a_pause(lifted_at=NOW).is_in_force(NOW)
    assert a_pause(expires_at=None).is_in_force(NOW + 9999 * HOUR)


def test_the_pause_that_lasts_longest_is_the_one_named():
    """So that whoever waits until its end is not held by the next one."""
    short, open_ended = a_pause(id="a"), a_pause(id="b", expires_at=None)
    long = a_pause("rule:drain-nodes", id="c", expires_at=NOW + 2 * HOUR)
    other = a_pause("rule:another", id="d", expires_at=None)
    assert long == longest([short, long, other], SUBJECT, NOW)
    assert open_ended == longest([long, open_ended, short], SUBJECT, NOW)
    assert longest([other], SUBJECT, NOW) is None
    assert longest([short, long], SUBJECT, NOW + 2 * HOUR) is None


def test_a_pause_is_bounded_unless_it_says_until_lifted():
    """Forgotten pauses are how a night shift falls asleep."""
    assert expiry(NOW, timedelta(days=30)) == NOW + timedelta(days=30)
    assert expiry(NOW, None) is None
    for span in (timedelta(days=30, seconds=1), timedelta(seconds=59)):
        with pytest.raises(ValueError, match="1m to 30d, or until_lifted"):
            expiry(NOW, span)
