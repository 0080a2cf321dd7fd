"""Put the sweep's question to Cloud Custodian; runs in a venv of its own, not in ours.

Two policies at their best: VMs that run (an instance-view filter) and whose processor was
below 5 % for an hour (a metric filter). Only the endpoint and the refusal of plain http
are patched. Prints what it cost as JSON.
"""
# mypy: ignore-errors
# ruff: noqa: SLF001 - the peer has no setting for it

from __future__ import annotations

import json
import os
import sys
import tempfile
import time


def main() -> None:
    """Run both policies over one site."""
    url, subscription = sys.argv[1:3]
    os.environ |= {
        "AZURE_ACCESS_TOKEN": "fake",
        "AZURE_SUBSCRIPTION_ID": subscription,
        "AZURE_TENANT_ID": subscription,
    }
    from msrestazure.azure_cloud import AZURE_PUBLIC_CLOUD

    AZURE_PUBLIC_CLOUD.endpoints.resource_manager = url
    import azure.core.pipeline.policies._authentication as authentication

    authentication._enforce_https = lambda _: None
    from c7n.config import Config
    from c7n.policy import PolicyCollection
    from c7n.resources import load_resources
    from c7n_azure.provider import Azure

    load_resources(("azure.vm",))
    running = {
        "type": "instance-view",
        "key": "statuses[].code",
        "op": "in",
        "value_type": "swap",
        "value": "PowerState/running",
    }
    quiet = {
        "type": "metric",
        "metric": "Percentage CPU",
        "op": "lt",
        "aggregation": "average",
        "threshold": 5,
        "timeframe": 1,
        "interval": "PT5M",
    }
    with tempfile.TemporaryDirectory() as folder:
        config = Azure().initialize(Config.empty(output_dir=folder, log_group=None))
        policies = [
            {"name": "quiet", "resource": "azure.vm", "filters": [quiet]},
            {"name": "quiet-and-running", "resource": "azure.vm", "filters": [quiet, running]},
        ]
        found = {}
        for policy in PolicyCollection.from_data({"policies": policies}, config):
            began = time.perf_counter()
            matched = policy()
            found[policy.name] = {
                "seconds": time.perf_counter() - began,
                "matched": len(matched or ()),
            }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
