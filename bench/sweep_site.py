"""An estate of any size behind https: VM lists in pages, power states, metrics.

Started by ``bench.sweep`` as a process of its own. Answers only what a sweep asks, from
text that was written once, so that what is measured is who asks and not who answers.
Every answer waits for the latency that was ordered. It checks paths and api-versions,
and counts calls by kind. With ``--plain`` it speaks http and wants no token, which is
what the patched peer needs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import secrets
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from sandbox.azure import certificates

SUBSCRIPTION = "5f0ac1d2-0000-4000-8000-000000000001"
PAGE = 250
IDLE_EACH = 10
"""Of ten machines one does nothing."""
REGION = "westeurope"
_VM = re.compile(r"/virtualmachines/vm-(\d+)", re.IGNORECASE)
_VMS = f"/subscriptions/{SUBSCRIPTION}/providers/microsoft.compute/virtualmachines"


def vm_id(number: int) -> str:
    """Name a machine; a thousand share a resource group."""
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/team-{number // 1000}"
    return f"{group}/providers/Microsoft.Compute/virtualMachines/vm-{number}"


def is_idle(number: int) -> bool:
    """Tell whether a machine does nothing."""
    return number % IDLE_EACH == 0


def plain(number: int) -> dict[str, Any]:
    """Write a machine as the list without states has it."""
    disk = {"name": f"vm-{number}-os", "managedDisk": {"storageAccountType": "Premium_LRS"}}
    return {
        "id": vm_id(number),
        "name": f"vm-{number}",
        "type": "Microsoft.Compute/virtualMachines",
        "location": REGION,
        "tags": {"team": f"team-{number // 1000}", "environment": "dev"},
        "properties": {
            "vmId": f"00000000-0000-4000-8000-{number:012}",
            "provisioningState": "Succeeded",
            "hardwareProfile": {"vmSize": "Standard_D8s_v5"},
            "storageProfile": {"osDisk": disk, "dataDisks": []},
            "timeCreated": "2026-01-01T00:00:00Z",
        },
    }


VIEW = {
    "statuses": [
        {"code": "ProvisioningState/succeeded", "time": "2026-01-01T00:00:00Z"},
        {"code": "PowerState/running"},
    ]
}
"""Every machine's instance view: all run."""


def with_state(number: int) -> dict[str, Any]:
    """Write a machine as the list of states has it."""
    said = {"instanceView": VIEW, "provisioningState": "Succeeded"}
    return {"id": vm_id(number), "name": f"vm-{number}", "properties": said}


class Site:
    """The estate, its calls and its latency."""

    def __init__(self, count: int, latency_s: float, header: str) -> None:
        self.count, self.latency_s, self.header = count, latency_s, header
        self.url = ""
        self.calls: Counter[str] = Counter()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one call, after the latency."""
        path = request.path
        if path == "/_calls":
            return web.json_response(dict(self.calls))
        if path == "/msi/token":
            return self._token(request)
        await asyncio.sleep(self.latency_s)
        query = {key.lower(): value for key, value in parse_qsl(request.query_string)}
        kind, text = self._said(path.lower(), query, await request.read())
        self.calls[kind] += 1
        return web.Response(text=text, content_type="application/json", status=_status(kind))

    def _token(self, request: web.Request) -> web.StreamResponse:
        if not secrets.compare_digest(
            request.headers.get("X-IDENTITY-HEADER", ""), self.header
        ):
            return web.json_response({}, status=403)
        until = datetime.now(UTC) + timedelta(hours=8)
        token = {"access_token": "local", "expires_on": str(int(until.timestamp()))}
        return web.json_response({**token, "resource": "x", "token_type": "Bearer"})

    def _said(self, path: str, query: dict[str, str], body: bytes) -> tuple[str, str]:
        if not query.get("api-version"):
            return "unknown", '{"error": {"code": "MissingApiVersionParameter"}}'
        if path == _VMS:
            return "list", self._page(query)
        if path.endswith("metrics:getbatch"):
            return "metrics", batch(json.loads(body)["resourceids"], query)
        found = _VM.search(path)
        number = int(found[1]) if found else -1
        if found and path == vm_id(number).lower():
            one = plain(number)
            said = {**one["properties"], "instanceView": VIEW}
            return "instance view", json.dumps({**one, "properties": said})
        if found and path.endswith("/microsoft.insights/metrics"):
            return "metric", json.dumps(single(number, query))
        return "unknown", '{"error": {"code": "NotFound", "message": "not of this site"}}'

    def _page(self, query: dict[str, str]) -> str:
        start = int(query.get("$skiptoken") or 0)
        is_states = query.get("statusonly") == "true"
        make = with_state if is_states else plain
        until = min(start + PAGE, self.count)
        body: dict[str, Any] = {"value": [make(number) for number in range(start, until)]}
        if until < self.count:
            more = "&statusOnly=true" if is_states else ""
            body["nextLink"] = (
                f"{self.url}/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Compute"
                f"/virtualMachines?api-version={query['api-version']}{more}&$skiptoken={until}"
            )
        return json.dumps(body)


def _status(kind: str) -> int:
    return 404 if kind == "unknown" else 200


def _points(value: float, query: dict[str, str], unit: str) -> list[dict[str, Any]]:
    end = datetime.fromisoformat(query.get("endtime", ""))
    start = datetime.fromisoformat(query.get("starttime", ""))
    step = timedelta(minutes=5)
    count = int((end - start) / step)
    return [{"timeStamp": (start + step * at).isoformat(), unit: value} for at in range(count)]


def batch(ids: list[str], query: dict[str, str]) -> str:
    """Write three metrics of up to fifty machines; each text is made once a kind."""
    values = {}
    for idle in (True, False):
        made = []
        for name in query["metricnames"].split(","):
            unit = "average" if name.startswith("Percentage") else "total"
            value = 1.0 if idle else 60.0 if unit == "average" else 9e9
            made.append(
                {
                    "id": f"@ID@/providers/Microsoft.Insights/metrics/{name}",
                    "type": "Microsoft.Insights/metrics",
                    "name": {"value": name, "localizedValue": name},
                    "unit": "Percent" if unit == "average" else "Bytes",
                    "timeseries": [
                        {"metadatavalues": [], "data": _points(value, query, unit)}
                    ],
                    "errorCode": "Success",
                }
            )
        head = {"starttime": query["starttime"], "endtime": query["endtime"]}
        one = {**head, "interval": "PT5M", "namespace": query["metricnamespace"]}
        place = {"resourceregion": REGION, "resourceid": "@ID@", "value": made}
        values[idle] = json.dumps({**one, **place})
    said = []
    for one_id in ids:
        number = _VM.search(one_id)
        said.append(values[is_idle(int(number[1] if number else 0))].replace("@ID@", one_id))
    return '{"values": [' + ", ".join(said) + "]}"


def single(number: int, query: dict[str, str]) -> dict[str, Any]:
    """Write one metric of one machine, as the metrics API of a resource has it."""
    begin, _, end = query.get("timespan", "/").partition("/")
    window = {"starttime": begin, "endtime": end}
    name = query.get("metricnames", "")
    unit = query.get("aggregation", "average").lower()
    points = _points(1.0 if is_idle(number) else 60.0, window, unit)
    metric = {
        "id": f"{vm_id(number)}/providers/Microsoft.Insights/metrics/{name}",
        "name": {"value": name, "localizedValue": name},
        "type": "Microsoft.Insights/metrics",
        "unit": "Percent",
        "timeseries": [{"metadatavalues": [], "data": points}],
        "errorCode": "Success",
    }
    return {"timespan": query.get("timespan"), "interval": "PT5M", "value": [metric]}


async def serve(given: argparse.Namespace) -> None:
    """Listen on 127.0.0.1 until the process is ended."""
    site = Site(given.count, given.latency, secrets.token_urlsafe(16))
    app = web.Application(client_max_size=16 * 1024 * 1024)
    app.router.add_route("*", "/{path:.*}", site.answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    made = None if given.plain else certificates.make(given.state)
    context = made.context if made else None
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    scheme = "https" if made else "http"
    site.url = f"{scheme}://127.0.0.1:{runner.addresses[0][1]}"
    ready = {
        "azure_url": site.url,
        "ca_file": str(made.ca_file.resolve()) if made else "",
        "identity_endpoint": f"{site.url}/msi/token",
        "identity_header": site.header,
        "kubeconfig": "",
    }
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--plain", action="store_true")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
