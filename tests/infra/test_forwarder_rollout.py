"""The script that a policy runs on a machine puts the forwarder there, whole, and starts it.

Worked out of the template, and really run, with a root of its own and a stand-in for
systemctl that writes down what it is asked.
"""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys

from tests.infra.bicep import INFRA, ROOT
from tests.infra.deployed import GROUP, deploy

SCRIPT = (INFRA / "modules" / "install-forwarder.sh").read_text(encoding="utf-8")
RENDERED_BY = (INFRA / "modules" / "forwarderScript.bicep").read_text(encoding="utf-8")
FILES = {
    "@PROGRAM@": ROOT / "forwarder" / "nightshift_forwarder.py",
    "@UNIT@": ROOT / "forwarder" / "nightshift-forwarder.service",
}
CONF = "FORWARDER_TOPIC=https://t.example.invalid/api/events\nFORWARDER_CLIENT_ID=c\n"
PLACES = {
    "usr/local/lib/nightshift/nightshift_forwarder.py": FILES["@PROGRAM@"].read_bytes(),
    "etc/systemd/system/nightshift-forwarder.service": FILES["@UNIT@"].read_bytes(),
    "etc/nightshift/forwarder.conf": CONF.encode(),
}


def rendered():
    """Return the script as the template gives it."""
    settings = {"topicEndpoint": "https://t.example.invalid/api/events", "clientId": "c"}
    return deploy(INFRA / "modules" / "forwarderScript.bicep", GROUP, **settings).output(
        "script"
    )


def run(tmp_path, *, python=sys.executable):
    """Run it; return how it ended and what systemctl was asked."""
    programs, root, asked = tmp_path / "bin", tmp_path / "root", tmp_path / "asked"
    programs.mkdir(exist_ok=True)
    for name, line in (("systemctl", f'echo "$@" >>{asked}'), ("python3", f'{python} "$@"')):
        (programs / name).write_text(f"#!/bin/sh\n{line}\n")
        (programs / name).chmod(0o755)
    path = f"{programs}:{os.environ['PATH']}"
    ran = subprocess.run(
        ["/bin/sh"],
        input=rendered(),
        env={"PATH": path, "NIGHTSHIFT_ROOT": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    return ran, root, asked.read_text().splitlines() if asked.is_file() else []


def test_the_forwarder_is_put_in_place_and_started(tmp_path):
    """Byte for byte what the repository has, with this deployment's settings."""
    ran, root, asked = run(tmp_path)
    assert (0, "") == (ran.returncode, ran.stderr)
    assert PLACES == {name: (root / name).read_bytes() for name in PLACES}
    assert ["daemon-reload", "enable", "restart"] == [one.split()[0] for one in asked]


def test_running_it_again_changes_nothing_but_restarts(tmp_path):
    """A policy's remediation may come twice."""
    run(tmp_path)
    ran, root, asked = run(tmp_path)
    assert ran.returncode == 0
    assert PLACES == {name: (root / name).read_bytes() for name in PLACES}
    assert asked.count("restart nightshift-forwarder.service") == 2


def test_a_machine_whose_python_is_too_old_is_left_alone(tmp_path):
    """And the policy says so, instead of a unit that dies every second."""
    ran, root, asked = run(tmp_path, python="/bin/false")
    assert ran.returncode == 1
    assert "3.8" in ran.stderr
    assert not root.exists()
    assert asked == []


def test_every_mark_is_filled_in():
    """A mark that is left would be decoded as if it were a program."""
    assert len(re.findall(r"^@[A-Z]+@$", SCRIPT, re.MULTILINE)) == len(PLACES)
    assert re.findall(r"^@[A-Z]+@$", rendered(), re.MULTILINE) == []


def test_the_settings_that_are_written_are_known():
    """The forwarder ends with an error at a setting that it does not know."""
    told = subprocess.run(
        [sys.executable, FILES["@PROGRAM@"], "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    written = set(re.findall(r"(FORWARDER_\w+)=", RENDERED_BY))
    assert {"FORWARDER_TOPIC", "FORWARDER_CLIENT_ID"} == written
    assert written <= set(re.findall(r"FORWARDER_\w+", told.stdout))


def test_it_is_small_enough_to_be_carried_along():
    """An extension takes a script of at most 256 KB; a policy's rule is at most 1 MB.

    Source: https://learn.microsoft.com/azure/virtual-machines/extensions/custom-script-linux
    """
    assert len(base64.b64encode(rendered().encode())) < 256 * 1024
