"""Numbers as alerts write them: with an SI suffix, or with a currency's sign."""

from __future__ import annotations

import math
import re

_SI = re.compile(r"([+-]?\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,3})?) ?([A-Za-zµμ]{0,2})")
_FACTORS = {
    "": 1.0,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
    "E": 1e18,
    "m": 1e-3,
    "u": 1e-6,
    "µ": 1e-6,
    "μ": 1e-6,
    "n": 1e-9,
    "p": 1e-12,
    "ki": 2.0**10,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
}
_MONEY = re.compile(r"-?\d{1,3}(?:,\d{3}){1,9}(?:\.\d{1,9})?|-?\d{1,30}(?:\.\d{1,9})?")


def si_number(text: str) -> float | None:
    """Read ``0``, ``12.7m`` (0.0127), ``3.2Gi``; None for anything else (``NaN``).

    Source: https://prometheus.io/docs/prometheus/latest/configuration/template_reference/
    (humanize).
    """
    match = _SI.fullmatch(text.strip())
    factor = _FACTORS.get(match[2]) if match else None
    if match is None or factor is None:
        return None
    value = float(match[1]) * factor
    return value if math.isfinite(value) else None


def money(text: str) -> float | None:
    """Read ``$11,111.00``; None for anything else."""
    digits = re.sub(r"[^\d.,-]", "", text, flags=re.ASCII)
    return float(digits.replace(",", "")) if _MONEY.fullmatch(digits) else None
