"""AKS nodes through the whole app: returned to service, left to people, and bad notices.

The app, its storage and its queue are the sandbox's; the API server is the stand-in's, and
people act on it as kubectl does.
"""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from sandbox.demo import events, world
from sandbox.demo.site import Site, until
from shared.core.marks import OUR_TAINT

NODE = world.node_name(world.EVICTED)
PATH = f"/api/v1/nodes/{NODE}"
UNPROVEN, ABSENT = 32, 4242
MERGE = "application/merge-patch+json"


async def api(site: Site, method: str, path: str, body: Any = None) -> Any:
    """Call the cluster's API server as a person does."""
    config = await asyncio.to_thread(Path(site.sandbox.kubeconfig).read_text)
    token = re.search(r"token: (\S+)", config)
    assert token is not None
    headers = {"Authorization": f"Bearer {token[1]}", "Content-Type": MERGE}
    url = f"{site.sandbox.azure_url}/kubernetes/train{path}"
    connector = aiohttp.TCPConnector(ssl=False)  # the stand-in's own certificate
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        http.request(method, url, json=body, headers=headers) as answer,
    ):
        assert answer.ok, await answer.text()
        return await answer.json()


async def kubelet_says(site: Site, ready: str) -> None:
    """Let the kubelet report, or stop to."""
    conditions = [{"type": "Ready", "status": ready}]
    await api(site, "PATCH", f"{PATH}/status", {"status": {"conditions": conditions}})


async def node(site: Site) -> tuple[bool, bool]:
    """Tell whether the node is cordoned, and whether it bears our taint."""
    spec = (await api(site, "GET", PATH))["spec"]
    keys = {taint["key"] for taint in spec.get("taints", ())}
    return bool(spec.get("unschedulable")), OUR_TAINT in keys


def reboot(event: str, *numbers: int, status: str = "Scheduled") -> dict[str, Any]:
    """Write the notice of a reboot in fifteen minutes."""
    lead, kind = timedelta(minutes=15), "Reboot"
    now = datetime.now(UTC)
    return events.notice(event, numbers, now=now, status=status, kind=kind, lead=lead)


async def test_a_node_returns_to_service_when_its_kubelet_is_back(site: Site) -> None:
    """Completed says that the platform is done, not that the node is well."""
    await site.send_event(reboot("k-return", world.EVICTED))
    await site.closed_plans("k-return", 1)
    drained = await node(site)
    await kubelet_says(site, "Unknown")
    await site.send_event(reboot("k-return", world.EVICTED, status="Completed"))
    await asyncio.sleep(3)
    waiting = await node(site)
    await kubelet_says(site, "True")
    plans = await site.closed_plans("k-return", 2)

    assert ((True, True), (True, True), (False, False)) == (
        drained,
        waiting,
        await node(site),
    )
    back = next(plan for plan in plans if plan["rule"].endswith("/return"))
    assert ["verify", "uncordon"] == [step["verb"] for step in back["steps"]]
    assert back["outcome"] == "done"


async def test_a_person_who_uncordons_during_a_held_drain_has_the_last_word(
    site: Site,
) -> None:
    """The budget holds the drain; they put the node back; not one more pod is asked."""
    strict = {"spec": {"minAvailable": 2}}
    budget = "/apis/policy/v1/namespaces/default/poddisruptionbudgets/api"
    await api(site, "PATCH", budget, strict)
    await site.send_event(reboot("k-person", world.EVICTED))

    async def is_held() -> bool:
        [plan] = await site.plans("k-person")
        return plan["steps"][-1]["started_at"] is not None

    assert await until(is_held)
    await api(site, "PATCH", PATH, {"spec": {"unschedulable": None}})
    [plan] = await site.closed_plans("k-person", 1)
    await site.azure("DELETE", "/_calls")
    await api(site, "PATCH", budget, {"spec": {"minAvailable": 0}})
    await asyncio.sleep(3)
    calls = await site.azure("GET", "/_calls")

    assert "uncordoned_by_hand" == plan["steps"][-1]["reason"]
    assert (False, False) == await node(site)
    assert [] == [call for call in calls if "/eviction" in call["path"]]


async def reasons(site: Site, event: str) -> dict[str, set[str]]:
    """Return why nothing was done, by the number of the machine."""
    seen = await site.event(event)
    assert seen is not None
    found: dict[str, set[str]] = {}
    for record in seen["records"]:
        number = record["target"].rpartition("/")[2]
        found.setdefault(number, set()).update(
            d["reason"] or d["kind"]
            for d in record["decisions"]
            if d["rule"] == "drain-before-maintenance"
        )
    return found


async def test_one_notice_of_good_and_bad_machines_does_what_can_be_done(site: Site) -> None:
    """Each machine has its own answer with its own reason, and none holds up another."""
    seen = await site.world()
    bare = {"apiVersion": "v1", "kind": "Node"}
    name = {"metadata": {"name": world.node_name(UNPROVEN)}}
    seen["kubernetes"][world.CLUSTER]["objects"].append({**bare, **name})
    numbers = (ABSENT, UNPROVEN, world.EVICTED)
    seen["resources"].append({"id": world.instance_id(UNPROVEN), "location": world.REGION})
    await site.azure("PUT", "/_world", seen)

    await site.send_event(reboot("k-mixed", *numbers))
    [plan] = await site.closed_plans("k-mixed", 1)

    told = await reasons(site, "k-mixed")
    assert {
        str(ABSENT): {"target_gone"},
        str(UNPROVEN): {"no_provider_id"},
        str(world.EVICTED): {"act"},
    } == told
    assert "done" == plan["outcome"]


async def test_a_token_that_the_api_server_refuses_is_told_at_once(site: Site) -> None:
    """Asking again with the same identity cannot help: a person must grant it."""
    order = {"pattern": "/kubernetes/train/", "count": 10_000, "status": 401}
    await site.azure("POST", "/_faults", order)
    await site.send_event(reboot("k-token", world.EVICTED))

    told = await reasons(site, "k-token")
    await site.azure("DELETE", "/_faults")

    assert {str(world.EVICTED): {"forbidden"}} == told
    assert [] == await site.plans("k-token")


async def test_an_api_server_that_cannot_be_reached_is_told_and_asked_again(
    site: Site,
) -> None:
    """Nothing is begun on guesses; when it is back, there is still time to drain."""
    order = {"pattern": "/kubernetes/train/", "count": 10_000, "drop_connection": True}
    await site.azure("POST", "/_faults", order)
    await site.send_event(reboot("k-away", world.EVICTED))
    told = await reasons(site, "k-away")
    plans_then = await site.plans("k-away")
    await site.azure("DELETE", "/_faults")
    [plan] = await site.closed_plans("k-away", 1)

    assert {str(world.EVICTED): {"unreadable"}} == told
    assert ([], "done") == (plans_then, plan["outcome"])


async def test_a_deadline_that_is_past_is_told_as_such(site: Site) -> None:
    """A notice that came too late begins nothing."""
    past = datetime.now(UTC) - timedelta(minutes=5)
    notice = events.notice("k-late", (world.EVICTED,), now=past)
    await site.send_event(notice)

    seen = await site.event("k-late")
    assert seen is not None
    told = {d["reason"] for r in seen["records"] for d in r["decisions"] if d["reason"]}
    assert "deadline_passed" in told
    assert (False, False) == await node(site)
