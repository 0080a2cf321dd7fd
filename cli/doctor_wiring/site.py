"""The function app itself: does it run, with all its functions, and who stands in front.

Source: https://learn.microsoft.com/rest/api/appservice/web-apps/get,
.../list-functions, .../get-auth-settings-v2-without-secrets
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

from cli.doctor_wiring.place import WEB_API, Place, inside, properties
from shared.core.findings import Finding, Verdict

ROOT = Path(__file__).parents[2]


async def app(place: Place) -> list[Finding]:
    """See that it is there, runs, is the one that answered, and speaks https alone."""
    found = await place.arm.get(place.app_id.text, api_version=WEB_API)
    if found is None:
        said = f"there is no app {place.app_id.text}"
        advice = "--app-id $(az functionapp show -g GROUP -n APP --query id -o tsv)"
        return [Finding("app", Verdict.FAILED, said, advice=advice)]
    about = properties(found)
    faults: list[tuple[str, str]] = []
    if str(about.get("state") or "").casefold() != "running":
        start = f"az functionapp start {place.in_group}"
        faults.append((f"its state is {about.get('state') or 'unknown'}", start))
    hosts = {str(about.get("defaultHostName") or "").casefold()}
    names = about.get("hostNames")
    hosts |= {str(one).casefold() for one in names} if isinstance(names, list) else set()
    if place.host not in hosts:
        shown = ", ".join(sorted(one for one in hosts if one))
        said = f"--url is at {place.host}, the app is at {shown or 'no address'}"
        faults.append((said, "give the address of this app, or the --app-id of that one"))
    if about.get("httpsOnly") is not True:
        only = f"az functionapp update {place.in_group} --set httpsOnly=true"
        faults.append(("it answers without https: keys can be read on the way", only))
    if not inside(found, "identity").get("type"):
        give = f"az functionapp identity assign {place.in_group}"
        faults.append(("it has no managed identity", give))
    if faults:
        return [
            Finding("app", Verdict.FAILED, said, place.app_id.name, advice)
            for said, advice in faults
        ]
    said = f"{place.app_id.name} runs at {place.host}, https only"
    return [Finding("app", Verdict.OK, said, place.app_id.name)]


def expected_functions(root: Path = ROOT) -> set[str]:
    """Name the functions that this release has, from the very app that is deployed."""
    path = root / "function_app.py"
    spec = importlib.util.spec_from_file_location("nightshift_indexed_app", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be read")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {str(one.get_function_name()) for one in module.app.get_functions()}


async def functions(place: Place) -> list[Finding]:
    """See that every function of this release is there and none is switched off."""
    listed = await place.listed(f"{place.app_id.text}/functions", WEB_API)
    there = {str(one.get("name") or "").rpartition("/")[2]: properties(one) for one in listed}
    wanted = expected_functions()
    missing = sorted(wanted - set(there))
    off = sorted(name for name, one in there.items() if one.get("isDisabled") is True)
    extra = sorted(set(there) - wanted)
    found = []
    if missing:
        said = f"{len(missing)} of {len(wanted)} functions are not there: {', '.join(missing)}"
        advice = (
            "deploy again; if it stays so indexing failed, and the log says why: traces | "
            "where message has 'function_app'"
        )
        found.append(Finding("functions", Verdict.FAILED, said, "missing", advice))
    if off:
        said = f"switched off: {', '.join(off)}"
        switch = f"AzureWebJobs.{off[0]}.Disabled=false"
        advice = f"az functionapp config appsettings set {place.in_group} --settings {switch}"
        found.append(Finding("functions", Verdict.FAILED, said, "disabled", advice))
    if extra:
        said = f"functions that this release does not know: {', '.join(extra)}"
        advice = "the app is of another release than this command line"
        found.append(Finding("functions", Verdict.NOTE, said, "other", advice))
    if not missing and not off:
        found.append(
            Finding("functions", Verdict.OK, f"all {len(wanted)} functions are there")
        )
    return found


async def sign_in(place: Place) -> list[Finding]:
    """Compare what the app believes of the sign-in with what stands in front of it."""
    path = f"{place.app_id.text}/config/authsettingsV2"
    found = await place.arm.get(path, api_version=WEB_API) or {}
    is_there = inside(properties(found), "platform").get("enabled") is True
    believes = place.about.get("app_service_auth") is True
    if believes and not is_there:
        return [
            Finding(
                "sign_in",
                Verdict.FAILED,
                "NIGHTSHIFT_APP_SERVICE_AUTH is true and App Service authentication is off: "
                "anybody with a key can say in a header that they are somebody else",
                advice=(
                    f"az webapp auth update {place.in_group} --enabled true, or the setting "
                    "NIGHTSHIFT_APP_SERVICE_AUTH=false"
                ),
            )
        ]
    if is_there and not believes:
        said = "App Service authentication is on, and the app does not believe its headers"
        advice = "NIGHTSHIFT_APP_SERVICE_AUTH=true, if approvers sign in (docs/APPROVALS.md)"
        return [Finding("sign_in", Verdict.NOTE, said, advice=advice)]
    if not is_there:
        said = "function keys alone guard the routes: nobody is known by name"
        advice = "sign-in with Entra: authClientId in infra/bicep, docs/APPROVALS.md"
        return [Finding("sign_in", Verdict.NOTE, said, advice=advice)]
    return [Finding("sign_in", Verdict.OK, "Entra stands in front, and the app believes it")]
