"""A Slurm node and its jobs as facts, our own mark on a node, and what a job asks for.

Slurm keeps one reason and one comment a node, and whoever writes replaces what was there.
So the reason is for people, and whose drain it is stands in the comment, beside whatever
else is written there: ``nightshift=<plan ids>``. Pure.

Source: https://slurm.schedmd.com/scontrol.html (Comment, Reason, State),
https://slurm.schedmd.com/rest_api.html#v0.0.42_node
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

MARK = "nightshift"
ASKS = "nightshift-checkpoint"
TELLS = "nightshift-checkpointed"
BATCH, STEPS, ALL = "batch", "steps", "all"
_MARKED = re.compile(r"(?:(?<=^)|(?<=[\s;]))nightshift=([A-Za-z0-9,_-]*)")
_WORD = re.compile(r"(?:^|[\s;,])(nightshift-checkpoint(?:ed)?)(?:=([^\s;,]*))?(?=$|[\s;,])")
_SIGNAL = re.compile(r"(?:(b|batch|steps|all):)?(?:sig)?([a-z]+[0-9]*)", re.IGNORECASE)
_KNOWN = frozenset(
    {"ALRM", "CONT", "HUP", "INT", "QUIT", "TERM", "TSTP", "URG", "USR1", "USR2", "WINCH"}
)


@dataclass(frozen=True, slots=True)
class SlurmNode:
    """A node of a Slurm cluster as the controller shows it.

    Attributes:
        cluster: The name that our settings give the cluster.
        states: Base state and flags: ``IDLE``, ``DRAIN``, ``NOT_RESPONDING``, ...
        is_reason_ours: Whether the reason is one of ours, or was set by the user whom we
            write as.
        address: ``NodeAddr``; empty if it only says "this host".
        instance: ``InstanceId``, or empty.
    """

    cluster: str
    name: str
    states: tuple[str, ...]
    reason: str = ""
    reason_user: str = ""
    is_reason_ours: bool = False
    comment: str = ""
    address: str = ""
    hostname: str = ""
    instance: str = ""
    partitions: tuple[str, ...] = ()

    @property
    def is_drained(self) -> bool:
        """Tell whether no new job may start on it, by its state alone."""
        return any(state.startswith("DRAIN") for state in self.states)

    @property
    def is_down(self) -> bool:
        """Tell whether Slurm has given it up, with the jobs it had."""
        return "DOWN" in self.states

    @property
    def marks(self) -> tuple[str, ...]:
        """Plan ids in our mark, in order, none twice."""
        return marks_in(self.comment)

    @property
    def is_ours(self) -> bool:
        """Tell whether the drain is ours: our mark is on it, and nobody took it over.

        A person, or a health check, who drains a node of ours once more says that it must
        stay so for a reason of theirs. What Slurm itself writes comes from the same user
        as ours, and changes nothing.
        """
        return self.is_drained and bool(self.marks) and self.is_reason_ours


@dataclass(frozen=True, slots=True)
class SlurmJob:
    """A job that holds an allocation on a node.

    Attributes:
        states: ``RUNNING``, ``COMPLETING``, ...
        is_requeueable: Whether Slurm may run it again.
        restarts: How often it was started anew: with ``id`` it names one run.
        asks: What it wants to be told before its machine goes, as ``whom:SIGNAL``; empty
            for nothing, ``whom:`` for whichever signal the rule names.
        checkpointed: What it last said of its own checkpoint, in its own words.
        nodes: Every node it runs on.
    """

    id: int
    name: str
    user: str
    states: tuple[str, ...]
    is_requeueable: bool
    restarts: int = 0
    asks: str = ""
    checkpointed: str = ""
    nodes: tuple[str, ...] = ()

    @property
    def run(self) -> str:
        """Name this very run of the job."""
        return f"{self.id}.{self.restarts}"


def marks_in(comment: str) -> tuple[str, ...]:
    """Read our mark from a comment."""
    found = _MARKED.search(comment)
    named = found.group(1).split(",") if found else []
    return tuple(dict.fromkeys(one for one in named if one))


def with_marks(comment: str, plans: Iterable[str]) -> str:
    """Write a comment with exactly these plans in our mark; what others wrote stays."""
    rest = " ".join(_MARKED.sub("", comment).split())
    mark = ",".join(dict.fromkeys(plans))
    return " ".join(part for part in (rest, f"{MARK}={mark}" if mark else "") if part)


def asked(*comments: str) -> str:
    """Read what a job asks for, from the first of its comments that asks.

    ``nightshift-checkpoint=USR1`` is for the batch script, as ``B:USR1`` is;
    ``steps:USR1`` for the steps and not the script, ``all:USR1`` for both. Without a
    signal, the rule's is sent. A signal that Slurm does not send by name, and any that
    would simply end the job, is none.

    Source: https://slurm.schedmd.com/scancel.html (--batch, --full, --signal),
    https://slurm.schedmd.com/sbatch.html#OPT_signal
    """
    for said in _words(comments, ASKS):
        if not said:
            return f"{BATCH}:"
        shape = _SIGNAL.fullmatch(said)
        if shape and shape.group(2).upper() in _KNOWN:
            whom = (shape.group(1) or BATCH).lower()
            return f"{BATCH if whom == 'b' else whom}:{shape.group(2).upper()}"
    return ""


def told(*comments: str) -> str:
    """Read what a job says of its last checkpoint: any word, a time if it is wise."""
    return next((said[:64] for said in _words(comments, TELLS) if said), "")


def is_signal(name: str) -> bool:
    """Tell whether a rule may name this signal: one a program can act on and live."""
    return name in _KNOWN


def _words(comments: Iterable[str], key: str) -> Iterable[str]:
    for comment in comments:
        for name, value in _WORD.findall(comment):
            if name == key:
                yield value
