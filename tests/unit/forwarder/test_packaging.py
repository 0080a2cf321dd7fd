"""How the forwarder is put on machines: hardened, unprivileged, and naming files there are."""

from __future__ import annotations

import configparser
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts import kubectl
from tests.forwarding import PROGRAM

FOLDER = PROGRAM.parent
INSTALLED = "/usr/local/lib/nightshift/nightshift_forwarder.py"


class _Keys(dict):
    """Keeps every value of a key that stands several times."""

    def __setitem__(self, key: str, value: Any) -> None:
        both = isinstance(value, list) and isinstance(self.get(key), list)
        super().__setitem__(key, [*self[key], *value] if both else value)


@pytest.fixture
def unit() -> configparser.ConfigParser:
    """The systemd unit."""
    parser = configparser.ConfigParser(
        dict_type=_Keys, strict=False, interpolation=None, delimiters=("=",)
    )
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read(FOLDER / "nightshift-forwarder.service")
    return parser


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("DynamicUser", "yes"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateDevices", "yes"),
        ("SystemCallFilter", "@system-service"),
        ("StateDirectory", "nightshift-forwarder"),
        ("Restart", "always"),
        ("RestartPreventExitStatus", "2"),
    ],
)
def test_the_unit_has_no_right_that_it_does_not_need(unit, key: str, value: str):
    """It reads one address and writes to another; whoever breaks it gains nothing."""
    assert value == unit["Service"][key].strip()


def test_the_unit_runs_what_cloud_init_installs(unit):
    """Two files that name one path can drift apart."""
    assert unit["Service"]["ExecStart"].endswith(INSTALLED)
    config = yaml.safe_load((FOLDER / "cloud-init.yaml").read_text())
    paths = {one["path"]: one["content"] for one in config["write_files"]}
    script = paths["/etc/nightshift/install.sh"]
    assert INSTALLED in script
    assert unit["Service"]["EnvironmentFile"] in paths
    assert [["/etc/nightshift/install.sh"]] == config["runcmd"]
    for name in re.findall(r"fetch (\S+) @", script):
        assert (FOLDER / name).is_file(), name


def test_systemd_understands_the_unit():
    """Where systemd is, it is asked; it refuses a key that it does not know."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd here")
    unit = FOLDER / "nightshift-forwarder.service"
    done = subprocess.run(
        ["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False
    )
    assert [line for line in done.stderr.splitlines() if "Unknown" in line] == []


def test_cloud_init_installs_nothing_that_does_not_match_its_sum(tmp_path: Path):
    """The script is run as a machine would run it, with a fetch that brings another file."""
    config = yaml.safe_load((FOLDER / "cloud-init.yaml").read_text())
    script = next(o["content"] for o in config["write_files"] if o["path"].endswith(".sh"))
    script = script.replace("@FORWARDER_SHA256@", "0" * 64)
    commands = tmp_path / "bin"
    commands.mkdir()
    for name in ("curl", "install", "systemctl"):
        text = 'for last; do :; done; echo evil > "${last##*/}"' if name == "curl" else ":"
        (commands / name).write_text(f"#!/bin/sh\necho {name} >> {tmp_path}/ran\n{text}\n")
        (commands / name).chmod(0o755)
    file = tmp_path / "install.sh"
    file.write_text(script)
    done = subprocess.run(
        ["/bin/sh", file], env={"PATH": f"{commands}:/usr/bin:/bin"}, check=False
    )
    assert done.returncode != 0
    assert ["curl"] == (tmp_path / "ran").read_text().split()


@pytest.fixture
def daemon_set() -> dict[str, Any]:
    """The DaemonSet of the manifest."""
    found = yaml.safe_load_all((FOLDER / "daemonset.yaml").read_text())
    return next(one for one in found if one["kind"] == "DaemonSet")


def test_the_pod_is_no_ones_way_in(daemon_set):
    """It stands on the host's network, so it must be worth nothing to who breaks it."""
    pod = daemon_set["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert pod["hostNetwork"] is True
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    inside = container["securityContext"]
    assert (False, True) == (
        inside["allowPrivilegeEscalation"],
        inside["readOnlyRootFilesystem"],
    )
    assert ["ALL"] == inside["capabilities"]["drop"]
    assert {"cpu", "memory"} == set(container["resources"]["requests"])
    assert [one for one in pod["volumes"] if "hostPath" in one] == []


def test_it_runs_on_every_node_whatever_its_taints(daemon_set):
    """A spot node, or one that is cordoned for a notice, is the one that must be heard."""
    assert [{"operator": "Exists"}] == daemon_set["spec"]["template"]["spec"]["tolerations"]


def test_kubectl_puts_program_and_settings_together():
    """The real kubectl builds the folder; the program in it is the one that is tested."""
    found = kubectl.find()
    done = subprocess.run(
        [found, "kustomize", FOLDER], capture_output=True, text=True, check=True
    )
    documents = list(yaml.safe_load_all(done.stdout))
    maps = [one for one in documents if one["kind"] == "ConfigMap"]
    held = {name: text for one in maps for name, text in one["data"].items()}
    assert PROGRAM.read_text() == held["nightshift_forwarder.py"]
    assert "FORWARDER_TOPIC=" in held["forwarder.conf"]
    [daemon_set] = [one for one in documents if one["kind"] == "DaemonSet"]
    names = {one["metadata"]["name"] for one in maps}
    assert names <= set(re.findall(r'"name": "([^"]+)"', json.dumps(daemon_set)))


def test_the_sample_settings_are_settings():
    """Also those behind a ``#``: whoever takes the sign away gets a program that starts."""
    lines = (FOLDER / "forwarder.conf").read_text().splitlines()
    named = [m[1] for m in (re.match(r"#?(FORWARDER_\w+)=", line) for line in lines) if m]
    shown = subprocess.run(
        ["python3", PROGRAM, "--help"], capture_output=True, text=True, check=True
    )
    assert [one for one in named if one not in shown.stdout] == []


def test_every_setting_is_in_the_documentation():
    """Word for word, as for the app's own."""
    page = (FOLDER.parent / "docs" / "FORWARDER.md").read_text()
    shown = subprocess.run(
        ["python3", PROGRAM, "--help"], capture_output=True, text=True, check=True
    )
    for name, rest in re.findall(r"^  (FORWARDER_\w+)\s+(.*)$", shown.stdout, re.MULTILINE):
        meaning, _, default = rest.rpartition(" (")
        cell = default.rstrip(")")
        shown_default = "none" if cell == "none" else f"`{cell}`"
        assert f"| `{name}` | {shown_default} | {meaning} |" in page, name
