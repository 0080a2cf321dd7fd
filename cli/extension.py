"""``nightshift check-extension``: judge settings of the Azure ML extension, offline."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shared.core.ml_extension import ClusterKind, Problem, Weight, problems, scenario_of

KINDS = {"aks": ClusterKind.MANAGED, "arc": ClusterKind.CONNECTED}
SETTINGS, PROTECTED = "configurationSettings", "configurationProtectedSettings"


def register(subparsers: Any) -> None:
    """Add ``check-extension``."""
    parser = subparsers.add_parser(
        "check-extension", help="judge settings of the Azure ML extension; asks nobody"
    )
    parser.add_argument("file", type=Path, help="JSON: the settings, or an extension")
    parser.add_argument("--cluster", choices=sorted(KINDS), required=True)
    parser.add_argument("--nodes", type=int, help="worker nodes that can take its pods")
    parser.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    """Print each problem; 1 if something would not work, or cannot be read."""
    try:
        settings, protected = read(arguments.file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        print(f"nightshift check-extension: {arguments.file}: {error}", file=sys.stderr)
        return 1
    found = problems(settings, protected, KINDS[arguments.cluster], nodes=arguments.nodes)
    for one in found:
        print(_line(one))
    wrong = sum(one.weight is Weight.WRONG for one in found)
    scenario = scenario_of(settings) or "nothing"
    print(f"{scenario} on {arguments.cluster}: {wrong} wrong, {len(found) - wrong} doubtful")
    return 1 if wrong else 0


def read(text: str) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """Read settings and the names of the protected ones.

    Either the plain settings, as ``az k8s-extension create --config-file`` takes them, or
    an extension as the resource manager shows it. Values of protected settings are not
    looked at.

    Raises:
        ValueError: It is neither.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ValueError(f"it is no JSON: {error}") from error
    inner = _object(document, "it")
    if isinstance(inner.get("properties"), dict):
        inner = inner["properties"]
    if SETTINGS not in inner:
        return _texts(inner), ()
    protected = _object(inner.get(PROTECTED) or {}, PROTECTED)
    return _texts(_object(inner[SETTINGS], SETTINGS)), tuple(protected)


def _object(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        wrong = f'{name} must be an object of settings: {{"enableTraining": "True"}}'
        raise ValueError(wrong)  # noqa: TRY004 - one kind of refusal for the caller
    return value


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    for name, value in values.items():
        if not isinstance(value, str | bool):
            wrong = f"{name} must be text: the service takes nothing else"
            raise ValueError(wrong)  # noqa: TRY004 - one kind of refusal for the caller
    return {name: str(value) for name, value in values.items()}


def _line(problem: Problem) -> str:
    return f"{problem.weight:<8}  {problem.setting}: {problem.why}"
