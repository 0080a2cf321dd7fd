"""Settings of channels: addresses that are secrets, keys, and who may decide in Slack."""

from __future__ import annotations

import pytest

from shared.adapters.settings_env import read_settings
from shared.core.errors import InvalidSetting
from shared.core.settings import Settings

LEAST = {"AzureWebJobsStorage__accountName": "night"}
TEAMS = "https://prod-01.westeurope.logic.azure.com:443/workflows/1/run?sp=%2F&sig=abc_-1"
SLACK = "https://hooks.slack.com/services/T0/B0/secret"
GOOD = {
    "NIGHTSHIFT_TEAMS_WEBHOOK": TEAMS,
    "NIGHTSHIFT_SLACK_WEBHOOK": SLACK,
    "NIGHTSHIFT_SLACK_SIGNING_SECRET": "8f742231b10e8888abcd99yyyzzz85a5",
    "NIGHTSHIFT_SLACK_APPROVERS": "U024BE7LH = ada@example.com, W0123=bo=x",
    "NIGHTSHIFT_SLACK_REPLY_HOSTS": "hooks.slack-gov.com,LOCALHOST:8443",
    "NIGHTSHIFT_WEBHOOK_URL": "https://hooks.example/x?token=y",
    "NIGHTSHIFT_WEBHOOK_KEY": "k" * 16,
}


def refusal(**environ: str) -> str:
    """What is said about a setting that is wrong."""
    with pytest.raises(InvalidSetting) as caught:
        read_settings({**LEAST, **environ})
    return str(caught.value)


def test_every_channel_can_be_configured():
    """A Workflows address has its secret in the query, which is kept as it is."""
    settings = read_settings({**LEAST, **GOOD})
    assert (TEAMS, SLACK) == (settings.teams_webhook, settings.slack_webhook)
    assert ("U024BE7LH=ada@example.com", "W0123=bo=x") == settings.slack_approvers
    assert ("hooks.slack-gov.com", "localhost:8443") == settings.slack_reply_hosts
    assert GOOD["NIGHTSHIFT_WEBHOOK_KEY"] == settings.webhook_key


def test_no_secret_is_shown_with_the_settings():
    """Somebody logs them one day."""
    shown = repr(read_settings({**LEAST, **GOOD}))
    for name in ("TEAMS_WEBHOOK", "SLACK_WEBHOOK", "SLACK_SIGNING_SECRET", "WEBHOOK_KEY"):
        assert GOOD[f"NIGHTSHIFT_{name}"] not in shown
    assert "token=y" not in shown


@pytest.mark.parametrize(
    "name", ["NIGHTSHIFT_TEAMS_WEBHOOK", "NIGHTSHIFT_SLACK_WEBHOOK", "NIGHTSHIFT_WEBHOOK_URL"]
)
@pytest.mark.parametrize(
    "address",
    [
        "http://hooks.slack.com/services/hidden",
        "hooks.slack.com/services/hidden",
        "https:///services/hidden",
        "https://hidden@hooks.slack.com/x",
        "https://hooks.slack.com/x#hidden",
        "https://hooks.slack.com/x?hidden=\x01",
        "@Microsoft.KeyVault(SecretUri=https://hidden.vault.azure.net/secrets/a)",
    ],
)
def test_an_address_that_is_none_is_refused_and_not_shown(name, address):
    """What it was may be nearly the right one."""
    said = refusal(**{name: address})
    assert name in said
    assert "hidden" not in said
    assert "https" in said


@pytest.mark.parametrize("name", ["NIGHTSHIFT_SLACK_SIGNING_SECRET", "NIGHTSHIFT_WEBHOOK_KEY"])
@pytest.mark.parametrize("secret", ["hidden", "hidden hidden hidden", "x" * 15])
def test_a_secret_that_is_too_short_is_refused_and_not_shown(name, secret):
    """It could be guessed."""
    said = refusal(**{name: secret})
    assert name in said
    assert "16 characters" in said
    assert secret not in said


def test_a_reference_that_was_not_resolved_is_no_secret():
    """The platform leaves it as it is when the vault says no: everybody knows that text."""
    text = "@Microsoft.KeyVault(SecretUri=https://a.vault.azure.net/secrets/b)"
    assert "could not resolve" in refusal(NIGHTSHIFT_SLACK_SIGNING_SECRET=text)


@pytest.mark.parametrize("who", ["ada@example.com", "U1=", "=ada", "ada=U1", "u024be7lh=ada"])
def test_an_approver_is_a_slack_id_and_a_name(who):
    """A name alone could be taken by anybody in the workspace."""
    assert "SLACK_USER_ID=NAME" in refusal(NIGHTSHIFT_SLACK_APPROVERS=who)


@pytest.mark.parametrize("host", ["https://a", "a/b", "a@b", "a:x", "*", "a?b"])
def test_a_reply_host_is_a_host(host):
    """Anything else would match no address, quietly."""
    assert "HOST:PORT" in refusal(NIGHTSHIFT_SLACK_REPLY_HOSTS=host)


def test_nothing_is_configured_by_itself():
    """Nobody is told before somebody says whom."""
    settings = Settings()
    assert ("", "", "") == (
        settings.teams_webhook,
        settings.slack_webhook,
        settings.webhook_url,
    )
    assert ("hooks.slack.com",) == settings.slack_reply_hosts
