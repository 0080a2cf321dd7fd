"""Slurm's JSON turned into facts. Pure.

``state`` is a list since v0.0.40, and a text beside ``state_flags`` before. Which nodes a
job has is read from its allocation, because ``nodes`` is a range expression.

Source: https://slurm.schedmd.com/rest_api.html#v0.0.42_node,
https://slurm.schedmd.com/rest_api.html#v0.0.42_job_info
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from shared.core.slurm import SlurmJob, SlurmNode, asked, told

Json = Mapping[str, Any]
OURS = "nightshift:"
_ON_A_NODE = frozenset(
    {
        *("RUNNING", "SUSPENDED", "CONFIGURING", "COMPLETING", "RESIZING", "SIGNALING"),
        *("STAGE_OUT", "STOPPED"),
    }
)
_LOCAL_NAMES = frozenset({"localhost", ""})


def node_fact(node: Json, cluster: str, user: str) -> SlurmNode:
    """Read a node; ``user`` is whom we write as."""
    reason, by = _text(node, "reason"), _text(node, "reason_set_by_user")
    return SlurmNode(
        cluster=cluster,
        name=_text(node, "name"),
        states=states(node),
        reason=reason,
        reason_user=by if reason else "",
        is_reason_ours=reason.startswith(OURS) or by == user,
        comment=_text(node, "comment"),
        address=_elsewhere(_text(node, "address")),
        hostname=_elsewhere(_text(node, "hostname")),
        instance=_text(node, "instance_id"),
        partitions=tuple(str(one) for one in _list(node.get("partitions"))),
    )


def job_fact(job: Json) -> SlurmJob:
    """Read a job."""
    comments = (_text(job, "admin_comment"), _text(job, "comment"))
    return SlurmJob(
        id=_number(job, "job_id"),
        name=_text(job, "name"),
        user=_text(job, "user_name"),
        states=states(job, "job_state"),
        is_requeueable=job.get("requeue") is True and job.get("batch_flag") is not False,
        restarts=_number(job, "restart_cnt"),
        asks=asked(*comments),
        checkpointed=told(*comments),
        nodes=_nodes(job),
    )


def is_on_a_node(job: SlurmJob) -> bool:
    """Tell whether a job holds an allocation, by its state."""
    return not _ON_A_NODE.isdisjoint(job.states)


def states(found: Json, key: str = "state") -> tuple[str, ...]:
    """Read a state, whichever way this version writes it."""
    said = found.get(key)
    base = [said] if isinstance(said, str) else _list(said)
    flags = _list(found.get(f"{key}_flags"))
    return tuple(dict.fromkeys(str(one).upper() for one in (*base, *flags)))


def _nodes(job: Json) -> tuple[str, ...]:
    resources = job.get("job_resources")
    nodes = resources.get("nodes") if isinstance(resources, Mapping) else None
    listed = nodes.get("allocation") if isinstance(nodes, Mapping) else None
    if listed is None and isinstance(resources, Mapping):
        listed = resources.get("allocated_nodes")  # before v0.0.42
    named = (one for one in _list(listed) if isinstance(one, Mapping))
    return tuple(str(one.get("name") or one.get("nodename") or "") for one in named)


def _elsewhere(address: str) -> str:
    """Return an address, unless it only says "this host"."""
    if address.casefold() in _LOCAL_NAMES:
        return ""
    try:
        return "" if ipaddress.ip_address(address).is_loopback else address
    except ValueError:
        return address


def _list(found: object) -> list[Any]:
    return found if isinstance(found, list) else []


def _number(found: Json, key: str) -> int:
    value = found.get(key)
    return value if type(value) is int else 0


def _text(found: Json, key: str) -> str:
    return str(found.get(key) or "")
