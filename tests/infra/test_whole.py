"""The templates as a whole: known roles, nothing left over, what policies carry along."""

from __future__ import annotations

import json
import re

import pytest

from tests.infra.bicep import FILES, INFRA, literal, pair, pairs, read, text, walk
from tests.infra.shapes import Walk

TABLE = json.loads((INFRA / "types.json").read_text(encoding="utf-8"))
GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Source: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
BUILT_IN_ROLES = {
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "9980e02c-c2be-4d73-94e8-173b1dc7cf3c": "Virtual Machine Contributor",
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a": "Storage Queue Data Message Sender",
    "d5a91429-5739-47e2-a06b-3470a27159e7": "EventGrid Data Sender",
}
# Source: https://learn.microsoft.com/troubleshoot/entra/entra-id/governance/verify-first-party-apps-sign-in,
# https://learn.microsoft.com/azure/azure-monitor/alerts/action-groups
APPLICATIONS = {
    "04b07795-8ddb-461a-bbee-02f9e1bf7b46": "Microsoft Azure CLI",
    "461e8683-5575-4561-ac7f-899cc907d62a": "AzNS AAD Webhook",
}


def test_every_role_and_application_that_is_named_is_known():
    """One digit off, and the deployment gives another role, or none."""
    named = {guid for path in FILES for guid in GUID.findall(path.read_text("utf-8"))}
    assert set(BUILT_IN_ROLES) | set(APPLICATIONS) == named


def test_every_module_is_deployed_by_something():
    """A file that nothing deploys is tried by nobody's deployment."""
    used = {
        (template.path.parent / module.what).resolve()
        for template in map(read, FILES)
        for module in template.of("module")
    }
    assert [p.name for p in FILES if p.parent.name == "modules" and p not in used] == []


def carried():
    """Give the resources that are written into others: what a policy deploys."""
    for path in FILES:
        template = read(path)
        for node in walk(template.root):
            if node.type != "object":
                continue
            kind, version = pair(node, "type"), pair(node, "apiVersion")
            if kind is not None and version is not None:
                yield template, node, f"{literal(kind)}@{literal(version)}"


@pytest.mark.parametrize(
    ("template", "node", "kind"),
    [pytest.param(*one, id=one[2]) for one in carried()],
)
def test_what_a_policy_deploys_is_given_what_it_takes(template, node, kind):
    """A policy's template is a text to Bicep: its faults show at the first machine."""
    look = Walk(TABLE, template, [], set())
    shape = TABLE["shapes"][TABLE["resources"][kind]["shape"]]["properties"]
    free = {name: {"type": "any"} for name in ("name", "type", "apiVersion")}
    look.members(node, {"type": "object", "properties": {**shape, **free}}, kind)
    assert look.wrong == []


def test_a_policy_installs_what_it_looks_for():
    """Else it finds each machine wanting for ever, and installs it again and again."""
    [policy] = [path for path in FILES if path.name == "forwarderPolicy.bicep"]
    template = read(policy)
    for kind in template.named["kinds"].node.children[-1].named_children:
        sought, made = dict(pairs(pair(kind, "installs"))), dict(pairs(pair(kind, "resource")))
        assert text(sought["type"]) == text(made["type"])
        name = literal(sought["name"]) or f"${{{text(sought['name'])}}}"
        assert name in text(made["name"])
