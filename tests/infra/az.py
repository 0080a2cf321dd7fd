"""The `az` that infra/entra.sh calls, with a tenant that fits into one file.

It answers what the script asks and keeps what it is told; a call that it does not know
fails, so that a new one in the script is noticed. `AZ_TENANT` names the file.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import sys
from pathlib import Path

FILE = Path(os.environ["AZ_TENANT"])
EMPTY = {"apps": [], "principals": {}, "assigned": [], "writes": 0}


def main(arguments: list[str]) -> int:
    """Answer one call."""
    tenant = json.loads(FILE.read_text()) if FILE.exists() else EMPTY
    options = dict(itertools.pairwise(arguments))
    words = " ".join(one for one in arguments[:4] if not one.startswith("-"))
    for pattern, answer in ANSWERS:
        if re.match(pattern, words):
            said = answer(tenant, options)
            FILE.write_text(json.dumps(tenant, indent=1))
            if options.get("--output") != "none" and said is not None:
                sys.stdout.write(f"{said}\n" if said else "")
            return 0
    sys.stderr.write(f"az: not known here: {words}\n")
    return 1


def the(tenant, key):
    """Find an app by either of its ids."""
    return next(one for one in tenant["apps"] if key in (one["appId"], one["id"]))


def app_list(tenant, options):
    """List by display name."""
    name = re.search(r"'(.*)'", options["--filter"])[1]
    return "\n".join(one["appId"] for one in tenant["apps"] if one["displayName"] == name)


def app_create(tenant, options):
    """Make an app."""
    number = len(tenant["apps"]) + 1
    made = {"appId": f"app-{number}", "id": f"object-{number}", "credentials": []}
    tenant["apps"].append({**made, "displayName": options["--display-name"], "api": {}})
    tenant["writes"] += 1
    return made["appId"]


def credential_list(tenant, options):
    """List whom an app trusts."""
    return "\n".join(one["subject"] for one in the(tenant, options["--id"])["credentials"])


def credential_create(tenant, options):
    """Let an app trust somebody."""
    the(tenant, options["--id"])["credentials"].append(json.loads(options["--parameters"]))
    tenant["writes"] += 1


def principal_list(tenant, options):
    """Find the principal of an app."""
    return tenant["principals"].get(re.search(r"'(.*)'", options["--filter"])[1], "")


def principal_create(tenant, options):
    """Make the principal of an app."""
    tenant["principals"][options["--id"]] = f"principal-of-{options['--id']}"
    tenant["writes"] += 1
    return tenant["principals"][options["--id"]]


def rest(tenant, options):
    """Speak to Graph."""
    path = options["--url"].partition("/v1.0/")[2]
    if path.endswith("/appRoleAssignedTo") and "--body" not in options:
        return "\n".join(one["principalId"] for one in tenant["assigned"])
    body = json.loads(options["--body"])
    if path.endswith("/appRoleAssignedTo"):
        tenant["assigned"].append(body)
        tenant["writes"] += 1
    elif path.startswith("applications/"):
        app = the(tenant, path.split("/")[1])
        app["api"] |= body.pop("api", {})
        app |= body
    else:
        tenant.setdefault("services", {})[path.split("/")[1]] = body
    return None


ANSWERS = (
    (r"account show", lambda *_: "tenant-1"),
    (r"ad app list", app_list),
    (r"ad app create", app_create),
    (r"ad app show", lambda tenant, options: the(tenant, options["--id"])["id"]),
    (r"ad app federated-credential list", credential_list),
    (r"ad app federated-credential create", credential_create),
    (r"ad sp list", principal_list),
    (r"ad sp show", lambda tenant, options: tenant["principals"][options["--id"]]),
    (r"ad sp create", principal_create),
    (r"rest", rest),
)

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
