"""The stand-in over HTTP: chunks, conflicts, patches, watches and refusals."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
from aiohttp import web as http
from aiohttp.test_utils import TestClient, TestServer

from sandbox.kubernetes import KubernetesApi
from tests.contract.kubernetes_standin.worlds import budget, node, pod, web

Manifest = dict[str, Any]
Client = TestClient[http.Request, http.Application]
Open = Callable[[list[Manifest]], Any]
STRATEGIC = {"Content-Type": "application/strategic-merge-patch+json"}
API = http.AppKey("api", KubernetesApi)
POD = "/k8s/api/v1/namespaces/default/pods/web-0"


@pytest.fixture
async def serve() -> AsyncIterator[Open]:
    """Give a function that mounts a cluster under a prefix and returns a client of it."""
    async with AsyncExitStack() as stack:

        async def begin(objects: list[Manifest]) -> Client:
            api = KubernetesApi(objects)

            async def answer(request: http.Request) -> http.StreamResponse:
                return await api.handle(request, request.match_info["path"])

            app = http.Application()
            app[API] = api
            app.router.add_route("*", "/k8s/{path:.*}", answer)
            client = await stack.enter_async_context(TestClient(TestServer(app)))
            stack.callback(api.close)
            return client

        yield begin


async def read(client: Client, path: str, **query: str) -> Manifest:
    async with client.get(path, params=query) as answer:
        assert 200 == answer.status, await answer.text()
        return await answer.json()


async def test_chunks_together_are_the_list_and_name_what_remains(serve: Open):
    """Each object once, in order, whatever the chunk size."""
    client = await serve([node("a"), *(pod(f"p{i:02}", "a") for i in range(10))])
    names, chunks, token = [], [], ""
    for _ in range(3):
        found = await read(client, "/k8s/api/v1/pods", limit="4", **{"continue": token})
        chunks.append(found["metadata"].get("remainingItemCount"))
        names += [item["metadata"]["name"] for item in found["items"]]
        token = found["metadata"].get("continue", "")

    assert "" == token
    assert [f"p{i:02}" for i in range(10)] == names
    assert [6, 2, None] == chunks


async def test_a_continue_token_from_before_a_reset_has_expired(serve: Open):
    """Clients must start again on 410, never go on from the middle of another world."""
    client = await serve([node("a"), *(pod(f"p{i}", "a") for i in range(3))])
    token = (await read(client, "/k8s/api/v1/pods", limit="1"))["metadata"]["continue"]
    client.app[API].load([node("a"), *(pod(f"q{i}", "a") for i in range(3))])

    async with client.get("/k8s/api/v1/pods", params={"continue": token}) as answer:
        refused = await answer.json()

    assert (410, "Expired") == (answer.status, refused["reason"])


async def test_an_update_against_a_stale_revision_is_a_conflict(serve: Open):
    """Whoever lost the race must read again; its write must not undo another's."""
    client = await serve([node("a")])
    first = await read(client, "/k8s/api/v1/nodes/a")
    async with client.patch(
        "/k8s/api/v1/nodes/a", data=b'{"spec":{"unschedulable":true}}', headers=STRATEGIC
    ) as answer:
        assert 200 == answer.status

    async with client.put("/k8s/api/v1/nodes/a", json=first) as answer:
        refused = await answer.json()

    assert (409, "Conflict", "nodes") == (
        refused["code"], refused["reason"], refused["details"]["kind"]
    )  # fmt: skip
    assert (await read(client, "/k8s/api/v1/nodes/a"))["spec"]["unschedulable"] is True


async def test_a_write_that_changes_nothing_keeps_the_revision(serve: Open):
    """A repeated cordon is no event; watchers are not woken for it."""
    client = await serve([node("a")])
    revisions = set()
    for _ in range(2):
        patch = client.patch(
            "/k8s/api/v1/nodes/a", json={"metadata": {"labels": {"x": "y"}}}, headers=STRATEGIC
        )
        async with patch as answer:
            revisions.add((await answer.json())["metadata"]["resourceVersion"])

    assert 1 == len(revisions)


async def test_status_is_changed_through_its_own_path_only(serve: Open):
    """A client that writes Ready through the node itself changes nothing, as in a cluster."""
    client = await serve([node("a")])
    lost = {"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}
    seen = []
    for path in ("/k8s/api/v1/nodes/a", "/k8s/api/v1/nodes/a/status"):
        async with client.patch(path, json=lost, headers=STRATEGIC) as answer:
            seen.append((await answer.json())["status"]["conditions"][0]["status"])

    assert ["True", "Unknown"] == seen


async def test_an_eviction_over_http_is_created_and_then_refused(serve: Open):
    """201 with a Status, then 429 with a Status: what every client library looks at."""
    client = await serve([node("a"), web(0, "a"), web(1, "a"), budget(maxUnavailable=1)])
    answers = []
    for name in ("web-0", "web-1"):
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
        path = f"/k8s/api/v1/namespaces/default/pods/{name}/eviction"
        async with client.post(path, json=body) as answer:
            found = await answer.json()
            answers.append(
                (answer.status, found["kind"], found["status"], found.get("reason"))
            )

    assert [
        (201, "Status", "Success", None),
        (429, "Status", "Failure", "TooManyRequests"),
    ] == answers


async def test_a_watch_tells_of_objects_that_enter_and_leave_its_selection(serve: Open):
    """Whoever watches one node's pods hears ADDED and DELETED as pods come and go."""
    client = await serve([node("a"), node("b"), pod("p", "b"), web(0, "a")])
    since = (await read(client, "/k8s/api/v1/pods"))["metadata"]["resourceVersion"]
    query = {
        "watch": "true",
        "resourceVersion": since,
        "labelSelector": "hot=yes",
        "timeoutSeconds": "5",
    }
    async with client.get("/k8s/api/v1/pods", params=query) as stream:
        for label in ("yes", "no"):
            labels = {"metadata": {"labels": {"hot": label}}}
            async with client.patch(POD, json=labels, headers=STRATEGIC) as answer:
                assert 200 == answer.status
        events = [json.loads(await stream.content.readline()) for _ in range(2)]

    assert [("ADDED", "web-0"), ("DELETED", "web-0")] == [
        (event["type"], event["object"]["metadata"]["name"]) for event in events
    ]


async def test_a_watch_shows_the_end_of_a_pod_without_being_asked(serve: Open):
    """Time passes in the stand-in by itself: marked, then gone."""
    client = await serve([node("a"), pod("p", "a")])
    query = {"watch": "true", "fieldSelector": "metadata.name=p"}
    async with client.get("/k8s/api/v1/namespaces/default/pods", params=query) as stream:
        async with client.delete("/k8s/api/v1/namespaces/default/pods/p") as answer:
            assert 200 == answer.status
        async with asyncio.timeout(5):
            kinds = [json.loads(await stream.content.readline())["type"] for _ in range(3)]

    assert ["ADDED", "MODIFIED", "DELETED"] == kinds


async def test_a_watch_from_a_revision_that_is_no_longer_kept_is_told_to_list_again(
    serve: Open,
):
    """Going on silently would hide what happened in between."""
    client = await serve([node("a")])

    async with client.get(
        "/k8s/api/v1/nodes", params={"watch": "true", "resourceVersion": "1"}
    ) as stream:
        event = json.loads(await stream.content.readline())

    assert ("ERROR", 410, "Expired") == (
        event["type"], event["object"]["code"], event["object"]["reason"]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("method", "path", "code", "reason"),
    [
        ("GET", "api/v1/gadgets", 404, "NotFound"),
        ("GET", "api/v1/nodes/zz", 404, "NotFound"),
        ("GET", "nonsense", 404, "NotFound"),
        ("GET", "api/v1/pods?limit=many", 400, "BadRequest"),
        ("GET", "api/v1/pods?labelSelector=a%20b", 400, "BadRequest"),
        ("GET", "api/v1/pods?continue=zzz", 400, "BadRequest"),
        ("POST", "api/v1/nodes/a", 405, "MethodNotAllowed"),
        ("DELETE", "api/v1/nodes", 405, "MethodNotAllowed"),
        ("GET", "api/v1/namespaces/default/pods/web-0/eviction", 405, "MethodNotAllowed"),
        ("POST", "version", 405, "MethodNotAllowed"),
    ],
)
async def test_a_refusal_is_a_status_object(
    serve: Open, method: str, path: str, code: int, reason: str
):
    """Every client reads the same five fields, whatever was wrong."""
    client = await serve([node("a"), web(0, "a")])

    async with client.request(method, f"/k8s/{path}") as answer:
        body = await answer.json()

    assert (code, "Status", "v1", "Failure", reason, code) == (
        answer.status, body["kind"], body["apiVersion"], body["status"], body["reason"],
        body["code"],
    )  # fmt: skip
    assert body["message"]


async def test_what_a_cluster_dumps_it_loads_again(serve: Open):
    """Worlds are saved and restored; uids and marks must survive it."""
    objects = [node("a", unschedulable=True), web(0, "a"), budget(minAvailable=1)]
    first = KubernetesApi(objects)

    second = KubernetesApi(first.dump())

    def plain(items: list[Manifest]) -> list[Manifest]:
        for item in items:
            del item["metadata"]["resourceVersion"]
        return items

    assert plain(first.dump()) == plain(second.dump())


def test_a_manifest_of_a_kind_not_served_is_refused_with_those_that_are():
    """A world file with a typo must not start half a cluster."""
    with pytest.raises(ValueError, match=r"no kind v1 Pood here; served are .*v1 Pod"):
        KubernetesApi([{"apiVersion": "v1", "kind": "Pood", "metadata": {"name": "x"}}])


async def test_a_nodes_pods_are_found_quickly_among_twenty_thousand(serve: Open):
    """A drain lists its node's pods again and again; that must not cost a full scan."""
    nodes = [node(f"n{i:03}") for i in range(500)]
    client = await serve([*nodes, *(pod(f"p{i:05}", f"n{i % 500:03}") for i in range(20_000))])
    one = "/k8s/api/v1/pods"
    started = time.process_time()
    whole = await read(client, one, labelSelector="a!=b", limit="40")
    full_scan = time.process_time() - started
    started = time.process_time()
    for index in range(20):
        found = await read(client, one, fieldSelector=f"spec.nodeName=n{index:03}")
        assert 40 == len(found["items"])
    one_node = (time.process_time() - started) / 20

    assert 40 == len(whole["items"])
    assert one_node < full_scan / 3


async def test_a_client_that_takes_no_json_is_told_so(serve: Open):
    """Only JSON is spoken here; a protobuf-only client gets 406 and not garbage."""
    client = await serve([node("a")])
    accept = {aiohttp.hdrs.ACCEPT: "application/vnd.kubernetes.protobuf"}

    async with client.get("/k8s/api/v1/nodes", headers=accept) as answer:
        assert 406 == answer.status
