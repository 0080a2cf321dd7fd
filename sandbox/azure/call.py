"""One call to a service, and the answer to it. Knows HTTP, knows no service."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.azure.errors import ServiceError

if TYPE_CHECKING:
    from sandbox.azure.state import State

Json = dict[str, Any]


@dataclass(slots=True)
class Call:
    """A request as a service sees it: ``query`` in lower case keys, ``asked`` as sent."""

    state: "State"
    method: str
    path: str
    query: Mapping[str, str]
    asked: list[tuple[str, str]]
    headers: Mapping[str, str]
    raw: bytes
    params: dict[str, str] = field(default_factory=dict)
    operation_fault: Json | None = None

    def body(self, code: str = "InvalidRequestContent") -> Json:
        """Read the body as a JSON object.

        Raises:
            ServiceError: 400, saying what was there instead.
        """
        value = self.json(code)
        if not isinstance(value, dict):
            raise ServiceError(
                400,
                code,
                f"The request content was invalid: a JSON object is required, "
                f"got {type(value).__name__}.",
            )
        return value

    def json(self, code: str = "InvalidRequestContent") -> object:
        """Read the body as JSON of any shape."""
        try:
            return json.loads(self.raw)
        except ValueError as exc:
            raise ServiceError(
                400,
                code,
                f"The request content was invalid and could not be deserialized: {exc}.",
            ) from exc


@dataclass(slots=True)
class Reply:
    """An answer: None as body sends none at all."""

    status: int = 200
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Call], Reply]
