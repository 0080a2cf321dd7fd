"""Which handler answers a path. Paths are compared without regard to case, as ARM does."""

from collections.abc import Iterable
from dataclasses import dataclass

from sandbox.azure.call import Handler


@dataclass(frozen=True, slots=True)
class Route:
    """One method and path, the versions of the API it exists in, and who answers."""

    method: str
    pattern: str
    handler: Handler
    versions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """A route that fits a path, with the names found in it."""

    route: Route
    params: dict[str, str]


class Routes:
    """A table of routes, looked up by the number of path segments first."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._by_length: dict[int, list[tuple[Route, list[str]]]] = {}
        for route in routes:
            parts = route.pattern.strip("/").split("/")
            self._by_length.setdefault(len(parts), []).append(
                (route, [part if part.startswith("{") else part.lower() for part in parts])
            )

    def find(self, method: str, path: str) -> Match | None:
        """Find the route that answers a method on a path."""
        for match in self.fitting(path):
            if match.route.method == method:
                return match
        return None

    def fitting(self, path: str) -> list[Match]:
        """Find every route that fits a path, whatever the method."""
        parts = path.strip("/").split("/")
        lowered = [part.lower() for part in parts]
        found = []
        for route, pattern in self._by_length.get(len(parts), []):
            if all(
                want == got or want.startswith("{")
                for want, got in zip(pattern, lowered, strict=True)
            ):
                names = {
                    want[1:-1]: part
                    for want, part in zip(pattern, parts, strict=True)
                    if want.startswith("{")
                }
                found.append(Match(route, names))
        return found
