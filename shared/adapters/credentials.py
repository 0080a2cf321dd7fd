"""The app's identity: a managed identity, and nothing a person has to store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.adapters.sdk_options import has_proxy
from shared.core.settings import Settings

if TYPE_CHECKING:
    from azure.identity.aio import ManagedIdentityCredential


def credential(settings: Settings) -> ManagedIdentityCredential:
    """Build the credential; once a process, for it caches its tokens.

    Only the managed identity is tried, never the chain of ``DefaultAzureCredential``:
    its other links cost seconds at a cold start and could pick up a person's login.
    Whoever builds it closes it at the end.

    Source: https://learn.microsoft.com/python/api/azure-identity/azure.identity.aio.managedidentitycredential
    """
    from azure.identity.aio import ManagedIdentityCredential

    return ManagedIdentityCredential(
        client_id=settings.client_id or None, use_env_settings=has_proxy()
    )
