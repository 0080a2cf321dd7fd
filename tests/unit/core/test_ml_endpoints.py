"""Splits of an endpoint's traffic: read strictly, written so that they read the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from shared.core.ml_endpoints import parse_split, read_split, write_split


@pytest.mark.parametrize(
    "text",
    [
        "",
        "blue",
        "blue=99",
        "blue=50 green=51",
        "blue=-5 green=105",
        "blue=50 blue=50",
        "b=1e2",
    ],
)
def test_a_tag_that_is_no_whole_split_is_none(text: str):
    """Going back to half a split would lose the other half's requests."""
    assert None is parse_split(text)


@given(some.integers(0, 100))
def test_a_split_written_reads_the_same(share: int):
    """A deployment that gets nothing is left out, as the service leaves it out."""
    split = {name: part for name, part in (("blue", 100 - share), ("green", share)) if part}
    assert split == parse_split(write_split(split))


@pytest.mark.parametrize("share", [True, "50", 50.0, -1, 101, None])
def test_a_share_that_is_no_percent_is_refused(share: object):
    """What cannot be read is acted on by nobody."""
    with pytest.raises(ValueError, match="green"):
        read_split({"blue": 50, "green": share})


def test_names_are_folded_and_zeros_dropped():
    """As the service does."""
    assert {"blue": 100} == read_split({"Blue": 100, "green": 0})
    assert {} == read_split(None)
