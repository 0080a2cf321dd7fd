"""Bodies, batches and envelopes: one bad event never costs its neighbours."""

import json

import pytest

from shared.core.errors import MalformedEvent
from shared.core.signals import SignalType, Unanswered
from shared.parsing import Malformed, parse_alert, parse_events
from tests.unit.parsing.samples import event, events, load

PREEMPT = "scheduled_events__preempt_uniform_cloudevent"


def test_one_malformed_event_of_a_batch_does_not_lose_the_others():
    """Event Grid sends a batch again as a whole: the good ones must not wait for the bad."""
    good, bad, unknown = events("event_grid__batch_with_one_bad_event")
    assert event(PREEMPT) == good
    assert (1, "$.data.resourceInfo.id: was a number, should be a text") == (
        bad.index,
        bad.why,
    )
    assert 5 == json.loads(bad.raw)["data"]["resourceInfo"]["id"]
    assert isinstance(unknown, Unanswered)


def test_an_unknown_event_type_is_an_explicit_nothing():
    """A subscription may deliver more than we have words for; the record names the type."""
    (found,) = events("event_grid__unknown_type")
    assert "6a1e0000-0000-4000-8000-000000000070" == found.event_id
    assert "no parser knows the event type Microsoft.Storage.BlobCreated" == found.why


def test_a_cloud_event_may_carry_its_data_in_base64():
    """The CloudEvents specification allows it, so a sender may do it."""
    signal = event("event_grid__data_base64")
    assert SignalType.AKS_EVENT is signal.type
    assert "1.29.2" == signal.attributes["kubernetes_version"]


@pytest.mark.parametrize("broken", ["***", "bm90IGpzb24=", "NQ==", "////"])
def test_broken_base64_data_is_malformed(broken):
    """Neither alphabet, JSON, an object nor UTF-8 can be taken for granted."""
    (found,) = parse_events(load("event_grid__data_base64") | {"data_base64": broken})
    assert isinstance(found, Malformed)
    assert "$.data_base64" in found.why


def test_text_bytes_and_read_json_are_the_same_event():
    """Triggers hand over one or another of them."""
    body = json.dumps(load(PREEMPT))
    assert parse_events(body) == parse_events(body.encode()) == parse_events(json.loads(body))
    assert parse_events(body) == parse_events(b"\xef\xbb\xbf" + body.encode())


def test_the_event_grid_schema_says_the_same_as_a_cloud_event():
    """The schema is chosen by whoever subscribes."""
    sent = load(PREEMPT)
    converted = {
        "id": sent["id"],
        "topic": sent["source"],
        "eventType": sent["type"],
        "eventTime": sent["time"],
        "data": sent["data"],
    }
    assert parse_events(sent) == parse_events(converted)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "should be JSON"),
        ("{", "should be JSON"),
        ("5", "was a number, should be an event or an array"),
        ('"text"', "was a text"),
        ("null", "was null"),
        (b"\xff\xfe{}", "should be UTF-8"),
        ("[" * 100_000, "should be nested at most 64 deep"),
        (" " * 1_048_577, "was 1048577 bytes, should be at most 1048576"),
        ("[" + "1," * 999_999 + "1]", "bytes, should be at most"),
        ("[" + "1," * 5_000 + "1]", "was 5001 events, should be at most 5000"),
        (object(), "was a object"),
    ],
)
def test_a_body_that_is_no_batch_at_all_is_refused_as_a_whole(body, why):
    """There is no event in it to keep."""
    with pytest.raises(MalformedEvent) as refused:
        parse_events(body)
    assert why in str(refused.value)


def test_an_empty_batch_is_an_explicit_nothing():
    """Nothing was said, and nothing is lost."""
    (found,) = parse_events("[]")
    assert isinstance(found, Unanswered)


@pytest.mark.parametrize(
    ("fragment", "why"),
    [
        ('{"a": 1, "a": 2}', "has a key twice"),
        ('{"a": NaN}', "should be a finite number"),
        ('{"a": -Infinity}', "should be a finite number"),
        ('{"a": 1e999}', "should be a finite number"),
        ('{"a": 123456789012345678901234567890}', "an integer beyond 64 bits"),
        ('{"a": 36893488147419103232}', "an integer beyond 64 bits"),
        ('{"a": "\\ud800"}', "half a surrogate pair"),
        ('{"\\udfff": 1}', "half a surrogate pair"),
        ('{"a": ' + "[" * 70 + "]" * 70 + "}", "nested at most 64 deep"),
        ('{"a": [' + "0," * 100_001 + "0]}", "should hold at most 100000 values"),
    ],
)
def test_json_that_nothing_can_bear_is_malformed_alone(fragment, why):
    """Bombs and half characters fail here, not in the ledger, and only for themselves."""
    body = f"[{fragment}, {json.dumps(load(PREEMPT))}]"
    bad, good = parse_events(body)
    assert why in bad.why
    assert event(PREEMPT) == good


def test_a_number_too_long_for_python_is_malformed_in_an_alert():
    """Python itself refuses to read more than 4300 digits."""
    with pytest.raises(MalformedEvent, match="beyond 64 bits"):
        parse_alert('{"schemaId": ' + "9" * 5000 + "}")


def test_an_alert_may_have_twice_the_vendors_limit_and_no_more():
    """256 KB is the vendor's word; a limit of ours keeps memory bounded."""
    with pytest.raises(MalformedEvent, match="should be at most 524288"):
        parse_alert(b" " * 524_289)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"id": None}, "$.id: is missing, should be a text"),
        ({"id": "a\nb"}, "printable characters"),
        ({"id": "x" * 3000}, "at most 2048 printable characters"),
        ({"type": 5}, "$.type: was a number"),
        ({"specversion": "2.0"}, "$.specversion: was '2.0', should be 1.0"),
        ({"time": None}, "$.time: is missing, should be a moment"),
        ({"time": "yesterday"}, "$.time: was 'yesterday'"),
        ({"data": "text"}, "$.data: was 'text', should be an object"),
        ({"data": None}, "$.data: is missing"),
        ({"source": "/" * 3000}, "$.source"),
        ({"specversion": None}, "neither specversion (CloudEvents) nor eventType"),
    ],
)
def test_an_envelope_names_what_is_wrong_with_it(change, why):
    """The quarantine record is all that a person will see of it."""
    (found,) = parse_events(load(PREEMPT) | change)
    assert isinstance(found, Malformed)
    assert why in found.why


def test_field_names_that_differ_only_in_case_are_not_guessed_between():
    """Two answers to one question are none."""
    body = load(PREEMPT)
    body["data"]["resourceInfo"]["properties"]["EVENTID"] = "other"
    assert event(PREEMPT) == parse_events(body)[0]
    del body["data"]["resourceInfo"]["properties"]["EventId"]
    body["data"]["resourceInfo"]["properties"]["eventId"] = "another"
    assert "EventId: is there 2 times" in parse_events(body)[0].why


def test_text_that_is_kept_is_cut_with_a_mark():
    """A ledger row has 64 KiB a property: a long description must not fill it."""
    body = load(PREEMPT)
    body["data"]["resourceInfo"]["properties"]["Description"] = "ä" * 100_000
    body["data"]["resourceInfo"]["properties"]["EventSource"] = "x" * 100_000
    (signal,) = parse_events(body)
    assert signal.attributes["description"].endswith("… [cut]")
    assert 4096 >= len(signal.attributes["event_source"])
    assert 20_000 > len(json.dumps(dict(signal.attributes)))


def test_a_thousand_machines_are_the_most_a_notice_may_name():
    """A scale set has no more; a million signals from one event would be an attack."""
    body = load(PREEMPT)
    names = [f"aks-gpuspot-31415926-vmss_{n}" for n in range(1000)]
    body["data"]["resourceInfo"]["properties"]["Resources"] = names
    assert 1000 == len(parse_events(body))
    assert 20_000 > len(json.dumps(dict(parse_events(body)[0].attributes)))
    body["data"]["resourceInfo"]["properties"]["Resources"] = [*names, "one-more"]
    assert "should be an array of at most 1000" in parse_events(body)[0].why
