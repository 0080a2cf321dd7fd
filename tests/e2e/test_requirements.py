"""The locked packages, as the deployment gets them: wheels alone, each with its hash."""

import importlib.util
import re
import subprocess

import pytest

from sandbox.options import ROOT


@pytest.fixture(scope="module")
def package():
    """What builds the package, which installs them."""
    spec = importlib.util.spec_from_file_location("package", ROOT / "scripts/package.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_every_locked_package_has_a_wheel_for_the_machines_of_azure(package, python, tmp_path):
    """A source package would be built by whoever deploys, with whatever it downloads then."""
    package.install(ROOT, python, tmp_path)
    wheels = [path.read_text() for path in tmp_path.glob("*.dist-info/WHEEL")]
    tags = {tag for text in wheels for tag in re.findall(r"^Tag: (\S+)$", text, re.MULTILINE)}
    built_for = {tag.split("-")[2] for tag in tags}
    assert {"any"} < built_for
    assert [] == [one for one in built_for if not re.search(r"^any$|linux.*x86_64", one)]


def test_a_package_with_another_hash_than_the_locked_one_is_refused(package, tmp_path, capfd):
    """What was changed on its way here must not be deployed."""
    text = (ROOT / "requirements.txt").read_text()
    start = text.index("azure-functions==")
    end = text.index("\nazure-identity==", start)
    wrong = re.sub(r"sha256:[0-9a-f]{8}", "sha256:00000000", text[start:end])
    (tmp_path / "requirements.txt").write_text(text[:start] + wrong + text[end:])
    with pytest.raises(subprocess.CalledProcessError):
        package.install(tmp_path, "3.12", tmp_path / "libraries")
    said = capfd.readouterr().err
    assert "azure-functions" in said
    assert "hash" in said.casefold()


def test_the_python_that_is_packaged_for_is_the_one_that_is_deployed(package):
    """What is compiled for one version does not load in another."""
    bicep = (ROOT / "infra/bicep/main.bicep").read_text()
    [stated] = re.findall(r"^param pythonVersion string = '([\d.]+)'$", bicep, re.MULTILINE)
    assert package.DEPLOYED_PYTHON == stated
