"""The file of list prices: read once a process; a broken one stops the app at its start.

``nightshift prices refresh`` writes it anew from the retail prices API.
"""

from __future__ import annotations

import json
from pathlib import Path

from shared.core.errors import Misconfigured
from shared.core.money import PriceTable, read_prices


class PriceFile:
    """Implements ``shared.ports.Prices``."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._table: PriceTable | None = None

    def table(self) -> PriceTable:
        """Return the prices; none at all if no file is named.

        Raises:
            Misconfigured: The file cannot be read, or is no file of prices.
        """
        if self._table is None:
            self._table = self._read()
        return self._table

    def _read(self) -> PriceTable:
        if not self._name:
            return PriceTable()
        try:
            return read_prices(json.loads(Path(self._name).read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise Misconfigured(f"NIGHTSHIFT_PRICES {self._name}: {error}") from error
