"""Moments, spans, quantities and bounds: the small readings that parsers share."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from shared.core.json_bounds import CUT, MAX_KEPT, MAX_TEXT, bounded
from shared.core.moments import read_moment, read_span, write_moment
from shared.parsing.common_alert.quantities import money, si_number


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sun, 22 Nov 2026 03:04:05 GMT", datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)),
        ("Mon, 22 Nov 2026 03:04:05 GMT", datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)),
        ("22 Nov 2026 03:04:05 +0100", datetime(2026, 11, 22, 2, 4, 5, tzinfo=UTC)),
        ("2026-11-22", datetime(2026, 11, 22, tzinfo=UTC)),
        ("2026-11-22 03:04", datetime(2026, 11, 22, 3, 4, tzinfo=UTC)),
        (
            "2026-11-22T03:04:05.123456789Z",
            datetime(2026, 11, 22, 3, 4, 5, 123456, tzinfo=UTC),
        ),
        ("2026-11-22T03:04:05.5", datetime(2026, 11, 22, 3, 4, 5, 500000, tzinfo=UTC)),
        ("2026-11-22T03:04:05-03:30", datetime(2026, 11, 22, 6, 34, 5, tzinfo=UTC)),
        ("3/22/2019 12:00:00 AM", datetime(2019, 3, 22, tzinfo=UTC)),
        ("3/22/2019 12:36:31 PM", datetime(2019, 3, 22, 12, 36, 31, tzinfo=UTC)),
        ("0001-01-01T00:00:00.0000000Z", None),
        ("0001-01-01T00:00:00+05:00", None),
        ("  ", None),
    ],
)
def test_every_form_azure_writes_a_moment_in_is_read_to_utc(text, expected):
    """A wrong weekday is ignored: the vendor's own samples have them."""
    assert expected == read_moment(text)


@pytest.mark.parametrize(
    "text",
    [
        "soon",
        "2026-13-01T00:00:00Z",
        "2026-02-30",
        "2026-11-22T25:00:00Z",
        "2026-11-22T03:04:60Z",
        "2026-11-22T03:04:05+99:00",
        "9999-12-31T23:59:59-01:00",
        "22 Mai 2026 03:04:05 GMT",
        "13/22/2019 1:36:31 PM",
        "3/22/2019 13:36:31 PM",
        "२०२६-११-२२",
        "1763780645",
    ],
)
def test_what_is_no_moment_is_refused_with_what_to_write(text):
    """No moment is ever made up."""
    with pytest.raises(ValueError, match="is not a moment: write for example"):
        read_moment(text)


def test_a_moment_written_is_the_moment_read():
    """Attributes carry moments as texts: they must come back as they were."""
    moment = datetime(2026, 11, 22, 4, 4, 5, 60, tzinfo=timezone(timedelta(hours=1)))
    assert "2026-11-22T03:04:05.000060Z" == write_moment(moment)
    assert moment == read_moment(write_moment(moment))


@pytest.mark.parametrize(
    ("text", "expected"),
    [("PT5M", 300), ("PT1H", 3600), ("P1DT6H", 108_000), ("PT0.5S", 0.5), ("pt10m", 600)],
)
def test_a_window_size_is_read_to_a_span(text, expected):
    """Azure Monitor writes sizes in ISO 8601."""
    assert timedelta(seconds=expected) == read_span(text)


@pytest.mark.parametrize("text", ["", "P", "PT", "5m", "PT5", "P1M", "PT9999999999H"])
def test_what_is_no_span_is_refused(text):
    """Months have no length, and a bare P says nothing."""
    with pytest.raises(ValueError, match="is not a duration"):
        read_span(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0.0),
        ("12.7m", 0.0127),
        ("1.5k", 1500.0),
        ("3M", 3e6),
        ("2Gi", 2.0**31),
        ("-4u", -4e-6),
        ("1e+06", 1e6),
        ("NaN", None),
        ("+Inf", None),
        ("1e999", None),
        ("12 apples", None),
        ("", None),
    ],
)
def test_an_si_suffix_scales_the_number(text, expected):
    """The case counts: m is a thousandth and M a million."""
    assert (expected is None) == (si_number(text) is None)
    assert (expected or 0.0) == pytest.approx(si_number(text) or 0.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$11,111.00", 11111.0),
        ("$50.00", 50.0),
        ("1234.5", 1234.5),
        ("€ 7", 7.0),
        ("1,23", None),
        ("", None),
        ("none", None),
    ],
)
def test_an_amount_is_read_without_its_currency(text, expected):
    """A comma that parts no thousands is not guessed at."""
    assert expected == money(text)


def test_what_fits_is_kept_as_it_is():
    """Bounds are for the rare event, and change nothing of the usual one."""
    fields = {"text": "ä", "list": [1, None, True, {"a": 0.5}], "more": {"b": []}}
    assert fields == bounded(fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"text": "x" * 1_000_000},
        {"text": "\u4e2d" * 100_000, "next": "\U0001f680" * 100_000},
        {"list": ["y" * 100] * 10_000},
        {"numbers": list(range(100_000))},
        {"keys": {f"key {n}": n for n in range(10_000)}},
        {"k" * 100_000: 1},
        {"deep": [[[["z" * 5000] * 10] * 10] * 10]},
    ],
)
def test_whatever_is_kept_fits_a_ledger_row_and_shows_its_cuts(fields):
    """Table storage refuses a longer property, and a refused row is a lost event."""
    kept = json.dumps(bounded(fields))
    assert len(kept) <= MAX_KEPT + 2048
    assert json.dumps(CUT)[1:-1] in kept


def test_a_cut_text_is_at_most_the_limit_and_says_that_it_was_cut():
    """A reader must not take half a sentence for the whole."""
    kept = bounded({"text": "x" * (MAX_TEXT + 1)})["text"]
    assert len(kept) <= MAX_TEXT
    assert kept.endswith(CUT)


def test_the_one_character_table_storage_refuses_is_replaced():
    """A NUL inside a description must not lose the row."""
    assert {"text": "a\ufffdb"} == bounded({"text": "a\x00b"})
