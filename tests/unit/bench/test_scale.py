"""The arithmetic of scale and cost, and that the pages hold what follows from it."""

import json
from dataclasses import replace

import pytest

from bench import cost, scale
from bench.scale_limits import ALWAYS_READY, ARM_READS, CORES, LIMITS, STORAGE
from bench.scale_model import Bound, Split, bounds, needed, watch
from bench.scale_storm import Bucket, storm

KEPT = json.loads(scale.KEPT.read_text("utf-8"))
LIGHT = (Bound(CORES, 0.01, "seconds"), Bound(STORAGE, 10, "requests"))
READING = (*LIGHT, Bound(ARM_READS, 1, "reads"))


def test_the_page_of_scale_is_what_the_kept_figures_give():
    """Figures on a page and figures of a script are soon two stories."""
    text = scale.PAGE.read_text("utf-8")
    assert scale.within(text, scale.page(KEPT), by=scale.NAME) == text


def test_the_page_of_cost_is_what_the_kept_figures_give():
    """A price is changed in one place."""
    text = cost.PAGE.read_text("utf-8")
    assert scale.within(text, cost.page(KEPT), by=cost.NAME) == text


def test_a_page_without_its_marks_is_refused():
    """Writing over the wrong part would lose what a person wrote."""
    with pytest.raises(ValueError, match="put both back"):
        scale.within("# Scale", "", by=scale.NAME)


def test_every_limit_and_every_price_says_where_it_stands():
    """A figure without a page cannot be checked by anybody."""
    assert [one.name for one in LIMITS if not one.source.startswith("https://")] == []
    assert [one.name for one in cost.PRICES if not one.page.startswith("https://")] == []


def test_a_bucket_gives_its_burst_at_once_and_then_its_rate():
    """So Azure's token buckets are described."""
    bucket = Bucket("reads", rate=25, burst=250)
    moments = [bucket.take(100.0, 1) for _ in range(275)]
    assert 100.0 == pytest.approx(moments[249])
    assert 101.0 == pytest.approx(moments[274])


def test_a_storm_within_every_limit_waits_for_nothing():
    """What is slow in the figures is slow because of a limit."""
    outcome = storm(LIGHT, 50, Split(1, 1))
    assert 1.0 == outcome.in_time
    assert 0.01 == pytest.approx(outcome.p50)


def test_reads_beyond_the_bucket_come_late():
    """100 a second for a minute is 6,000 reads; 250 and 25 a second are there."""
    outcome = storm(READING, 100, Split(1, 1))
    assert (6_000 - 250) / 25 - 60 == pytest.approx(outcome.last, abs=0.5)
    assert "resource manager reads" == outcome.used[0][0]


def test_the_split_that_is_worked_out_is_enough():
    """It is advice: who follows it must be in time."""
    split = needed(READING, 400, seconds=60)
    assert Split(1, 20) == split
    outcome = storm(READING, 400, split)
    assert 1.0 == outcome.in_time
    assert outcome.used[0][1] <= 0.71


def test_more_deployments_never_make_a_storm_slower():
    """Else the model is wrong somewhere."""
    heavy = (replace(LIGHT[0], takes=0.2), LIGHT[1])
    lasts = [storm(heavy, 200, Split(n, 1)).last for n in (1, 2, 4, 8)]
    assert sorted(lasts, reverse=True) == lasts


def test_instances_come_only_where_they_are_needed():
    """What waits ready is enough for little; for more the platform starts others."""
    assert ALWAYS_READY == storm(LIGHT, 50, Split(1, 1)).instances
    assert storm(LIGHT, 1_000, Split(1, 1)).instances >= 10


def test_who_waits_too_long_is_sent_again_and_not_lost():
    """Event Grid gives up after 30 s and tries again: every event has its effect."""
    heavy = (replace(LIGHT[0], takes=2.0), LIGHT[1])
    outcome = storm(heavy, 100, Split(1, 1))
    assert outcome.sent_again > 0
    assert outcome.last > 60


def test_what_is_counted_by_the_app_is_what_the_model_takes():
    """An eviction takes the reads that were counted, and its host's two calls a message."""
    kind = KEPT["costs"]["eviction"]
    by_name = {one.what: one.takes for one in bounds(kind, by_queue=False)}
    assert kind["calls"]["arm read"] == by_name["reads"]
    calls, told = kind["calls"], kind["export"]["calls"]
    storage = calls["table"] + calls["blob write"] + calls["queue"] + told["table"] + 2
    assert storage == pytest.approx(by_name["requests, the host's too"])


def test_twice_the_machines_take_twice_the_time():
    """The tick reads each by itself."""
    one, two = (watch(KEPT["costs"], n).seconds for n in (50_000, 100_000))
    assert 2 * one == pytest.approx(two)


def test_nothing_is_billed_below_its_free_part():
    """The first 100,000 operations of Event Grid cost nothing."""
    assert 0.0 == cost.EVENT_GRID.of(100_000)
    assert 0.6 == pytest.approx(cost.EVENT_GRID.of(1_100_000))


def test_an_instance_is_never_billed_for_more_than_the_month():
    """However many executions share it."""
    month = cost.MONTH_S
    assert cost.active_s(50 * month, 0.01) <= month
    assert 1.0 == pytest.approx(cost.active_s(1, 0.01), rel=0.01)
