"""What is said of each setting: its variable, and what it may be."""

from __future__ import annotations


def setting(variable: str, meaning: str) -> dict[str, str]:
    """Describe a field of the settings, for whoever reads it and for the documentation."""
    return {"variable": variable, "meaning": meaning}
