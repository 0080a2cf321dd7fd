"""The law of parsing: signals, an explicit nothing, or a refusal; and nothing else.

Whatever is posted to an inlet ends in a ledger row, an event's record or the
quarantine. A parser that crashed instead would be sent the same event again and again,
and hold up the next eviction.
"""

import copy
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.core.errors import MalformedEvent
from shared.core.resource_ids import ResourceId
from shared.core.signals import Signal, Unanswered
from shared.parsing import Malformed, parse_alert, parse_events, parse_runbook_request

EVENTS = Path(__file__).parents[1] / "events"
FIXTURES = sorted(path for path in EVENTS.glob("*.json") if "runbook" not in path.name)
REAL = {path.name: json.loads(path.read_text()) for path in FIXTURES}
NOW = datetime(2026, 11, 22, 3, 4, 5, tzinfo=UTC)
KEY = re.compile(r'"(\w+)": ')

# Values that real payloads almost have: right types in wrong places, edges of forms.
NEARLY = st.sampled_from(
    [
        "",
        " ",
        "/subscriptions/s",
        "/subscriptions//x",
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.Batch/batchAccounts/b",
        "/subscriptions/s/providers/Microsoft.Compute/virtualMachines/v",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59-12:00",
        "Sun, 22 Nov 2026 03:04:05 GMT",
        "PT999999H",
        "P999999D",
        "12.7m",
        "$1,2,3",
        "[{]",
        "\x00",
        "\ud800",
        "x" * 10_000,
        "中" * 10_000,
        2**63,
        10**400,
        -1,
        1e308,
        float("nan"),
        float("inf"),
        [],
        {},
        [[]],
        [{}],
        [None],
        {"name": None},
        {"": ""},
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
ANY_JSON = st.recursive(
    SCALARS | NEARLY,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


def observe(body: bytes | str | object) -> list[object]:
    """Parse a body at each inlet and check the law on all that comes out."""
    found: list[object] = []
    for parse in (parse_events, parse_alert):
        try:
            results = parse(body)
        except MalformedEvent:
            continue
        assert isinstance(results, tuple)
        assert results, "nothing must be said explicitly"
        for result in results:
            check(result)
        found += results
    return found


def check(result: object) -> None:
    """Check one result: only values that every later stage can bear."""
    if isinstance(result, Malformed):
        assert 0 < len(result.why) < 4096
        assert isinstance(result.raw, str)
        return
    if isinstance(result, Unanswered):
        assert result.why
        result.event_id.encode()
        return
    assert isinstance(result, Signal)
    for moment in (result.observed_at, result.deadline):
        assert moment is None or timedelta(0) == moment.utcoffset()
    assert result.event_id.isprintable()
    assert 0 < len(result.event_id) < 4096
    assert result.target == "" or ResourceId.parse(result.target).text == result.target
    assert len(result.target) < 4096
    kept = json.dumps(dict(result.attributes), allow_nan=False)
    assert len(kept) < 20_000, "it must fit a ledger row"
    json.dumps(dict(result.attributes), ensure_ascii=False).encode()


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List the paths of everything inside a JSON value, from the outside in."""
    if isinstance(value, dict):
        inner = [(key, item) for key, item in value.items()]
    elif isinstance(value, list):
        inner = list(enumerate(value))
    else:
        return []
    return [
        found for key, item in inner for found in ((*path, key), *places(item, (*path, key)))
    ]


def mutate(value: Any, path: tuple[Any, ...], how: str, other: Any) -> None:
    """Drop, replace, wrap or rename what is at a path, in place."""
    parent = value
    for key in path[:-1]:
        parent = parent[key]
    match how:
        case "drop":
            del parent[path[-1]]
        case "replace":
            parent[path[-1]] = other
        case "wrap":
            parent[path[-1]] = [parent[path[-1]], other]
        case "recase" if isinstance(parent, dict):
            parent[str(path[-1]).swapcase()] = other


@given(ANY_JSON)
@settings(deadline=None)
def test_any_json_is_a_signal_an_explicit_nothing_or_a_refusal(value):
    """Handed over as values or as text, by any trigger."""
    observe(value)
    observe(json.dumps(value))


@given(st.binary(max_size=200) | st.text(max_size=200))
@example("[" * 50_000)
@example('{"a":' * 50_000)
@example("9" * 10_000)
@example("-" + "9" * 10_000)
@example("\ud800")
@example("[" + "[]," * 300_000 + "[]]")
@settings(deadline=None)
def test_any_bytes_are_refused_or_read(body):
    """What is not JSON at all must not be told from a crash by luck."""
    observe(body)


@given(st.data())
@settings(deadline=None, max_examples=300)
def test_a_real_event_changed_at_random_places_is_still_read_or_refused(data):
    """A vendor's next version is a real payload with a few things different."""
    value = copy.deepcopy(REAL[data.draw(st.sampled_from(sorted(REAL)), label="fixture")])
    for _ in range(data.draw(st.integers(1, 3), label="changes")):
        found = places(value)
        if not found:
            break
        path = data.draw(st.sampled_from(found), label="path")
        how = data.draw(st.sampled_from(["drop", "replace", "wrap", "recase"]), label="how")
        other = data.draw(NEARLY | ANY_JSON, label="other")
        mutate(value, path, how, copy.deepcopy(other))
    observe(value)
    observe(json.dumps(value))


@given(st.sampled_from(sorted(REAL)), st.data())
@settings(deadline=None)
def test_a_real_event_with_a_key_twice_is_never_a_signal_of_that_event(name, data):
    """JSON readers disagree on which of the two counts: none does."""
    text = json.dumps(REAL[name])
    keys = list(KEY.finditer(text))
    match = data.draw(st.sampled_from(keys), label="key")
    doubled = f'{text[: match.start()]}"{match[1]}": null, {text[match.start() :]}'
    refused = not any(isinstance(one, Signal) for one in observe(doubled))
    assert refused or "batch" in name


@given(st.sampled_from(sorted(REAL)), st.data())
@settings(deadline=None)
def test_a_real_event_cut_or_spliced_is_still_read_or_refused(name, data):
    """Half a message is what a broken connection leaves."""
    text = json.dumps(REAL[name])
    start = data.draw(st.integers(0, len(text)), label="start")
    end = data.draw(st.integers(start, min(len(text), start + 40)), label="end")
    filler = data.draw(st.text(max_size=5), label="filler")
    observe(text[:start] + filler + text[end:])


@given(st.lists(st.sampled_from(sorted(REAL)), min_size=1, max_size=6), ANY_JSON)
@settings(deadline=None)
def test_a_bad_event_never_changes_what_its_neighbours_say(names, bad):
    """A batch is the sum of its events, wherever the bad one stands."""
    real = [REAL[name] for name in names if isinstance(REAL[name], dict)]
    alone = [one for body in real for one in parse_events(body, received_at=NOW)]
    together = parse_events([bad, *real], received_at=NOW)
    good = [one for one in together if not isinstance(one, Malformed) or one.index > 0]
    offset = len(good) - len(alone)
    expected = [one for one in alone if isinstance(one, Signal)]
    assert expected == [one for one in good[offset:] if isinstance(one, Signal)]


@given(ANY_JSON)
@settings(deadline=None)
def test_any_runbook_request_is_read_or_refused(value):
    """A person's mistake is answered with its path."""
    for body in (value, json.dumps(value), {"target": "/subscriptions/s", "with": value}):
        try:
            request = parse_runbook_request(body)
        except MalformedEvent:
            continue
        json.dumps(dict(request.settings), allow_nan=False).encode()
