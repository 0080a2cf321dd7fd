"""The pipelines: well formed, pinned, no right too many, nothing named that is not there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
BIN = Path(sys.exec_prefix) / "bin"
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
AZURE = ROOT / "azure-pipelines.yml"
PINNED = re.compile(r"uses: [\w-]+/[\w/-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+$")
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
MADE = {"dist/nightshift.zip", "dist/CONTENTS.md"}
"""What `make package` makes (tests/e2e/test_package.py)."""


def loaded(path):
    """Read a pipeline; YAML 1.1 takes a plain `on` for true."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {("on" if key is True else key): value for key, value in document.items()}


def jobs():
    """List all jobs of all workflows."""
    return [(path.name, name, job) for path in WORKFLOWS for name, job in jobs_of(path)]


def jobs_of(path):
    return loaded(path)["jobs"].items()


def checked(*words):
    """Run a checker without the network; returns what it says of what is wrong."""
    done = subprocess.run(
        [str(BIN / words[0]), *map(str, words[1:])],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.parametrize(
    "schema", ["vendor.github-workflows", "custom.github-workflows-require-timeout"]
)
def test_every_workflow_is_what_github_takes_and_ends_in_time(schema):
    """A misspelt key would be found by the run that was to deploy a correction."""
    assert checked("check-jsonschema", "--builtin-schema", schema, *WORKFLOWS) == ""


def test_the_azure_pipeline_is_what_azure_pipelines_takes():
    """As above."""
    assert "" == checked(
        "check-jsonschema",
        *("--builtin-schema", "vendor.azure-pipelines"),
        # A pattern of that schema is none in the strict form.
        *("--regex-variant", "nonunicode", "--data-transform", "azure-pipelines"),
        AZURE,
    )


def test_nobody_finds_a_known_weakness_in_the_workflows():
    """Injection by a branch's name, kept credentials, caches that others may write."""
    assert checked("zizmor", "--offline", "--no-progress", "--quiet", *WORKFLOWS) == ""


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_to_a_commit_and_says_which_version_it_is(path):
    """A tag can be moved to other code; a commit can not."""
    used = re.findall(r"\buses: .*$", path.read_text(encoding="utf-8"), re.MULTILINE)
    others = [line for line in used if not line.startswith("uses: ./.github/workflows/")]
    assert others
    assert [] == [line for line in others if not PINNED.fullmatch(line)]


def test_a_workflow_may_nothing_and_a_job_only_what_it_needs():
    """A token that can write is what an attacker of a dependency looks for."""
    assert [{}] * len(WORKFLOWS) == [loaded(path)["permissions"] for path in WORKFLOWS]
    rights = {(file, name): job["permissions"] for file, name, job in jobs()}
    signs_in = {("deploy.yml", "what-if"), ("deploy.yml", "deploy")}
    read, both = {"contents": "read"}, {"contents": "read", "id-token": "write"}
    assert {one: both if one in signs_in else read for one in rights} == rights


def test_only_a_job_with_an_environment_signs_in_to_azure_and_none_has_a_secret():
    """The federated credential names the environment; its reviewers are asked first."""
    for _, _, job in jobs():
        signs_in = any("azure/login@" in step.get("uses", "") for step in job.get("steps", ()))
        assert signs_in == ("environment" in job)
    texts = [path.read_text(encoding="utf-8") for path in (*WORKFLOWS, AZURE)]
    assert [] == [
        text for text in texts if "secrets." in text or "pull_request_target" in text
    ]


def test_nothing_is_deployed_that_was_not_checked_shown_and_packaged_in_the_same_run():
    """An approval is for what was seen."""
    deploy = dict(jobs_of(ROOT / ".github/workflows/deploy.yml"))["deploy"]
    assert {"check", "package", "what-if"} == set(deploy["needs"])
    stage = next(one for one in loaded(AZURE)["stages"] if one["stage"] == "deploy")
    assert {"check", "package", "what_if"} == set(stage["dependsOn"])
    assert stage["jobs"][0]["environment"] == deploy["environment"] == "nightshift"


@pytest.mark.parametrize("path", [*WORKFLOWS, AZURE], ids=lambda path: path.name)
def test_every_target_and_path_a_pipeline_names_is_there(path):
    """A renamed target is found here and not on the day of a release."""
    text = path.read_text(encoding="utf-8")
    targets = set(re.findall(r"\bmake ([a-z-]+)$", text, re.MULTILINE))
    assert targets
    assert targets <= TARGETS
    named = set(re.findall(r"(?:infra|docs|scripts|dist|\.github)/[\w./-]*\w", text))
    assert named
    assert [] == sorted(one for one in named - MADE if not (ROOT / one).exists())


def test_both_pipelines_run_the_same_targets_on_the_same_pythons():
    """Else one of them would let through what the other one finds."""
    github = "".join(path.read_text(encoding="utf-8") for path in WORKFLOWS)
    azure = AZURE.read_text(encoding="utf-8")
    for pattern in (r"\bmake ([a-z-]+)$", r'"(3\.\d+)"', r"(infra/\w+\.sh [\w-]+)"):
        assert set(re.findall(pattern, github, re.MULTILINE)) == set(
            re.findall(pattern, azure, re.MULTILINE)
        )
    own = (ROOT / ".ci/run").read_text(encoding="utf-8")
    assert set(re.findall(r"^make ([a-z-]+)$", own, re.MULTILINE)) <= set(
        re.findall(r"\bmake ([a-z-]+)$", github, re.MULTILINE)
    )
