"""Every module beside this one is a remediation; dropping one in adds it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType

from shared.core.decisions import Act
from shared.core.remediation import Remediation


def discover() -> Mapping[str, Remediation]:
    """Import the modules in this package, in name order.

    Raises:
        ValueError: Two remediations share a name, a module's name differs from its
            remediation's, or one lacks an example of acting or of refusing.
    """
    found: dict[str, Remediation] = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda m: m.name):
        one: Remediation = importlib.import_module(f"{__name__}.{module.name}").REMEDIATION
        if one.name != module.name:
            raise ValueError(f"{module.name}.py names itself {one.name!r}")
        acting = {isinstance(example.expect, Act) for example in one.examples}
        if acting != {True, False}:
            raise ValueError(f"{one.name} needs an example that acts and one that refuses")
        found[one.name] = one
    return MappingProxyType(found)
