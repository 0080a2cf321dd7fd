"""Recordings, event files and rule folders for tests of the command line."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cli.main import main
from sandbox.demo import events, world
from shared.core.facts import MachineFacts, NodeFacts
from shared.core.facts_json import facts_to_json
from shared.core.wire import write_moment
from tests.builders import NOW, a_node, a_resource, quiet

VM = world.instance_id(3)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
RULE = """\
rules:
  - name: drain
    on: [vm.preempt, vm.reboot]
    when: {when}
    remediate: drain_node
    mode: {mode}
    with: {{margin: {margin}}}
  - name: stop-idle
    on: compute.idle
    remediate: deallocate_idle
    mode: auto
    guard: {{cooldown: 1h}}
"""


def rules(
    folder: Path, *, when: str = "'true'", mode: str = "auto", margin: str = "3s"
) -> Path:
    """Write a rule folder."""
    folder.mkdir(parents=True, exist_ok=True)
    text = RULE.format(when=when, mode=mode, margin=margin)
    (folder / "rules.yaml").write_text(text, encoding="utf-8")
    return folder


def node_facts(**tags: str) -> dict[str, Any]:
    """Write the facts of a node on instance 3."""
    node = facts_to_json(NodeFacts(a_resource(VM, tags=tags), a_node(3)))
    return {VM: {"node": node}}


def machine_facts(vm: str) -> dict[str, Any]:
    """Write the facts of a machine that nobody uses."""
    facts = MachineFacts(a_resource(vm), "running", has_gpu=True, utilisation=quiet())
    return {vm: {"machine": facts_to_json(facts)}}


def notice(event_id: str = "e-1", **more: Any) -> dict[str, Any]:
    """Write a notice of instance 3's eviction."""
    return events.notice(event_id, (3,), now=NOW, **more)


def tick(number: int, vm: str) -> dict[str, Any]:
    """Write what the idle tick asks, as a signal."""
    return {
        "type": "compute.idle",
        "event_id": f"tick-{number}",
        "source": "tick",
        "target": vm,
        "phase": "fired",
        "observed_at": write_moment(NOW + number * MINUTE),
        "is_recurring": True,
    }


def a_line(
    event: Any,
    *,
    at: datetime = NOW,
    facts: dict[str, Any] | None = None,
    inlet: str = "on_maintenance_event",
    **more: Any,
) -> str:
    """Write a line of a recording."""
    known = node_facts() if facts is None else facts
    line = {"received_at": write_moment(at), "inlet": inlet, "event": event, "facts": known}
    return json.dumps({**line, **more})


def run(*words: object) -> tuple[int, str, str]:
    """Run the command line in this process; its code and what it said."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(word) for word in words])
    return code, out.getvalue(), err.getvalue()


def replayed(folder: Path, lines: Sequence[str], *more: object) -> dict[str, Any]:
    """Replay lines with ``folder/rules``; the JSON document."""
    file = folder / "events.jsonl"
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    rule_folder = folder / "rules"
    if not rule_folder.exists():
        rules(rule_folder)
    code, out, _ = run("replay", file, "--rules", rule_folder, "--json", "-", *more)
    assert 0 == code
    document: dict[str, Any] = json.loads(out)
    return document


def said(document: dict[str, Any]) -> list[str]:
    """Sum each signal of a replay up: what its first decision was."""
    firsts = (one["decisions"][0] for one in document["decisions"])
    return [" ".join(part for part in (d["kind"], d["reason"]) if part) for d in firsts]
