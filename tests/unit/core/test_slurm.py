"""Our mark on a node, what a job asks for, which node a machine is, which clusters are."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.resource_ids import ResourceId
from shared.core.slurm import SlurmNode, asked, marks_in, told, with_marks
from shared.core.slurm_clusters import SlurmCluster, read_clusters
from shared.core.slurm_identity import (
    Machine,
    candidates,
    cyclecloud_cluster,
    cyclecloud_name,
)
from tests.builders import GROUP, VM

NODE = SlurmNode("hpc", "gpu001", ("IDLE",), address="10.0.0.11", hostname="gpu001")
PLANS = st.lists(st.from_regex(r"[a-f0-9]{4}-[a-f0-9]{4}", fullmatch=True), unique=True)


@given(st.text(), PLANS)
def test_marks_are_read_as_they_were_written(comment: str, plans: list[str]):
    """Whatever else stands in the comment."""
    assert tuple(plans) == marks_in(with_marks(comment, plans))


@given(st.text(alphabet="ab =;,\n"), PLANS, PLANS)
def test_what_others_wrote_stays(comment: str, first: list[str], then: list[str]):
    """Word for word: only the space between words is ours to change."""
    kept = with_marks(with_marks(comment, first), then)
    assert comment.split() == [w for w in kept.split() if not w.startswith("nightshift=")]


@pytest.mark.parametrize(
    ("comment", "marks"),
    [
        ("", ()),
        ("rack 4", ()),
        ("nightshift=p-1", ("p-1",)),
        ("rack 4; nightshift=p-1,p-2,p-1 owner=ada", ("p-1", "p-2")),
        ("nightshift=", ()),
        ("mynightshift=p-1", ()),
        ("nightshift-checkpoint=USR1", ()),
    ],
)
def test_only_our_own_word_is_our_mark(comment: str, marks: tuple[str, ...]):
    """Somebody else's word that looks like it makes nothing ours."""
    assert marks == marks_in(comment)


@pytest.mark.parametrize(
    ("states", "is_drained", "is_down"),
    [
        (("IDLE",), False, False),
        (("ALLOCATED", "DRAIN"), True, False),
        (("DRAINING",), True, False),
        (("DOWN", "DRAIN", "NOT_RESPONDING"), True, True),
        (("DOWN",), False, True),
        ((), False, False),
    ],
)
def test_a_node_is_drained_by_its_state(states, is_drained, is_down):
    """By nothing that anybody wrote about it."""
    node = replace(NODE, states=states, reason="nightshift: x", comment="nightshift=p")
    assert (is_drained, is_down) == (node.is_drained, node.is_down)


@pytest.mark.parametrize(
    ("comments", "asks"),
    [
        (("nightshift-checkpoint=USR1",), "batch:USR1"),
        (("nightshift-checkpoint=B:usr2",), "batch:USR2"),
        (("nightshift-checkpoint=steps:SIGTERM",), "steps:TERM"),
        (("nightshift-checkpoint=all:HUP more words",), "all:HUP"),
        (("nightshift-checkpoint",), "batch:"),
        (("", "x; nightshift-checkpoint=USR1"), "batch:USR1"),
        (("nightshift-checkpoint=KILL",), ""),
        (("nightshift-checkpoint=9",), ""),
        (("nightshift-checkpoint=USR1;rm -rf /",), "batch:USR1"),
        (("nightshift-checkpoint=$(id)",), ""),
        (("nightshift-checkpoints=USR1",), ""),
        (("no",), ""),
        ((), ""),
    ],
)
def test_a_job_is_told_only_what_it_asks_for(comments: tuple[str, ...], asks: str):
    """A signal that ends it, a number, and whatever is no signal are no wish."""
    assert asks == asked(*comments)


def test_an_operators_word_about_a_job_counts_first():
    """The admin comment is read before the job's own."""
    mine, theirs = "nightshift-checkpoint=USR1", "nightshift-checkpoint=USR2"
    assert "batch:USR2" == asked(theirs, mine)


def test_what_a_job_tells_of_its_checkpoint_is_kept_short():
    """It goes into the ledger as it is."""
    assert "12:00" == told("nightshift-checkpoint=USR1 nightshift-checkpointed=12:00")
    assert 64 == len(told("nightshift-checkpointed=" + "x" * 500))
    assert "" == told("nightshift-checkpointed")


@given(st.text())
def test_any_comment_at_all_is_read_without_an_error(text: str):
    """Comments are written by anybody."""
    marks_in(text), asked(text), told(text)


def machine(**fields):
    """Make the machine that the node is on."""
    values = {
        "names": frozenset({"gpu001"}),
        "addresses": frozenset({"10.0.0.11"}),
        "ids": frozenset({"6f7c"}),
    }
    return Machine(**{**values, **fields})


def found(nodes, machine, *, is_at_home: bool = False) -> list[str]:
    """Name the candidates."""
    return [node.name for node in candidates(nodes, machine, is_at_home=is_at_home)]


def test_a_node_is_found_by_its_name():
    """Computer name or VM name, with a domain or without."""
    assert ["gpu001"] == found([NODE, replace(NODE, name="gpu002", hostname="")], machine())
    by_host = replace(NODE, name="n1", hostname="GPU001.hpc.local", address="")
    assert ["n1"] == found([by_host], machine())


def test_a_name_is_not_believed_against_an_address():
    """Two machines may be called gpu001; the one at 10.0.0.12 is not this one."""
    assert [] == found([replace(NODE, address="10.0.0.12")], machine())


def test_an_address_counts_only_where_the_machine_is_at_home():
    """10.0.0.11 is in every network."""
    other = machine(names=frozenset({"web-1"}))
    assert [] == found([NODE], other)
    assert ["gpu001"] == found([NODE], other, is_at_home=True)


def test_addresses_that_could_not_be_read_are_no_proof_against():
    """Without leave to read network interfaces the name is what there is."""
    assert ["gpu001"] == found([NODE], machine(addresses=frozenset()))


def test_the_instance_id_counts_most():
    """It is the cloud's own."""
    right = replace(NODE, name="htc-7", hostname="", address="10.9.9.9", instance="6F7C")
    assert ["htc-7"] == found([NODE, right], machine())


def test_two_that_could_be_it_are_two():
    """The caller takes neither."""
    assert 2 == len(found([NODE, replace(NODE, cluster="lab", address="")], machine()))


@pytest.mark.parametrize(
    ("tags", "cluster", "name"),
    [
        (
            {"CycleCloudCluster": "/sites/1/clusters/hpc", "Name": "scheduler"},
            "hpc",
            "scheduler",
        ),
        ({"ClusterName": "hpc", "CycleOwner": "hpc(ada@site:1)"}, "hpc", ""),
        ({"ClusterName": "aks-train", "Name": "web"}, "", ""),
        ({}, "", ""),
    ],
)
def test_cyclecloud_says_of_which_cluster_a_machine_is(tags, cluster, name):
    """By its own tags; a tag that people use for other things says nothing."""
    assert (cluster, name) == (cyclecloud_cluster(tags), cyclecloud_name(tags))


def test_clusters_are_read_in_both_forms():
    """The short one for most, JSON where more is to be said."""
    short = read_clusters("a=https://slurm:6820/, b=http://127.0.0.1:6820")
    assert (
        SlurmCluster("a", "https://slurm:6820"),
        SlurmCluster("b", "http://127.0.0.1:6820"),
    ) == short
    [one] = read_clusters(
        f'[{{"name": "hpc", "url": "https://s", "user": "night", "within": "{GROUP}"}}]'
    )
    assert ("night", True) == (one.user, one.may_have(ResourceId.parse(VM)))
    assert not one.may_have(ResourceId.parse(VM.replace("/train/", "/train-2/")))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("hpc=http://slurm:6820", "token goes there"),
        ("hpc=http://localhost:6820", "token goes there"),
        ("hpc", "token goes there"),
        ("=https://slurm", "NAME=https"),
        ("a=https://x, A=https://y", "one name"),
        ("a=https://x/slurm", "scheme, host and port"),
        ("a=https://u:p@x", "scheme, host and port"),
        ("a=https://x:99999", "no address"),
        (",", "no cluster"),
        ("[{", "JSON"),
        ("[1]", "list of objects"),
        ('[{"name": "a", "url": "https://x", "key": "s"}]', "'key' is no key"),
        ('[{"name": "a", "url": 7}]', "no text"),
        ('[{"name": "a", "url": "https://x", "user": "a b"}]', "user's name"),
        ('[{"name": "a", "url": "https://x", "within": "/x"}]', "within"),
        (f'[{{"name": "a", "url": "https://x", "within": "{VM}"}}]', "nor a resource group"),
    ],
)
def test_a_wrong_cluster_is_refused_with_what_would_be_right(text: str, why: str):
    """Before the first token is sent anywhere."""
    with pytest.raises(ValueError, match=why):
        read_clusters(text)
