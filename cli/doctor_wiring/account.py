"""The app's storage account: no key opens it, nobody reads it without a token.

Source: https://learn.microsoft.com/rest/api/storagerp/storage-accounts/list,
https://learn.microsoft.com/azure/storage/common/shared-key-authorization-prevent
"""

from __future__ import annotations

from cli.doctor_wiring.place import Json, Place, inside, properties
from shared.core.findings import Finding, Verdict

STORAGE = "Microsoft.Storage/storageAccounts"
STORAGE_API = "2024-01-01"
EMULATOR = "devstoreaccount1"
"""The emulator's account, whose key is public.

Source: https://learn.microsoft.com/azure/storage/common/storage-connect-azurite
"""


async def find(place: Place) -> Json | None:
    """Find the account by the name that the app knows it by."""
    name = str(place.about.get("storage_account") or "").casefold()
    listed = await place.everything(STORAGE, STORAGE_API)
    return next((one for one in listed if str(one.get("name")).casefold() == name), None)


async def account(place: Place) -> list[Finding]:
    """See that the account is shut to everything but identities."""
    name = str(place.about.get("storage_account") or "")
    found = await find(place)
    if found is None:
        said = (
            f"the app's storage account {name or '(unnamed)'} is not in {place.subscription}"
        )
        advice = "you may lack Reader on it, or it is in another subscription"
        return [Finding("account", Verdict.UNKNOWN, said, about=name, advice=advice)]
    about = properties(found)
    command = f"az storage account update --ids {found.get('id')}"
    wrong = [
        (said, f"{command} {change}")
        for is_right, said, change in (
            (
                about.get("allowSharedKeyAccess") is False,
                "its keys open it (allowSharedKeyAccess)",
                "--allow-shared-key-access false",
            ),
            (
                about.get("allowBlobPublicAccess") is False,
                "a container could be made public (allowBlobPublicAccess)",
                "--allow-blob-public-access false",
            ),
            (
                about.get("supportsHttpsTrafficOnly") is True,
                "it answers without https",
                "--https-only true",
            ),
            (
                str(about.get("minimumTlsVersion") or "") in {"TLS1_2", "TLS1_3"},
                "it takes TLS older than 1.2",
                "--min-tls-version TLS1_2",
            ),
        )
        if not is_right
    ]
    faults = [Finding("account", Verdict.FAILED, s, name, advice) for s, advice in wrong]
    if place.about.get("has_storage_key") and name != EMULATOR:
        said = "the app opens its storage with a key (AzureWebJobsStorage)"
        advice = "AzureWebJobsStorage__accountName instead (docs/OPERATIONS.md#settings)"
        faults.append(Finding("account", Verdict.FAILED, said, name, advice))
    if faults:
        return faults
    acls = inside(about, "networkAcls").get("defaultAction") or "Allow"
    where = "its network is closed" if acls == "Deny" else "it answers from every network"
    return [Finding("account", Verdict.OK, f"{name}: no key opens it; {where}", name)]
