"""Match a request path against the route templates of HTTP functions.

Knows ASP.NET's template language as far as function apps use it: literals,
``{name}``, ``{name?}``, ``{*rest}`` and constraints. It decides which function
answers; it does not know keys or bodies.

Source: https://learn.microsoft.com/azure/azure-functions/functions-bindings-http-webhook-trigger#customize-the-http-endpoint
Source: https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-templates
"""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

_PARAMETER = re.compile(
    r"^\{(?P<stars>\*{0,2})(?P<name>[A-Za-z_][\w-]*)"
    r"(?P<constraints>(?::[^{}?=]+)*)(?:=(?P<default>[^{}?]*))?(?P<optional>\?)?\}$",
)
_CHECKS = {
    "int": re.compile(r"^-?\d+$"),
    "long": re.compile(r"^-?\d+$"),
    "bool": re.compile(r"^(true|false)$", re.IGNORECASE),
    "guid": re.compile(r"^\{?[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?[0-9a-f]{12}\}?$", re.IGNORECASE),
    "alpha": re.compile(r"^[A-Za-z]*$"),
    "decimal": re.compile(r"^-?\d+(\.\d+)?$"),
    "double": re.compile(r"^-?\d+(\.\d+)?$"),
    "float": re.compile(r"^-?\d+(\.\d+)?$"),
}
_LITERAL, _CONSTRAINED, _PLAIN, _CATCH_ALL = 1, 2, 3, 5


@dataclass(frozen=True)
class _Segment:
    literal: str | None
    name: str = ""
    catch_all: bool = False
    optional: bool = False
    default: str | None = None
    checks: tuple[re.Pattern[str], ...] = ()

    @property
    def precedence(self) -> int:
        """Rank as ASP.NET does: the most particular segment is tried first."""
        if self.literal is not None:
            return _LITERAL
        if self.catch_all:
            return _CATCH_ALL
        return _CONSTRAINED if self.checks else _PLAIN

    def accepts(self, text: str) -> bool:
        """Tell whether one path segment fits."""
        if self.literal is not None:
            return self.literal.lower() == text.lower()
        return text != "" and all(check.match(text) for check in self.checks)


@dataclass(frozen=True)
class Route:
    """One function's template and methods; no methods means all of them."""

    function: str
    template: str
    methods: frozenset[str] = frozenset()
    segments: tuple[_Segment, ...] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Parse the template once."""
        parts = [part for part in self.template.strip("/").split("/") if part]
        object.__setattr__(self, "segments", tuple(_segment(part) for part in parts))

    def match(self, method: str, path: str) -> dict[str, str] | None:
        """Give the route parameters, or None when this route does not answer."""
        if self.methods and method.upper() not in self.methods:
            return None
        parts = (
            [unquote(part) for part in path.strip("/").split("/")] if path.strip("/") else []
        )
        values: dict[str, str] = {}
        for position, segment in enumerate(self.segments):
            if segment.catch_all:
                return {**values, segment.name: "/".join(parts[position:])}
            if position >= len(parts):
                if not segment.optional and segment.default is None:
                    return None
                if segment.default is not None:
                    values[segment.name] = segment.default
                continue
            if not segment.accepts(parts[position]):
                return None
            if segment.literal is None:
                values[segment.name] = parts[position]
        return values if len(parts) <= len(self.segments) else None


def _segment(text: str) -> _Segment:
    if "{" not in text:
        return _Segment(literal=text)
    match = _PARAMETER.match(text)
    if match is None:
        raise ValueError(
            f"route segment {text!r} is not understood: write a literal,"
            " {name}, {name?}, {name:int} or {*rest}"
        )
    kinds = [c.split("(")[0] for c in match["constraints"].split(":") if c]
    return _Segment(
        literal=None,
        name=match["name"],
        catch_all=bool(match["stars"]),
        optional=bool(match["optional"]),
        default=match["default"],
        # Constraints such as length(3) are let through: an unknown check refuses nobody.
        checks=tuple(_CHECKS[kind] for kind in kinds if kind in _CHECKS),
    )


def best_match(
    routes: list[Route], method: str, path: str
) -> tuple[Route, dict[str, str]] | None:
    """Choose the most particular route that answers, with its parameters."""
    ranked = sorted(routes, key=lambda route: [s.precedence for s in route.segments])
    for route in ranked:
        values = route.match(method, path)
        if values is not None:
            return route, values
    return None
