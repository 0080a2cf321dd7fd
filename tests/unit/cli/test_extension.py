"""``nightshift check-extension``: a settings file is judged before anybody sends it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.extension import read
from cli.main import main

TRAINING = {"enableTraining": "True"}


def check(tmp_path: Path, document: object, *more: str) -> int:
    """Write a file, and have it judged."""
    path = tmp_path / "settings.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return main(["check-extension", str(path), *more])


def test_settings_that_work_are_told_with_their_scenario(tmp_path, capsys):
    """The exit code is what a pipeline goes by."""
    assert 0 == check(tmp_path, TRAINING, "--cluster", "arc")
    assert "training on arc: 0 wrong, 0 doubtful\n" == capsys.readouterr().out


def test_every_problem_is_named_and_the_exit_code_is_one(tmp_path, capsys):
    """One run tells all that is to be mended."""
    document = {"enableInference": "True", "internalLoadBalancerProvider": "azure"}
    assert 1 == check(tmp_path, document, "--cluster", "arc", "--nodes", "2")
    said = capsys.readouterr().out
    for name in ("inferenceRouterServiceType", "internalLoadBalancerProvider", "sslCname"):
        assert f"wrong     {name}: " in said
    assert "inferenceRouterHA: three router replicas need 3 nodes, there are 2" in said


def test_what_is_doubtful_does_not_fail_a_pipeline(tmp_path, capsys):
    """A trial cluster without HTTPS is told of, and works."""
    document = {
        "enableInference": True,
        "inferenceRouterServiceType": "LoadBalancer",
        "allowInsecureConnections": "True",
    }
    assert 0 == check(tmp_path, document, "--cluster", "aks", "--nodes", "3")
    assert "inference on aks: 0 wrong, 1 doubtful\n" in capsys.readouterr().out


def test_an_extension_as_azure_shows_it_is_read_too():
    """Of what is protected only the names are taken."""
    protected = {"sslCertPemFile": "", "sslKeyPemFile": ""}
    inner = {"configurationSettings": TRAINING, "configurationProtectedSettings": protected}
    assert (TRAINING, tuple(protected)) == read(json.dumps({"properties": inner}))
    assert (TRAINING, tuple(protected)) == read(json.dumps(inner))


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("{", "it is no JSON"),
        ([], "it must be an object"),
        ({"configurationSettings": 3}, "configurationSettings must be an object"),
        ({"enableTraining": 1}, "enableTraining must be text"),
    ],
)
def test_a_file_that_is_no_settings_is_refused_by_name(tmp_path, capsys, document, said):
    """Nothing is judged that could not be read."""
    assert 1 == check(tmp_path, document, "--cluster", "aks")
    assert said in capsys.readouterr().err


def test_a_file_that_is_not_there_is_refused(tmp_path, capsys):
    """As a sentence, and no traceback."""
    assert 1 == main(["check-extension", str(tmp_path / "none"), "--cluster", "aks"])
    assert "none" in capsys.readouterr().err
