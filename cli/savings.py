"""``nightshift savings|prices``: what a month saved, and the list it is reckoned by."""

from __future__ import annotations

import argparse
import json
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cli.over_http import call, command

RETAIL = "https://prices.azure.com/api/retail/prices"
"""Asked without a token.

Source: https://learn.microsoft.com/rest/api/cost-management/retail-prices/azure-retail-prices
"""
_PAGES = 500
_NOT_LINUX_ON_DEMAND = ("windows", "spot", "low priority", "cloudservices", "dedicated host")


def register(subparsers: Any) -> None:
    """Add ``savings`` and ``prices``."""
    told = command(subparsers, "savings", "what a month saved, by rule and team", _savings)
    told.add_argument("month", nargs="?", default="now", help="2026-11; default: this month")
    told.add_argument("--json", action="store_true", help="as the app answers it")
    prices = subparsers.add_parser("prices", help="read list prices anew, into a file")
    prices.add_argument("--region", action="append", required=True, help="may be repeated")
    prices.add_argument("--out", type=Path, required=True, help="file to write")
    prices.add_argument("--url", default=RETAIL, help="the retail prices API")
    prices.set_defaults(run=_prices)


def _savings(arguments: argparse.Namespace) -> None:
    said = call(arguments, "GET", f"/api/savings/{arguments.month}")
    if arguments.json:
        print(json.dumps(said, indent=2))
        return
    money = said["currency"] or "(no prices)"
    print(f"{said['month']}, as of {said['as_of']}, list prices of {said['prices_dated']}")
    print(f"saved            {said['saved']:>12,.2f} {money}")
    for one in said["saved_by_rule"]:
        whose = one["team"] or "no team"
        print(f"  {one['rule']}, {whose}: {one['hours']:,.1f} h, {one['amount']:,.2f}")
    print(f"running and idle {said['running_and_idle']:>12,.2f} {money}")
    for one in said["idle_by_reason"]:
        whose = one["team"] or "no team"
        print(f"  {one['reason']}, {whose}: {one['hours']:,.1f} h, {one['amount']:,.2f}")
    if said["unpriced_hours"]:
        print(f"not priced: {said['unpriced_hours']:,.1f} h of sizes that are not in the list")


def _prices(arguments: argparse.Namespace) -> int:
    """Write the file anew; nothing is written unless every region has prices."""
    regions = {name: dict(sorted(_of(arguments.url, name))) for name in arguments.region}
    empty = [name for name, sizes in regions.items() if not sizes]
    if empty:
        sys.exit(f"no prices of {', '.join(empty)}: write a region as westeurope")
    document = {
        "currency": "USD",
        "unit": "hour, Linux, on demand, list price",
        "dated": f"{datetime.now(UTC):%Y-%m-%d}",
        "source": arguments.url,
        "regions": regions,
    }
    arguments.out.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(f"{sum(map(len, regions.values()))} prices in {arguments.out}")
    return 0


def _of(url: str, region: str) -> Iterator[tuple[str, float]]:
    """Read every size's price in a region: Linux, on demand, by the hour."""
    asked = (
        f"serviceName eq 'Virtual Machines' and armRegionName eq '{region}' "
        "and priceType eq 'Consumption'"
    )
    following = f"{url}?{urllib.parse.urlencode({'$filter': asked})}"
    for _ in range(_PAGES):
        page = _page(following, url)
        yield from _linux_on_demand(page.get("Items") or ())
        following = page.get("NextPageLink") or ""
        if not following:
            return
    sys.exit(f"{region}: more than {_PAGES} pages; nothing was written")


def _page(address: str, url: str) -> dict[str, Any]:
    """Read one page; a link that leads elsewhere is not followed."""
    if urllib.parse.urlsplit(address)[:2] != urllib.parse.urlsplit(url)[:2]:
        sys.exit(f"{url}: its next page is at {urllib.parse.urlsplit(address).netloc!r}")
    with urllib.request.urlopen(address, timeout=60) as answer:  # noqa: S310 - checked above
        page = json.load(answer)
    return page if isinstance(page, dict) else {}


def _linux_on_demand(items: Any) -> Iterator[tuple[str, float]]:
    for item in items:
        words = f"{item.get('productName')} {item.get('skuName')} {item.get('meterName')}"
        is_plain = not any(word in words.casefold() for word in _NOT_LINUX_ON_DEMAND)
        size, price = item.get("armSkuName"), item.get("retailPrice")
        if is_plain and size and price and item.get("unitOfMeasure") == "1 Hour":
            yield str(size), float(price)
