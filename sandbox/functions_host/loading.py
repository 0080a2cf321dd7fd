"""Load ``function_app.py`` and read what each function is bound to.

Checks at load what the Python worker checks at load, so that an app that
starts here is not refused in Azure. It calls nothing of the app but its module.

Source: https://learn.microsoft.com/azure/azure-functions/functions-reference-python
"""

import importlib
import inspect
import json
import os
import sys
import typing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from azure.functions import meta
from azure.functions.decorators.function_app import Function, FunctionRegister

from sandbox.functions_host.errors import AppRefused

HTTP, QUEUE, TIMER, EVENT_GRID = (
    "httpTrigger",
    "queueTrigger",
    "timerTrigger",
    "eventGridTrigger",
)
TRIGGERS = (HTTP, QUEUE, TIMER, EVENT_GRID)
OUTPUTS = ("http", "queue")
RETURN = "$return"
_CONTEXT = "context"

Binding = dict[str, Any]


@dataclass(frozen=True)
class LoadedFunction:
    """One function of the app: its code, its trigger and its outputs."""

    name: str
    call: Callable[..., Any]
    trigger: Binding
    outputs: tuple[Binding, ...]
    wants_context: bool
    retry: dict[str, str] | None = None

    @property
    def is_async(self) -> bool:
        """Tell whether it runs on the event loop rather than in a thread."""
        return inspect.iscoroutinefunction(self.call)


def load_app(folder: Path) -> tuple[LoadedFunction, ...]:
    """Import the app with its folder as first import path and working directory.

    Raises:
        AppRefused: there is no single app in the module, or a function asks
            for what this host (or Azure) does not support.
    """
    if not (folder / "function_app.py").is_file():
        raise AppRefused(f"{folder} has no function_app.py: give the folder of a v2 app")
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    module = importlib.import_module("function_app")
    apps = {id(v): v for v in vars(module).values() if isinstance(v, FunctionRegister)}
    if len(apps) != 1:
        raise AppRefused(
            f"{folder}/function_app.py holds {len(apps)} function apps: it must hold one"
        )
    try:
        functions = next(iter(apps.values())).get_functions()
    except ValueError as exc:
        raise AppRefused(f"{folder}/function_app.py: {exc}") from exc
    if not functions:
        raise AppRefused(f"{folder}/function_app.py registers no functions")
    return tuple(_read(function) for function in functions)


def _read(function: Function) -> LoadedFunction:
    name = str(function.get_function_name())
    bindings = [json.loads(raw) for raw in function.get_raw_bindings()]
    triggers = [b for b in bindings if str(b["type"]).lower().endswith("trigger")]
    outputs = [b for b in bindings if b not in triggers]
    for binding in triggers:
        _refuse_unless(binding, TRIGGERS, name, "trigger")
    for binding in outputs:
        _refuse_unless(binding, OUTPUTS, name, "binding")
    call = function.get_user_function()
    _check_parameters(name, call, triggers[0], outputs)
    return LoadedFunction(
        name=name,
        call=call,
        trigger=triggers[0],
        outputs=tuple(outputs),
        wants_context=_CONTEXT in inspect.signature(call).parameters,
        retry=function.get_settings_dict("retry_policy"),
    )


def _refuse_unless(binding: Binding, known: tuple[str, ...], name: str, what: str) -> None:
    if binding["type"] not in known:
        raise AppRefused(
            f"function {name}: {what} {binding['type']} ({binding['name']}) is not supported"
            f" by the local host, which knows {', '.join(known)}"
        )


def _check_parameters(
    name: str, call: Callable[..., Any], trigger: Binding, outputs: list[Binding]
) -> None:
    """Hold the signature against the bindings, as the Python worker does at load."""
    parameters = set(inspect.signature(call).parameters) - {_CONTEXT}
    bound = {b["name"] for b in [trigger, *outputs]} - {RETURN}
    if parameters - bound:
        raise AppRefused(
            f"function {name}: parameters {sorted(parameters - bound)} have no binding;"
            f" its bindings are {sorted(bound)}"
        )
    if bound - parameters:
        raise AppRefused(
            f"function {name}: bindings {sorted(bound - parameters)} have no parameter;"
            f" its parameters are {sorted(parameters)}"
        )
    annotation = _annotations(call).get(trigger["name"])
    converter = meta.get_binding_registry().get(trigger["type"])
    if inspect.isclass(annotation) and not converter.check_input_type_annotation(annotation):
        raise AppRefused(
            f"function {name}: {trigger['name']} is annotated {annotation.__qualname__},"
            f" which a {trigger['type']} does not give"
        )


def _annotations(call: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(call)
    except (NameError, TypeError, AttributeError):
        # Names that only a type checker sees cannot be checked, in Azure either.
        return {}
