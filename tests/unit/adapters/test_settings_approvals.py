"""Settings of approvals: keys that are never shown, and an address links can lead to."""

from __future__ import annotations

import base64

import pytest

from shared.adapters.settings_env import read_settings
from shared.core.errors import InvalidSetting
from shared.core.links import LinkKey

BASE = {"AzureWebJobsStorage__accountName": "nightshift"}
SECRET = base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
TENANT = "9F0AC1D2-0000-4000-8000-00000000000A"


def read(**environ: str):
    """Read settings."""
    return read_settings({**BASE, **environ})


def test_nobody_approves_anything_in_a_deployment_that_says_nothing():
    """No key, no tenant, no audience: no link is signed and nobody is known."""
    plain = read()
    assert ((), "", ()) == (plain.link_keys, plain.tenant, plain.audience)
    assert ("", "Approver") == (plain.url, plain.approver_role)


def test_keys_are_read_and_not_shown():
    """Neither in a log of the settings nor in an error about them."""
    good = read(NIGHTSHIFT_LINK_KEYS=f"a:{SECRET}")
    assert (LinkKey("a", b"0123456789abcdef0123456789abcdef"),) == good.link_keys
    assert SECRET not in repr(good)
    assert "0123456789" not in repr(good)
    with pytest.raises(InvalidSetting) as caught:
        read(NIGHTSHIFT_LINK_KEYS=SECRET)
    assert SECRET not in str(caught.value)
    assert "NIGHTSHIFT_LINK_KEYS (not shown)" in str(caught.value)


def test_the_platform_says_where_the_app_is_and_a_setting_knows_better():
    """Behind a gateway people see another address than the platform gave."""
    on_azure = {"WEBSITE_HOSTNAME": "night.azurewebsites.net"}
    assert "https://night.azurewebsites.net" == read(**on_azure).url
    other = read(**on_azure, NIGHTSHIFT_URL="https://night.contoso.com/")
    assert "https://night.contoso.com" == other.url
    assert "" == read(WEBSITE_HOSTNAME="localhost:7071").url
    assert "http://127.0.0.1:7071" == read(NIGHTSHIFT_URL="http://127.0.0.1:7071").url


def test_who_may_approve_is_read():
    """The tenant in small letters, the audience in both of its forms."""
    said = read(
        NIGHTSHIFT_TENANT=TENANT,
        NIGHTSHIFT_AUDIENCE=f"{TENANT}, api://nightshift",
        NIGHTSHIFT_APPROVER_ROLE="Night.Approve",
        NIGHTSHIFT_SIGN_IN="https://login.microsoftonline.us/",
    )
    assert TENANT.lower() == said.tenant
    assert (TENANT, "api://nightshift") == said.audience
    assert "Night.Approve" == said.approver_role
    assert "https://login.microsoftonline.us" == said.sign_in


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("NIGHTSHIFT_TENANT", "contoso.com"),
        ("NIGHTSHIFT_TENANT", "common"),
        ("NIGHTSHIFT_URL", "http://night.contoso.com"),
        ("NIGHTSHIFT_URL", "http://127.0.0.1.evil.example"),
        ("NIGHTSHIFT_URL", "night.contoso.com"),
        ("NIGHTSHIFT_SIGN_IN", "http://login.microsoftonline.com"),
        ("NIGHTSHIFT_AUDIENCE", "a b"),
        ("NIGHTSHIFT_APPROVER_ROLE", "may approve"),
        ("NIGHTSHIFT_LINK_KEYS", f"a:{SECRET},a:{SECRET}"),
    ],
)
def test_what_would_let_in_anybody_or_nobody_is_refused(name: str, text: str):
    """By name, with what it may be."""
    with pytest.raises(InvalidSetting, match=name):
        read(**{name: text})
