"""Which release this is; the deployed package has no other place that says it."""

from __future__ import annotations

VERSION = "0.1.0"
