"""The Functions host stand-in runs an app that is not ours, over HTTP, on Azurite."""

import asyncio
import json
from collections.abc import AsyncIterator
from io import BytesIO
from itertools import pairwise

import pytest
import pytest_asyncio

from tests.e2e.running_host import FUNCTION, MASTER, SYSTEM, RunningHost, running_host

WEBHOOK = "/runtime/webhooks/EventGrid?functionName="
KEY = {"x-functions-key": SYSTEM}
NOTIFICATION = {**KEY, "aeg-event-type": "Notification"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_host(
    azurite: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningHost]:
    """One host for the tests that only ask it."""
    async with running_host(tmp_path_factory.mktemp("host"), azurite) as host:
        yield host


pytestmark = pytest.mark.asyncio(loop_scope="module")


def grid_event(**data: object) -> dict:
    return {
        "id": "1",
        "topic": "/subscriptions/s",
        "subject": "vm",
        "eventType": "Sample.Happened",
        "eventTime": "2026-01-02T03:04:05.1234567Z",
        "data": data,
        "dataVersion": "1",
        "metadataVersion": "1",
    }


def cloud_event(**data: object) -> dict:
    return {
        "specversion": "1.0",
        "id": "2",
        "source": "/subscriptions/s",
        "type": "Sample.Happened",
        "time": "2026-01-02T03:04:05Z",
        "data": data,
    }


async def test_a_route_gives_the_function_its_parts_and_the_caller_its_response(shared_host):
    """Route, query, body, context, status, headers and cookies all pass through."""
    url = shared_host.url + "/v1/greet/Ada%20L?q=7"
    async with shared_host.http.post(url, data="hello") as answer:
        body = await answer.json()
        headers = answer.headers
        status = answer.status
    body.pop("invocation")
    expected = {
        "name": "Ada L",
        "query": "7",
        "body": "hello",
        "function": "greet",
        "cwd_is_app": True,
    }
    assert (201, expected) == (status, body)
    assert "yes" == headers["x-sample"]
    assert "a=1; Path=/" == headers["Set-Cookie"]
    assert "application/json" == headers["Content-Type"]


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/v1/items/7", (200, "item 7")),
        ("GET", "/v1/items/latest", (200, "latest")),
        ("GET", "/v1/items/seven", (404, "")),
        ("GET", "/v1/files/a/b%20c", (200, "a/b c")),
        ("GET", "/v1/files", (200, "")),
        ("DELETE", "/v1/greet/ada", (404, "")),
        ("GET", "/api/greet/ada", (404, "")),
        ("GET", "/v1/fails", (500, "")),
    ],
)
async def test_a_path_reaches_the_route_it_should(shared_host, method, path, expected):
    """Prefix, constraints, methods and failures answer as the real host does."""
    assert expected == await shared_host.request(method, path)


@pytest.mark.parametrize(
    ("path", "key", "expected"),
    [
        ("/v1/seen", None, 401),
        ("/v1/seen", "wrong", 401),
        ("/v1/seen", FUNCTION, 200),
        ("/v1/seen", MASTER, 200),
        ("/v1/seen", SYSTEM, 401),
        ("/v1/admin-only", FUNCTION, 401),
        ("/v1/admin-only", MASTER, 204),
        ("/admin/host/status", FUNCTION, 401),
    ],
)
async def test_a_key_opens_its_own_level_and_no_other(shared_host, path, key, expected):
    """By header and by query alike; the master key opens everything."""
    headers = {"x-functions-key": key} if key else {}
    by_header = await shared_host.request("GET", path, headers=headers)
    by_query = await shared_host.request("GET", f"{path}?code={key or ''}")
    assert (expected, expected) == (by_header[0], by_query[0])


async def test_a_function_past_its_timeout_fails(shared_host):
    """The functionTimeout is 4 seconds in the sample's host.json: the call ends with 500."""
    assert (500, "") == await shared_host.request("GET", "/v1/sleeps?seconds=30")
    assert "timed_out" in [line["status"] for line in shared_host.log()]


async def test_event_grid_validates_the_webhook(shared_host):
    """Without the echoed code Event Grid never creates the subscription."""
    headers = {**KEY, "aeg-event-type": "SubscriptionValidation"}
    answer = await shared_host.request(
        "POST", WEBHOOK + "on_event", headers=headers, json=[grid_event(validationCode="abc")]
    )
    assert (200, {"validationResponse": "abc"}) == (answer[0], json.loads(answer[1]))


async def test_the_cloud_events_handshake_allows_the_origin(shared_host):
    """A CloudEvents subscription asks with OPTIONS instead."""
    headers = {**KEY, "WebHook-Request-Origin": "eventgrid.azure.net"}
    url = shared_host.url + WEBHOOK + "on_cloud_event"
    async with shared_host.http.options(url, headers=headers) as answer:
        assert 200 == answer.status
        assert "eventgrid.azure.net" == answer.headers["WebHook-Allowed-Origin"]
        assert "*" == answer.headers["WebHook-Allowed-Rate"]


async def test_each_event_of_a_delivery_is_dispatched(shared_host):
    """An array of two is two invocations, a single object is one, all with 202."""
    url = WEBHOOK + "on_event"
    two = [grid_event(n=1), grid_event(n=2)]
    assert (202, "") == await shared_host.request("POST", url, headers=NOTIFICATION, json=two)
    one = grid_event(n=3)
    assert (202, "") == await shared_host.request("POST", url, headers=NOTIFICATION, json=one)
    notes = await shared_host.seen("on_event")
    assert [1, 2, 3] == sorted(note["data"]["n"] for note in notes if "n" in note["data"])


async def test_a_cloud_event_arrives_as_one(shared_host):
    """Both content types Event Grid uses come through as func.CloudEvent."""
    headers = {**NOTIFICATION, "Content-Type": "application/cloudevents+json"}
    answer = await shared_host.request(
        "POST", WEBHOOK + "on_cloud_event", headers=headers, data=json.dumps(cloud_event(n=1))
    )
    assert (202, "") == answer
    note = (await shared_host.seen("on_cloud_event"))[0]
    expected = ("CloudEvent", "/subscriptions/s", "2026-01-02T03:04:05+00:00", {"n": 1})
    assert expected == (note["class"], note["source"], note["time"], note["data"])


async def test_one_failing_event_fails_the_whole_delivery(shared_host):
    """That is what makes Event Grid send it again."""
    answer = await shared_host.request(
        "POST",
        WEBHOOK + "on_event",
        headers=NOTIFICATION,
        json=[grid_event(ok=1), grid_event(fail=True)],
    )
    assert (500, "") == answer


@pytest.mark.parametrize(
    ("function", "headers", "body", "expected"),
    [
        ("nobody", NOTIFICATION, b"[]", 404),
        ("greet", NOTIFICATION, b"[]", 404),
        ("on_event", NOTIFICATION, b"not json", 400),
        ("on_event", NOTIFICATION, b'["text"]', 400),
        ("on_event", {**KEY, "aeg-event-type": "Odd"}, b"[]", 400),
        ("on_event", NOTIFICATION, b"[" + b" " * 1024 * 1024 + b"]", 413),
        ("on_event", {"x-functions-key": FUNCTION}, b"[]", 401),
        ("on_event", {**NOTIFICATION, "x-functions-key": MASTER}, b"[]", 202),
    ],
)
async def test_a_wrong_delivery_is_refused(shared_host, function, headers, body, expected):
    """The statuses matter: Event Grid drops on 400 and 413, and retries on others."""
    status, _ = await shared_host.request(
        "POST", WEBHOOK + function, headers=headers, data=BytesIO(body)
    )
    assert expected == status


async def test_a_queue_message_is_handed_over_and_its_return_value_sent_on(shared_host):
    """Trigger, metadata and a $return output binding."""
    await shared_host.send("work", '{"id": 1}')
    (text,) = await shared_host.results(lambda text: '"done": 1,' in text)
    assert 1 == json.loads(text)["done"]
    assert json.loads(text)["inserted"].endswith("+00:00")


async def test_an_out_parameter_sends_one_message_an_element(shared_host):
    """func.Out with a list."""
    await shared_host.send("fan", "3")
    texts = await shared_host.results(lambda text: text.startswith("part"), 3)
    assert ["part 0", "part 1", "part 2"] == sorted(texts)


async def test_a_message_that_always_fails_moves_to_the_poison_queue(shared_host):
    """After maxDequeueCount 3 tries, visibilityTimeout 1 s apart, and its body unchanged."""
    order = '{"id": "bad", "fail": true}'
    await shared_host.send("work", order)
    poisoned = await shared_host.eventually("on_work_poison", lambda notes: len(notes) >= 1)
    tries = [n for n in await shared_host.seen("on_work") if n["order"].get("id") == "bad"]
    gaps = [later["at"] - n["at"] for n, later in pairwise(tries)]
    assert [1, 2, 3] == [n["count"] for n in tries]
    assert all(gap >= 0.9 for gap in gaps)
    assert order in [note["body"] for note in poisoned]


async def test_a_message_that_is_not_base64_goes_to_the_poison_queue(shared_host):
    """It can never be read, so it must not come back again and again."""
    async with shared_host.queue("work") as client:
        await client.send_message("$$$")
    async with shared_host.queue("work-poison") as poison:
        for _ in range(300):
            # The count has what is hidden, too: its own reader cannot read it either, and
            # then it stays hidden for the length of a lease.
            if (await poison.get_queue_properties()).approximate_message_count:
                break
            await asyncio.sleep(0.1)
        else:
            pytest.fail("the message is not on the poison queue")


async def test_a_timer_fires_again_and_again_and_never_overlaps_itself(shared_host):
    """The run takes longer than its schedule, so a naive timer would overlap."""
    notes = await shared_host.eventually("tick_each_second", lambda notes: len(notes) >= 3)
    assert {1} == {note["running"] for note in notes}


async def test_run_on_startup_fires_once_and_its_retry_policy_is_followed(shared_host):
    """It always fails: the first try and two retries, each told its number."""
    notes = await shared_host.eventually("tick_at_start", lambda notes: len(notes) >= 3)
    assert [0, 1, 2] == [note["retry"] for note in notes]


async def test_any_function_can_be_fired_by_hand(shared_host):
    """Timer, queue and Event Grid functions, and an unknown one."""
    assert 202 == await shared_host.fire("tick_yearly")
    assert 202 == await shared_host.fire("on_event", json.dumps(grid_event(hand=1)))
    assert 202 == await shared_host.fire("on_work", '{"id": "hand"}')
    assert 404 == await shared_host.fire("nobody")
    assert 400 == await shared_host.fire("on_event", "not an event")
    await shared_host.eventually("tick_yearly", lambda notes: len(notes) == 1)
    await shared_host.eventually("on_event", lambda ns: {"hand": 1} in [n["data"] for n in ns])
    assert 1 == len(await shared_host.results(lambda text: '"done": "hand"' in text))


async def test_firing_by_hand_needs_the_master_key(shared_host):
    """A function key must not be enough to run anything at all."""
    headers = {"x-functions-key": FUNCTION}
    answer = await shared_host.request("POST", "/admin/functions/tick_yearly", headers=headers)
    assert (401, "") == answer


async def test_the_log_has_a_line_an_invocation_and_no_keys_or_payloads(shared_host):
    """The log is shown to people and kept: it may not carry secrets."""
    await shared_host.request("POST", "/v1/greet/log?q=payload", data="payload")
    line = [line for line in shared_host.log() if line["function"] == "greet"][-1]
    assert {"function", "invocation_id", "status", "ms"} == set(line)
    assert "succeeded" == line["status"]
    written = "".join(p.read_text() for p in shared_host.folder.glob("host.*"))
    assert not [word for word in (MASTER, FUNCTION, SYSTEM, "payload") if word in written]
