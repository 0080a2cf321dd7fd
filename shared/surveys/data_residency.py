"""Resources, and copies of data, in regions that the organisation does not allow.

Which regions are allowed is the organisation's own word: its assignments of the built-in
policy "Allowed locations", those of management groups included. A policy prevents what
is made after it; this finds what was there before, what is exempt from it, and copies
that a storage account keeps in its paired region, which no policy on a location sees.

Source: https://learn.microsoft.com/azure/governance/policy/samples/built-in-policies#general,
https://learn.microsoft.com/rest/api/policyauthorization/policy-assignments/list,
https://learn.microsoft.com/azure/storage/common/storage-redundancy (secondaryLocation)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from shared.core.posture import part, seen_of, word
from shared.core.signals import SignalType
from shared.core.surveys import (
    Document,
    Finding,
    Kept,
    Listing,
    Point,
    Seen,
    Severity,
    Survey,
    SurveyExample,
    kept,
)

ALLOWED_LOCATIONS = "e56962a6-4747-49cd-b67b-bf8b01975c4c"
"""Name of the built-in policy definition."""
EVERYWHERE = frozenset({"", "global"})
_DOCS = "https://learn.microsoft.com/azure"

OUTSIDE = Point(
    "outside_allowed_regions",
    Severity.ERROR,
    "A resource lies in a region that the organisation's policy does not allow.",
    f"{_DOCS}/governance/policy/tutorials/create-and-manage",
    "Move its data into an allowed region and delete it, or have the policy name the region.",
)
COPIED = Point(
    "copied_outside_allowed_regions",
    Severity.ERROR,
    "A storage account copies its data to a region that the policy does not allow.",
    f"{_DOCS}/storage/common/storage-redundancy",
    "Change the account's redundancy to LRS or ZRS, or have the policy name the other region.",
)
UNSAID = Point(
    "no_allowed_regions",
    Severity.INFORMATIONAL,
    "No assignment of the policy Allowed locations says where data may lie.",
    f"{_DOCS}/governance/policy/samples/built-in-policies",
    "Assign the built-in policy Allowed locations to the subscription or a group above it.",
)


def keep_assignment(document: Document) -> Kept | None:
    """Keep which regions an assignment of the policy allows, where, and where it does not.

    Raises:
        ValueError: It names its regions in a way that cannot be read.
    """
    said = part(document, "properties")
    if not word(said, "policyDefinitionId").casefold().endswith(f"/{ALLOWED_LOCATIONS}"):
        return None
    named = part(said, "parameters", "listOfAllowedLocations").get("value")
    if not isinstance(named, list):
        raise ValueError("listOfAllowedLocations is no list")  # noqa: TRY004 - one kind of error
    spared = said.get("notScopes") or []
    return Kept(
        id=str(document["id"]),
        more={
            "allowed": frozenset(folded(str(one)) for one in named),
            "scope": word(said, "scope").casefold().rstrip("/"),
            "spared": tuple(str(one).casefold().rstrip("/") for one in spared),
        },
    )


def keep_resource(document: Document) -> Kept:
    """Keep where a resource lies, and nothing else: there are many."""
    return Kept(id=str(document["id"]), location=str(document.get("location") or ""))


def keep_account(document: Document) -> Kept | None:
    """Keep where a storage account copies its data to; nothing of one that does not."""
    where = word(part(document, "properties"), "secondaryLocation")
    return kept(document, copies=where) if where else None


def folded(region: str) -> str:
    """Fold a region's name: "West Europe" is westeurope."""
    return region.replace(" ", "").casefold()


def look(seen: Seen, _now: datetime) -> Iterator[Finding]:
    """Name what lies, or is copied, where no assignment over it allows it."""
    rules = seen.items["assignments"]
    if not rules:
        words = f"0 assignments of the policy {ALLOWED_LOCATIONS}"
        yield UNSAID.found(f"/subscriptions/{seen.subscription}", words)
    for item in seen.items["resources"] if rules else ():
        missed = refused(item.id, item.location, rules)
        if missed:
            words = f"it lies in {item.location}; allowed: {missed}"
            yield OUTSIDE.found(item.id, words, location=item.location)
    for item in seen.items["accounts"] if rules else ():
        missed = refused(item.id, item.more["copies"], rules)
        if missed:
            words = f"it is copied to {item.more['copies']}; allowed: {missed}"
            yield COPIED.found(item.id, words, location=item.more["copies"])


def refused(resource_id: str, region: str, rules: Iterable[Kept]) -> str:
    """Return which regions are allowed where this one is not; empty if nothing forbids it.

    An assignment of a management group covers every subscription that lists it.
    """
    if folded(region) in EVERYWHERE:
        return ""
    for rule in rules:
        if (
            _covers(rule, resource_id.casefold())
            and folded(region) not in rule.more["allowed"]
        ):
            return ", ".join(sorted(rule.more["allowed"])) or "none"
    return ""


def _covers(rule: Kept, folded_id: str) -> bool:
    if any(f"{folded_id}/".startswith(f"{spared}/") for spared in rule.more["spared"]):
        return False
    scope = rule.more["scope"]
    return not scope.startswith("/subscriptions/") or f"{folded_id}/".startswith(f"{scope}/")


_NOW = datetime(2030, 1, 10, tzinfo=UTC)
_SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"
_SCOPE = f"/subscriptions/{_SUBSCRIPTION}"
_DISK = f"{_SCOPE}/resourceGroups/lab/providers/Microsoft.Compute/disks/d"
_ACCOUNT = f"{_SCOPE}/resourceGroups/lab/providers/Microsoft.Storage/storageAccounts/a"
_AUTHORIZATION = "/providers/Microsoft.Authorization"
READS = {
    "assignments": Listing(
        path="/subscriptions/{subscription}/providers/Microsoft.Authorization"
        "/policyAssignments",
        api_version="2022-06-01",
        keep=keep_assignment,
        must_be_whole=True,
    ),
    "resources": Listing(
        path="/subscriptions/{subscription}/resources",
        api_version="2021-04-01",
        keep=keep_resource,
    ),
    "accounts": Listing(
        path="/subscriptions/{subscription}/providers/Microsoft.Storage/storageAccounts",
        api_version="2023-05-01",
        keep=keep_account,
    ),
}


def _assigned(*regions: str, scope: str = _SCOPE, spared: str = "") -> Document:
    return {
        "id": f"{scope}{_AUTHORIZATION}/policyAssignments/eu",
        "properties": {
            "policyDefinitionId": f"{_AUTHORIZATION}/policyDefinitions/{ALLOWED_LOCATIONS}",
            "scope": scope,
            "notScopes": [spared] if spared else [],
            "parameters": {"listOfAllowedLocations": {"value": list(regions)}},
        },
    }


def _seen(rule: Document | None, region: str = "westeurope", copies: str = "") -> Seen:
    account = {"id": _ACCOUNT, "properties": {"secondaryLocation": copies or None}}
    said: dict[str, list[Document]] = {
        "assignments": [rule] if rule else [],
        "resources": [{"id": _DISK, "location": region}],
        "accounts": [account],
    }
    return seen_of(_SUBSCRIPTION, READS, said)


SURVEY = Survey(
    name="data_residency",
    summary="Data residency: resources and copies outside the regions that policy allows.",
    says=SignalType.POSTURE_FOUND,
    every=timedelta(days=1),
    reads=READS,
    actions=(
        "Microsoft.Authorization/policyAssignments/read",
        "Microsoft.Resources/subscriptions/resources/read",
        "Microsoft.Storage/storageAccounts/read",
    ),
    look=look,
    points=(OUTSIDE, COPIED, UNSAID),
    examples=(
        SurveyExample("where it may be", _seen(_assigned("West Europe")), _NOW, ()),
        SurveyExample("nobody said where", _seen(None), _NOW, ("no_allowed_regions",)),
        SurveyExample(
            "a disk beyond the sea",
            _seen(_assigned("westeurope"), "eastus"),
            _NOW,
            ("outside_allowed_regions",),
        ),
        SurveyExample(
            "a management group's policy counts, too",
            _seen(
                _assigned(
                    "westeurope", scope="/providers/Microsoft.Management/managementGroups/eu"
                ),
                "eastus",
            ),
            _NOW,
            ("outside_allowed_regions",),
        ),
        SurveyExample(
            "its group is exempt",
            _seen(
                _assigned("westeurope", spared=f"{_SCOPE}/resourceGroups/lab"),
                "eastus",
                "eastus",
            ),
            _NOW,
            (),
        ),
        SurveyExample(
            "the account is here, its copy is not",
            _seen(_assigned("westeurope"), copies="northeurope"),
            _NOW,
            ("copied_outside_allowed_regions",),
        ),
    ),
)
