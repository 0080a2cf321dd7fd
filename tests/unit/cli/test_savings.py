"""``nightshift prices|savings``: a list from the public API, and a month for a person."""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from cli.main import main
from cli.savings import _savings
from shared.core.money import read_prices


def item(size: str, price: float, **changes: Any) -> dict[str, Any]:
    """Write a meter as the retail prices API does."""
    plain = {
        "armSkuName": size,
        "retailPrice": price,
        "unitOfMeasure": "1 Hour",
        "productName": "Virtual Machines NCA100v4 Series",
        "skuName": "NC24ads A100 v4",
        "meterName": "NC24ads A100 v4",
        "type": "Consumption",
    }
    return {**plain, **changes}


@contextmanager
def retail(
    *pages: list[dict[str, Any]], elsewhere: str = ""
) -> Iterator[tuple[str, list[str]]]:
    """Serve pages of prices on this machine; note what was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            asked.append(query.get("$filter", [""])[0])
            number = int(query.get("page", ["0"])[0])
            more = f"http://{self.headers['Host']}/prices?page={number + 1}"
            following = (elsewhere or more) if number + 1 < len(pages) else None
            body = json.dumps({"Items": pages[number], "NextPageLink": following}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/prices", asked
    finally:
        server.shutdown()
        server.server_close()


def test_a_list_holds_linux_on_demand_by_the_hour_and_nothing_else(tmp_path):
    """Spot and Windows have the same size's name, and another price."""
    first = [
        item("Standard_NC24ads_A100_v4", 3.67),
        item("Standard_NC24ads_A100_v4", 0.44, skuName="NC24ads A100 v4 Spot"),
        item("Standard_NC24ads_A100_v4", 4.77, productName="NCA100v4 Series Windows"),
        item("Standard_D2", 0.1, unitOfMeasure="1 Month"),
    ]
    out = tmp_path / "prices.json"
    with retail(first, [item("Standard_NC48ads_A100_v4", 7.35)]) as (url, asked):
        code = main(["prices", "--region", "westeurope", "--out", str(out), "--url", url])
    table = read_prices(json.loads(out.read_text()))
    sizes = {"standard_nc24ads_a100_v4": 3.67, "standard_nc48ads_a100_v4": 7.35}
    assert (0, {"westeurope": sizes}) == (code, table.by_region)
    assert "armRegionName eq 'westeurope'" in asked[0]


def test_a_region_without_prices_writes_nothing(tmp_path):
    """A misspelt region must not empty the list that is in force."""
    out = tmp_path / "prices.json"
    with retail([]) as (url, _), pytest.raises(SystemExit, match="no prices of westeurop"):
        main(["prices", "--region", "westeurop", "--out", str(out), "--url", url])
    assert not out.exists()


def test_a_page_that_leads_elsewhere_is_not_followed(tmp_path):
    """An answer says where the next page is; it may not send us anywhere."""
    pages = ([item("a", 1.0)], [item("b", 1.0)])
    with (
        retail(*pages, elsewhere="http://127.0.0.2:1/x") as (url, _),
        pytest.raises(SystemExit, match=r"127\.0\.0\.2"),
    ):
        main(["prices", "--region", "r", "--out", str(tmp_path / "p.json"), "--url", url])


def test_a_month_is_shown_with_its_lines(monkeypatch, capsys):
    """Totals first; what could not be priced is said."""
    said = {
        "month": "2026-11",
        "as_of": "2026-11-22T03:00:00Z",
        "currency": "USD",
        "prices_dated": "2026-11",
        "saved": 1234.5,
        "running_and_idle": 10.0,
        "unpriced_hours": 3.0,
        "saved_by_rule": [{"rule": "idle", "team": "", "hours": 10.0, "amount": 1234.5}],
        "idle_by_reason": [
            {"reason": "observe_only", "team": "vision", "hours": 2.0, "amount": 10.0}
        ],
    }
    monkeypatch.setattr("cli.savings.call", lambda *_: said)
    _savings(argparse.Namespace(month="now", json=False))
    shown = capsys.readouterr().out
    assert "1,234.50 USD" in shown
    assert "idle, no team: 10.0 h, 1,234.50" in shown
    assert "observe_only, vision: 2.0 h, 10.00" in shown
    assert "not priced: 3.0 h" in shown
