"""The channels that are configured, as messengers."""

from __future__ import annotations

from datetime import datetime

from shared.adapters.slack import SlackMessenger
from shared.adapters.teams import TeamsMessenger
from shared.adapters.webhook import WebhookMessenger
from shared.core.links import address
from shared.core.notice import Link
from shared.core.settings import Settings
from shared.ports import Clock, Messenger


def configured(settings: Settings, clock: Clock, link: Link) -> tuple[Messenger, ...]:
    """Build a messenger for each channel that has an address; imports no library yet.

    Args:
        link: Gives the address of a question's page, or nothing if none is known.
    """
    found: list[Messenger] = []
    if settings.teams_webhook:
        found.append(TeamsMessenger(settings.teams_webhook, link))
    if settings.slack_webhook:
        # Buttons that nobody may press would only be in the way.
        secret = settings.slack_signing_secret if settings.slack_approvers else ""
        found.append(SlackMessenger(settings.slack_webhook, link, secret))
    if settings.webhook_url:
        key = settings.webhook_key
        found.append(WebhookMessenger(settings.webhook_url, link, clock, key))
    return tuple(found)


def link_of(settings: Settings) -> Link:
    """Give what writes the address of a question's page, as the settings sign it."""

    def link(approval_id: str, expires_at: datetime) -> str:
        return address(settings.url, settings.link_keys, approval_id, expires_at)

    return link
