"""What we make of what Slurm's REST server says, where no 24.11 can be made to say it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from sandbox.free_ports import free_ports
from shared.adapters.settings_env import read_settings
from shared.adapters.slurm import SlurmClusters
from shared.adapters.slurm_api import SlurmApi, token
from shared.adapters.slurm_shapes import is_on_a_node, job_fact, node_fact
from shared.core.errors import Forbidden, InvalidSetting, InvalidTarget, ProviderUnavailable
from shared.core.settings import Settings
from shared.core.slurm import SlurmJob, SlurmNode
from shared.core.slurm_clusters import SlurmCluster
from tests.slurm_site import Arm, vm

KEY = b"0123456789abcdef0123456789abcdef"
NODE = SlurmNode("hpc", "gpu001", ("IDLE",))
JOB = SlurmJob(7, "train", "alice", ("RUNNING",), is_requeueable=True)
STATUS = "/slurm/v0.0.45/job/7/requeue"
_KEYS = st.sampled_from(
    [
        *("name", "state", "partitions", "job_id", "job_state", "restart_cnt", "nodes"),
        *("job_resources", "allocation", "comment", "address", "requeue", "state_flags"),
    ]
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=8,
)
JSON = st.dictionaries(_KEYS, _VALUES)


class Server:
    """A server that answers as told and remembers what it was asked.

    Attributes:
        answers: Path to status and body; bytes are sent as they are.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self.answers: dict[str, tuple[int, Any]] = {}
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        """Answer what was told; what was not is not served."""
        self.asked.append((request.method, request.path_qs, dict(request.headers)))
        status, body = self.answers.get(request.path, (404, b"Unable find requested URL."))
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return web.Response(status=status, body=raw, content_type="application/json")

    def paths(self) -> list[str]:
        """Name what was asked for, in order."""
        return [path for _, path, _ in self.asked]

    def serve(self, *paths: str) -> None:
        """Let the catalogue name these paths."""
        self.answers["/openapi/v3"] = (200, {"paths": {path: {} for path in paths}})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """Give a server on a free port of this machine."""
    known = Server()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", known.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    (port,) = free_ports(1)
    await web.TCPSite(runner, "127.0.0.1", port).start()
    known.url = f"http://127.0.0.1:{port}"
    yield known
    await runner.cleanup()


@pytest.fixture
async def clusters(server: Server) -> AsyncIterator[SlurmClusters]:
    """Give our adapter for it."""
    cluster = SlurmCluster("hpc", server.url)
    settings = Settings(slurm=(cluster,), slurm_key=base64.b64encode(KEY).decode())
    ours = SlurmClusters(Arm(), settings)
    yield ours
    await ours.close()


def test_a_token_is_what_slurm_reads():
    """HS256 over exp, iat and sun; a minute, and a little for clocks that differ."""
    made = token(KEY, "slurm", 1_000_000)
    assert {"exp": 1_000_060, "iat": 999_995, "sun": "slurm"} == jwt.decode(
        made, KEY, algorithms=["HS256"], options={"verify_exp": False, "verify_iat": False}
    )
    head, _, sign = made.rpartition(".")
    digest = hmac.new(KEY, head.encode(), hashlib.sha256).digest()
    assert digest == base64.urlsafe_b64decode(sign + "=")


async def test_where_rest_requeues_each_job_is_asked_for_by_itself(server, clusters):
    """Slurm 26.05: v0.0.45 for this call, v0.0.42 for all others."""
    server.serve("/slurm/v0.0.42/nodes/", "/slurm/v0.0.45/job/{job_id}/requeue")
    server.answers[STATUS] = (200, {"errors": [], "status": [{"job_id": 7, "error_code": 0}]})
    assert await clusters.requeue(NODE, [JOB])
    assert ["/openapi/v3", f"{STATUS}?Incomplete=true"] == server.paths()
    assert await clusters.requeue(NODE, [JOB])
    assert 1 == server.paths().count("/openapi/v3")


@pytest.mark.parametrize("code", [2017, 2020, 2021])
async def test_a_job_that_left_before_the_requeue_is_no_error(server, clusters, code: int):
    """It is where it should be."""
    server.serve("/slurm/v0.0.45/job/{job_id}/requeue")
    server.answers[STATUS] = (200, {"status": [{"error_code": code, "error": "over"}]})
    assert await clusters.requeue(NODE, [JOB])


async def test_a_requeue_that_is_refused_says_so(server, clusters):
    """2010: our user is no operator."""
    server.serve("/slurm/v0.0.45/job/{job_id}/requeue")
    server.answers[STATUS] = (200, {"status": [{"error_code": 2010, "error": "no"}]})
    with pytest.raises(Forbidden, match="2010"):
        await clusters.requeue(NODE, [JOB])


async def test_without_that_path_nothing_is_requeued_over_rest(server, clusters):
    """The caller sets the node DOWN instead."""
    server.serve("/slurm/v0.0.42/nodes/", "/slurm/v0.0.44/jobs/")
    assert not await clusters.requeue(NODE, [JOB])


async def test_another_version_is_taken_where_ours_is_not_served(server, clusters):
    """26.11 may drop v0.0.42; the lowest that we know above it is taken."""
    server.serve("/slurm/v0.0.44/nodes/", "/slurm/v0.0.45/nodes/")
    server.answers["/slurm/v0.0.44/node/gpu001"] = (
        200,
        {"nodes": [{"name": "gpu001", "state": ["IDLE"]}], "errors": []},
    )
    node = await clusters.node("hpc", "gpu001")
    assert node is not None
    await clusters.node("hpc", "gpu001")
    assert 1 == server.paths().count("/slurm/v0.0.42/node/gpu001")


async def test_a_server_of_versions_nobody_knows_is_refused_in_words(server, clusters):
    """22.05 serves v0.0.38, which cannot drain."""
    server.serve("/slurm/v0.0.38/nodes/")
    with pytest.raises(InvalidTarget, match=r"serves v0\.0\.38; wanted: one of v0\.0\.40"):
        await clusters.node("hpc", "gpu001")


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (502, b"<html>bad gateway</html>", ProviderUnavailable),
        (200, b"{}", ProviderUnavailable),
        (200, b"[]", ProviderUnavailable),
        (
            500,
            {"errors": [{"error_number": 1800, "error": "no controller"}]},
            ProviderUnavailable,
        ),
        (500, {"errors": "many"}, ProviderUnavailable),
        (200, {"nodes": ["gpu001"], "errors": []}, ProviderUnavailable),
        (500, {"errors": [{"error_number": "x"}, 7]}, None),
        (500, {"errors": [{"error_number": -1, "error": "Unspecified"}]}, ProviderUnavailable),
        (401, b"Authentication failure", Forbidden),
        (302, b"", ProviderUnavailable),
    ],
)
async def test_what_is_no_answer_is_never_taken_for_a_node_that_is_gone(
    server, clusters, status, body, error
):
    """A proxy's page and a half answer are trouble: nobody acts on them."""
    server.answers["/slurm/v0.0.42/node/gpu001"] = (status, body)
    if error is None:
        assert await clusters.node("hpc", "gpu001") is None
        return
    with pytest.raises(error):
        await clusters.node("hpc", "gpu001")


async def test_no_error_names_a_token(server, clusters):
    """Errors go into the ledger and into logs."""
    server.answers["/slurm/v0.0.42/node/gpu001"] = (500, b"x" * 10_000)
    with pytest.raises(ProviderUnavailable) as caught:
        await clusters.node("hpc", "gpu001")
    sent = server.asked[0][2]["X-SLURM-USER-TOKEN"]
    assert sent.count(".") == 2
    assert sent.partition(".")[0] not in str(caught.value)
    assert len(str(caught.value)) < 300


async def test_a_server_that_nobody_listens_at_is_an_outage():
    """And says which cluster, and no address."""
    (port,) = free_ports(1)
    api = SlurmApi(SlurmCluster("hpc", f"http://127.0.0.1:{port}"), KEY)
    with pytest.raises(ProviderUnavailable, match="Slurm hpc: ClientConnector"):
        await api.nodes()
    await api.close()


async def test_names_of_nodes_cannot_lead_elsewhere(server, clusters):
    """A node's name comes from a stored plan."""
    with pytest.raises(ProviderUnavailable):
        await clusters.node("hpc", "../jobs/?x=")
    assert "/slurm/v0.0.42/node/..%2Fjobs%2F%3Fx=" in server.paths()[0].replace("%3D", "=")


async def test_of_two_nodes_that_could_be_the_machine_none_is_taken(server, clusters):
    """Both are named, so that a person can tell Slurm which it is."""
    both = [{"name": name, "hostname": "gpu001", "state": ["IDLE"]} for name in ("n1", "n2")]
    server.answers["/slurm/v0.0.42/nodes/"] = (200, {"nodes": both, "errors": []})
    clusters._arm.add("gpu001")
    found = await clusters.find_node(vm("gpu001"))
    assert (None, "ambiguous_node", "n1 in hpc and n2 in hpc") == (
        found.node,
        found.trouble,
        found.detail,
    )


async def test_a_machine_of_another_cyclecloud_cluster_is_not_asked_about(server, clusters):
    """Its tag says whose it is; a namesake here is somebody else."""
    here = {"nodes": [{"name": "gpu001", "state": ["IDLE"]}], "errors": []}
    server.answers["/slurm/v0.0.42/nodes/"] = (200, here)
    clusters._arm.add("gpu001", tags={"CycleCloudCluster": "/sites/1/clusters/other"})
    found = await clusters.find_node(vm("gpu001"))
    assert (None, "") == (found.node, found.trouble)
    assert "'other'" in found.detail


async def test_a_cyclecloud_machine_is_known_by_its_address(server, clusters):
    """The names differ: ``htc-1`` runs on an instance called ``htc-abc_0``."""
    node = {"name": "htc-1", "hostname": "ip-0A00000B", "address": "10.0.0.11"}
    listed = {"nodes": [{**node, "state": ["IDLE"]}], "errors": []}
    server.answers["/slurm/v0.0.42/nodes/"] = (200, listed)
    server.answers["/slurm/v0.0.42/node/htc-1"] = (200, listed)
    tags = {"CycleCloudCluster": "/sites/1/clusters/hpc"}
    name = clusters._arm.add("htc-abc_0", tags=tags)
    card = vm("htc-abc_0").replace("Compute/virtualMachines", "Network/networkInterfaces")
    document = clusters._arm.documents[name.casefold()]
    document["properties"]["networkProfile"] = {"networkInterfaces": [{"id": card}]}
    address = {"properties": {"privateIPAddress": "10.0.0.11"}}
    clusters._arm.documents[card.casefold()] = {"properties": {"ipConfigurations": [address]}}
    found = await clusters.find_node(name)
    assert found.node is not None
    assert "htc-1" == found.node.name


async def test_a_cluster_that_refuses_us_is_told_apart_from_one_that_is_away(server, clusters):
    """The one needs a person, the other needs patience."""
    clusters._arm.add("gpu001")
    server.answers["/slurm/v0.0.42/nodes/"] = (511, {"errors": [{"error_number": 1007}]})
    assert "slurm_refused" == (await clusters.find_node(vm("gpu001"))).trouble
    server.answers["/slurm/v0.0.42/nodes/"] = (503, b"")
    assert "slurm_unreachable" == (await clusters.find_node(vm("gpu001"))).trouble


async def test_a_deployment_without_slurm_asks_nobody():
    """Neither Slurm nor Azure."""
    found = await SlurmClusters(None, Settings()).find_node(vm("gpu001"))
    assert (None, "") == (found.node, found.trouble)


def test_old_shapes_are_the_same_facts():
    """v0.0.38: a text and flags, and allocated nodes by another name."""
    old = {"name": "gpu001", "state": "allocated", "state_flags": ["DRAIN"], "reason": "r"}
    node = node_fact(old, "hpc", "slurm")
    assert (("ALLOCATED", "DRAIN"), True) == (node.states, node.is_drained)
    job = job_fact(
        {
            "job_id": 7,
            "job_state": "RUNNING",
            "requeue": True,
            "job_resources": {"allocated_nodes": [{"nodename": "gpu001"}]},
        }
    )
    assert (("gpu001",), True, True) == (job.nodes, job.is_requeueable, is_on_a_node(job))


@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1", ""])
def test_an_address_that_says_this_host_says_nothing(address: str):
    """Several nodes on one machine all have it."""
    node = node_fact({"name": "n", "state": ["IDLE"], "address": address}, "hpc", "slurm")
    assert "" == node.address


@given(JSON)
def test_any_document_at_all_is_read_without_an_error(document):
    """A server of the next version, or one that is no Slurm at all."""
    node_fact(document, "hpc", "slurm")
    job_fact(document)


async def test_no_list_of_jobs_is_not_a_list_without_jobs(server, clusters):
    """Or a node would be said to be empty because a proxy answered."""
    server.answers["/slurm/v0.0.42/jobs/"] = (200, {})
    with pytest.raises(ProviderUnavailable):
        await clusters.jobs(NODE)


def test_an_interactive_job_cannot_be_run_again():
    """``salloc`` has no script that Slurm could start anew."""
    job = job_fact({"job_id": 7, "requeue": True, "batch_flag": False})
    assert not job.is_requeueable


GOOD = {"AzureWebJobsStorage__accountName": "nightshift"}


def test_settings_name_clusters_and_a_key():
    """And the key is not shown."""
    key = base64.b64encode(KEY).decode()
    settings = read_settings(
        {**GOOD, "NIGHTSHIFT_SLURM": "hpc=https://s:6820", "NIGHTSHIFT_SLURM_KEY": key}
    )
    assert (SlurmCluster("hpc", "https://s:6820"),) == settings.slurm
    assert key not in repr(settings)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("", "NIGHTSHIFT_SLURM_KEY is missing"),
        ("not base64!", "base64 -w0 jwt_hs256.key"),
        ("c2hvcnQ=", "fewer than 16 bytes"),
        ("@Microsoft.KeyVault(SecretUri=x)", "could not resolve"),
    ],
)
def test_a_key_that_is_none_is_refused_and_not_shown(key: str, why: str):
    """The message names the setting and what it may be."""
    environ = {**GOOD, "NIGHTSHIFT_SLURM": "hpc=https://s", "NIGHTSHIFT_SLURM_KEY": key}
    with pytest.raises(InvalidSetting, match=why) as caught:
        read_settings(environ)
    assert not key or key not in str(caught.value)
