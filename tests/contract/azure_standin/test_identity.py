"""The identity endpoint, met with the real managed identity credentials."""

import os
import subprocess
import sys
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError

from tests.contract.azure_standin.running import Standin
from tests.contract.azure_standin.worlds import GROUP, SUBSCRIPTION, vm, vm_id, world

ARM = "https://management.azure.com"


async def test_the_real_credential_gets_a_token_for_the_audience_it_asks(
    azure_standin: Standin, credential: Any
) -> None:
    """Deployed code signs in with ManagedIdentityCredential and nothing else."""
    azure_standin.put_world(world(vm("a")))
    token = await credential.get_token(f"{ARM}/.default")
    status, body, _ = azure_standin.request(
        "GET",
        f"{vm_id('a')}?api-version=2026-04-01",
        headers={"Authorization": f"Bearer {token.token}"},
    )
    assert (200, "a") == (status, body["name"])


def test_the_synchronous_credential_works_too(azure_standin: Standin) -> None:
    """MLClient is synchronous, and its credential asks the endpoint another way."""
    from azure.identity import ManagedIdentityCredential

    with ManagedIdentityCredential() as credential:
        assert credential.get_token(f"{ARM}/.default").token


async def test_a_token_for_another_audience_is_refused(
    azure_standin: Standin, credential: Any, transport: dict[str, Any]
) -> None:
    """A client that asks for the wrong audience must fail here as it would in Azure."""
    from azure.mgmt.compute.aio import ComputeManagementClient

    azure_standin.put_world(world(vm("a")))
    wrong = ComputeManagementClient(
        credential,
        SUBSCRIPTION,
        base_url=azure_standin.url,
        credential_scopes=["https://vault.azure.net/.default"],
        **transport,
    )
    async with wrong:
        with pytest.raises(ClientAuthenticationError) as refused:
            await wrong.virtual_machines.get("training", "a")
    assert "InvalidAuthenticationTokenAudience" in str(refused.value)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "AuthenticationFailed"),
        ({"Authorization": "Bearer made-up"}, "InvalidAuthenticationToken"),
        ({"Authorization": "Basic eDp5"}, "AuthenticationFailed"),
    ],
)
def test_a_call_without_a_good_token_is_refused_with_401(
    azure_standin: Standin, headers: dict[str, str], code: str
) -> None:
    """An anonymous call that worked would hide a missing credential."""
    status, body, answered = azure_standin.request(
        "GET", f"{vm_id('a')}?api-version=2026-04-01", headers=headers
    )
    assert (401, code) == (status, body["error"]["code"])
    assert "Bearer" in answered["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("query", "header", "status"),
    [
        ("api-version=2019-08-01&resource=x", None, 403),
        ("api-version=2019-08-01&resource=x", "wrong", 403),
        ("api-version=2018-02-01&resource=x", "right", 400),
        ("api-version=2019-08-01", "right", 400),
    ],
)
def test_the_endpoint_checks_its_header_version_and_resource(
    azure_standin: Standin, query: str, header: str | None, status: int
) -> None:
    """The header is what keeps other processes from asking for tokens."""
    secret = azure_standin.identity_header if header == "right" else header
    headers = {"X-IDENTITY-HEADER": secret} if secret else {}
    got, _, _ = azure_standin.request("GET", f"/msi/token?{query}", headers=headers)
    assert status == got


async def test_a_client_id_must_belong_to_an_identity_of_the_world(
    azure_standin: Standin, transport: dict[str, Any]
) -> None:
    """A wrong AZURE_CLIENT_ID is a frequent mistake, and fails in Azure too."""
    from azure.identity.aio import ManagedIdentityCredential

    identity = {
        "id": f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ours",
        "properties": {"clientId": "aaaaaaaa-0000-0000-0000-000000000001"},
    }
    azure_standin.put_world(world(identity))
    async with ManagedIdentityCredential(
        client_id="aaaaaaaa-0000-0000-0000-000000000001", **transport
    ) as ours:
        assert (await ours.get_token(f"{ARM}/.default")).token
    async with ManagedIdentityCredential(
        client_id="bbbbbbbb-0000-0000-0000-000000000002", **transport
    ) as strange:
        with pytest.raises((ClientAuthenticationError, HttpResponseError)):
            await strange.get_token(f"{ARM}/.default")


PLAIN_PROGRAM = """
import asyncio, sys
from azure.identity.aio import ManagedIdentityCredential
from azure.mgmt.compute.aio import ComputeManagementClient

async def main():
    async with ManagedIdentityCredential() as credential:
        client = ComputeManagementClient(
            credential, sys.argv[2], base_url=sys.argv[1],
            credential_scopes=["https://management.azure.com/.default"],
        )
        async with client:
            print((await client.virtual_machines.get("training", "a")).name)

asyncio.run(main())
"""


def test_a_program_that_knows_only_its_environment_works(azure_standin: Standin) -> None:
    """Endpoint setting, CA file and identity variables: no test branch is needed."""
    azure_standin.put_world(world(vm("a")))
    environment = {
        **os.environ,
        "SSL_CERT_FILE": azure_standin.ca_file,
        "IDENTITY_ENDPOINT": azure_standin.identity_endpoint,
        "IDENTITY_HEADER": azure_standin.identity_header,
    }
    ran = subprocess.run(
        [sys.executable, "-c", PLAIN_PROGRAM, azure_standin.url, SUBSCRIPTION],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "a" == ran.stdout.strip(), ran.stderr
