"""The deployment package: built, unpacked, and run from there with nothing else at hand."""

import ast
import json
import os
import shutil
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sandbox import lifecycle
from sandbox.demo import events, world
from sandbox.demo.site import Site, until
from sandbox.functions_process import LIBRARIES
from sandbox.options import ROOT, SandboxOptions

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
"""What is compiled in the package runs on this version alone, so that one is built."""
DEPLOYED = {"function_app.py", "host.json", "handlers", "shared", "rules", "requirements.txt"}
ACTING = """rules:
  - name: move-off-degraded-hardware
    mode: auto
"""
IMPORT_ALL = """
import importlib, json, sys
sys.path[:0] = json.loads(sys.argv[1])
missing = []
for name in json.loads(sys.argv[2]):
    try:
        importlib.import_module(name)
    except ImportError as error:
        missing.append(f"{name}: {error}")
json.dump(missing, sys.stdout)
"""


def checked_out(folder):
    """Copy what the package is made of, as a fresh clone would have it: with new times."""
    for name in (*DEPLOYED, ".funcignore", "requirements.in"):
        one = ROOT / name
        if one.is_dir():
            shutil.copytree(one, folder / name, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(one, folder / name)
    return folder


def make_package(source, out):
    """Run what `make package` runs, for the Python that runs here."""
    command = [sys.executable, "scripts/package.py", "--source", str(source)]
    command += ["--out", str(out), "--python", HERE]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """What the package is made of."""
    return checked_out(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def dist(source, tmp_path_factory):
    """The package, what is in it, and the same unpacked."""
    out = tmp_path_factory.mktemp("dist")
    make_package(source, out)
    return out


@pytest.fixture(scope="module")
def packaged(dist, tmp_path_factory):
    """A sandbox whose app is the unpacked package, with one rule that may act."""
    state = tmp_path_factory.mktemp("state")
    rules = tmp_path_factory.mktemp("rules")
    (rules / "acting.yaml").write_text(ACTING)
    start = state / "world.json"
    start.write_text(json.dumps(world.build(datetime.now(UTC))))
    options = SandboxOptions(state, world=start, rules=(rules,), app=dist / "app")
    yield lifecycle.up(options)
    lifecycle.down(state)


def names_in(dist):
    with zipfile.ZipFile(dist / "nightshift.zip") as package:
        return [Path(name) for name in package.namelist()]


def modules_named_in(app):
    """List what our code imports from others, also where it does so inside a function."""
    found = set()
    for path in (
        app / "function_app.py",
        *app.glob("shared/**/*.py"),
        *app.glob("handlers/*"),
    ):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {one.name for one in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(node.module)
    return sorted(found)


def libraries_of(pid):
    """List the compiled libraries that a process has loaded from any site-packages."""
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    loaded = {Path(line.split(maxsplit=5)[5]) for line in lines if line.endswith(".so")}
    return {path for path in loaded if "site-packages" in path.parts}


def test_the_same_files_give_the_same_bytes(source, dist, tmp_path):
    """Who builds it again can see that what runs is what was reviewed."""
    for path in source.rglob("*"):
        os.utime(path, (2e9, 2e9))
    make_package(source, tmp_path)
    once, again = (folder / "nightshift.zip" for folder in (dist, tmp_path))
    assert once.read_bytes() == again.read_bytes()


def test_nothing_is_in_it_but_our_code_its_rules_and_the_libraries(source, dist):
    """The sandbox plays Azure and must never ship; a test needs no place in the cloud."""
    names = names_in(dist)
    assert DEPLOYED | {".python_packages"} == {name.parts[0] for name in names}
    assert [] == [n for n in names if n.suffix in {".pyc", ".pyi"} or "tests" in n.parts]
    assert [] == [n for n in names if n.is_relative_to("rules/examples")]
    ours = {str(name) for name in names if name.parts[0] in {"handlers", "shared"}}
    there = [p for top in ("handlers", "shared") for p in (source / top).rglob("*.py")]
    assert {str(path.relative_to(source)) for path in there} == ours


def test_every_module_our_code_names_is_in_it(dist):
    """A library left out by mistake would show at the first event that needs it."""
    app = dist / "app"
    paths = json.dumps([str(app), str(app / LIBRARIES)])
    names = modules_named_in(app)
    assert "azure.ai.ml" in names
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", IMPORT_ALL, paths, json.dumps(names)],
        capture_output=True,
        text=True,
        check=True,
        cwd=dist,
    )
    assert [] == json.loads(done.stdout)


def test_it_says_what_is_in_it_and_how_large_each_library_is(dist):
    """Who wants it smaller has to know where to begin."""
    rows = (dist / "CONTENTS.md").read_text().splitlines()
    assert [] == [r for r in rows if r.startswith(("| pygments", "| typer"))]
    assert len([r for r in rows if r.startswith("| azure-ai-ml ")]) == 1
    with zipfile.ZipFile(dist / "nightshift.zip") as package:
        zipped = sum(entry.compress_size for entry in package.infolist())
    assert f"**{zipped / 1e6:.2f}**" == rows[-1].split("|")[2].strip()


async def test_it_answers_an_event_from_where_it_was_unpacked(packaged, dist):
    """No repository and no virtual environment in reach: as it will be in Azure."""
    async with Site(packaged) as site:
        event = events.degraded("packed-1", world.DEGRADED_VM, now=datetime.now(UTC))
        await site.send_event(event)

        async def done():
            plans = await site.plans("packed-1")
            return plans and plans[0]["state"] == "closed" and plans

        [plan] = await until(done)
        assert ("done", "move-off-degraded-hardware") == (plan["outcome"], plan["rule"])
        assert {"snapshot", "redeploy"} == {step["verb"] for step in plan["steps"]}
    loaded = libraries_of(packaged.pids["functions"])
    assert {"_http_parser", "_rust", "cel"} <= {path.name.split(".")[0] for path in loaded}
    assert [] == [path for path in loaded if not path.is_relative_to(dist / "app")]
