"""What an app may hold, and how one that Azure would refuse is refused here."""

import os
import sys
from pathlib import Path

import pytest

from sandbox.functions_host.errors import AppRefused
from sandbox.functions_host.loading import load_app

HEAD = "import azure.functions as func\napp = func.FunctionApp()\n"


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Load an app from its text, and leave path, modules and directory as they were."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "function_app", raising=False)

    def loaded(text):
        (tmp_path / "function_app.py").write_text(text)
        return load_app(tmp_path)

    yield loaded
    sys.modules.pop("function_app", None)


def test_each_function_is_read_with_its_trigger_and_outputs(load, tmp_path):
    """Including those of blueprints, and a name given by decorator."""
    text = """
import azure.functions as func
bp = func.Blueprint()
@bp.function_name("renamed")
@bp.queue_trigger(arg_name="msg", queue_name="q", connection="C")
@bp.queue_output(arg_name="out", queue_name="o", connection="C")
async def work(msg: func.QueueMessage, out: func.Out[str], context: func.Context) -> None: ...
app = func.FunctionApp()
app.register_functions(bp)
"""
    (function,) = load(text)
    assert ("renamed", True, True) == (
        function.name,
        function.is_async,
        function.wants_context,
    )
    assert ("queueTrigger", "q") == (function.trigger["type"], function.trigger["queueName"])
    assert ["o"] == [binding["queueName"] for binding in function.outputs]
    assert tmp_path == Path(os.getcwd())  # noqa: PTH109 - what the app itself would ask


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1", "0 function apps"),
        (HEAD + "other = func.FunctionApp()", "2 function apps"),
        (HEAD, "no functions"),
        (
            HEAD + "@app.blob_trigger(arg_name='b', path='p', connection='C')\ndef f(b): ...",
            "function f: trigger blobTrigger",
        ),
        (
            HEAD
            + "@app.route()\n@app.table_output(arg_name='t', table_name='t', connection='C')\n"
            + "def f(req, t): ...",
            "function f: binding table",
        ),
        (HEAD + "@app.route()\ndef f(req, extra): ...", "'extra'"),
        (HEAD + "@app.route()\ndef f(context): ...", "'req'"),
        (HEAD + "@app.route()\ndef f(req: func.QueueMessage): ...", "QueueMessage"),
        (
            HEAD + "@app.route()\ndef f(req): ...\n"
            "@app.function_name('f')\n@app.route()\ndef g(req): ...",
            "f",
        ),
    ],
)
def test_an_app_that_cannot_run_is_refused_and_says_where(load, text, words):
    """The message names the function and the binding."""
    with pytest.raises(AppRefused, match=words):
        load(text)


def test_a_folder_without_an_app_is_refused(tmp_path):
    """Most often the wrong folder was given."""
    with pytest.raises(AppRefused, match=r"no function_app\.py"):
        load_app(tmp_path)
