"""Every module beside this one is a survey; dropping one in adds it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType

from shared.core.surveys import Survey, check


def discover() -> Mapping[str, Survey]:
    """Import the modules in this package, in name order.

    Raises:
        ValueError: A module's name differs from its survey's, or a survey cannot work.
    """
    found: dict[str, Survey] = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda m: m.name):
        one: Survey = importlib.import_module(f"{__name__}.{module.name}").SURVEY
        if one.name != module.name:
            raise ValueError(f"{module.name}.py names itself {one.name!r}")
        check(one)
        found[one.name] = one
    return MappingProxyType(found)
