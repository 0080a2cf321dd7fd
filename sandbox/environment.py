"""Say what the deployed app is told about the sandbox: settings, never a test branch.

This mapping is the whole difference between Azure and a laptop. The app meets
the local endpoints through settings that sovereign clouds need anyway, a CA
bundle and the managed-identity variables that App Service sets.
"""

import secrets
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import certifi

from sandbox.azure import entra

INGESTION_RULE = "dcr-0123456789abcdef0123456789abcdef"
TOPIC = "nightshift-outcomes"


@dataclass(frozen=True)
class AzureEndpoints:
    """What the Azure stand-in says of itself when it is ready."""

    azure_url: str
    ca_file: str
    identity_endpoint: str
    identity_header: str
    kubeconfig: str


def app_environment(
    azure: AzureEndpoints,
    storage_connection_string: str,
    ca_bundle: Path,
    rules: Sequence[Path],
    extra: Mapping[str, str],
) -> dict[str, str]:
    """Give the app settings; ``extra`` wins over all of them.

    Source: https://learn.microsoft.com/azure/app-service/overview-managed-identity (REST)
    """
    return {
        "AzureWebJobsStorage": storage_connection_string,
        # Sync clients read the first, aiohttp (through ssl) the second.
        "REQUESTS_CA_BUNDLE": str(ca_bundle),
        "SSL_CERT_FILE": str(ca_bundle),
        "IDENTITY_ENDPOINT": azure.identity_endpoint,
        "IDENTITY_HEADER": azure.identity_header,
        "NIGHTSHIFT_RESOURCE_MANAGER": azure.azure_url,
        "NIGHTSHIFT_METRICS_ENDPOINT": f"{azure.azure_url}/metrics",
        "NIGHTSHIFT_INGESTION_ENDPOINT": f"{azure.azure_url}/ingestion",
        "NIGHTSHIFT_INGESTION_RULE": INGESTION_RULE,
        "NIGHTSHIFT_OUTCOME_TOPIC": f"{azure.azure_url}/eventgrid/{TOPIC}/api/events",
        "NIGHTSHIFT_SIGN_IN": f"{azure.azure_url}{entra.PREFIX}",
        "NIGHTSHIFT_TENANT": entra.TENANT,
        "NIGHTSHIFT_AUDIENCE": entra.AUDIENCE,
        "NIGHTSHIFT_LINK_KEYS": f"sandbox:{b64encode(secrets.token_bytes(32)).decode()}",
        "NIGHTSHIFT_RULES": ",".join(str(folder) for folder in rules),
        **extra,
    }


def write_ca_bundle(ca_file: Path, bundle: Path) -> None:
    """Write the public authorities and the sandbox's own into one file."""
    public = Path(certifi.where()).read_text(encoding="ascii")
    bundle.write_text(f"{public}\n{ca_file.read_text(encoding='ascii')}", encoding="ascii")
