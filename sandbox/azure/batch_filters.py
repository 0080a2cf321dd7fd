"""``$filter`` and ``$select`` of Batch lists. Pure: says what passes, holds nothing.

The grammar is what the service takes: comparisons joined by ``and`` and ``or``, and
``startswith``. What is not in it is refused, naming it; so is a property that the list
cannot be filtered by.

Source: https://learn.microsoft.com/rest/api/batchservice/odata-filters-in-batch
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sandbox.azure import clock
from sandbox.azure.errors import ServiceError

Json = dict[str, Any]
Test = Callable[[Json], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<moment>datetime'[^']*')|(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+)"
    r"|(?P<word>[A-Za-z][\w/]*)|(?P<mark>[(),])|(?P<other>\S))",
    re.IGNORECASE,
)
_EQUALITY = ("eq", "ne")
_ORDER = ("eq", "ne", "ge", "gt", "le", "lt")
FILTERABLE: dict[str, dict[str, tuple[str, ...]]] = {
    "jobs": {
        "id": (*_EQUALITY, "startswith"),
        "state": _EQUALITY,
        "displayName": (*_EQUALITY, "startswith"),
        "creationTime": _ORDER,
        "lastModified": _ORDER,
        "stateTransitionTime": _ORDER,
        "previousState": _EQUALITY,
        "executionInfo/startTime": _ORDER,
        "executionInfo/endTime": _ORDER,
        "executionInfo/poolId": _EQUALITY,
        "priority": _ORDER,
    },
    "tasks": {
        "id": (*_EQUALITY, "startswith"),
        "state": _EQUALITY,
        "displayName": (*_EQUALITY, "startswith"),
        "creationTime": _ORDER,
        "lastModified": _ORDER,
        "stateTransitionTime": _ORDER,
        "previousState": _EQUALITY,
        "executionInfo/startTime": _ORDER,
        "executionInfo/endTime": _ORDER,
        "executionInfo/exitCode": _ORDER,
        "executionInfo/result": _EQUALITY,
        "executionInfo/failureInfo/category": _EQUALITY,
        "executionInfo/failureInfo/code": _EQUALITY,
    },
    "nodes": {
        "state": _EQUALITY,
        "stateTransitionTime": _ORDER,
        "lastBootTime": _ORDER,
        "allocationTime": _ORDER,
    },
    "pools": {
        "id": (*_EQUALITY, "startswith"),
        "state": _EQUALITY,
        "allocationState": _EQUALITY,
        "creationTime": _ORDER,
        "lastModified": _ORDER,
        "stateTransitionTime": _ORDER,
    },
}
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda held, given: bool(held == given),
    "ne": lambda held, given: bool(held != given),
    "ge": lambda held, given: bool(held >= given),
    "gt": lambda held, given: bool(held > given),
    "le": lambda held, given: bool(held <= given),
    "lt": lambda held, given: bool(held < given),
    "startswith": lambda held, given: str(held).startswith(str(given)),
}


def read(text: str, entity: str) -> Test:
    """Read a filter for one kind of list.

    Raises:
        ServiceError: 400, naming the part of the filter that cannot be.
    """
    if not text.strip():
        return lambda _item: True
    return _Reader(text, entity).expression()


class _Reader:
    """Reads one filter from left to right; ``and`` binds closer than ``or``."""

    def __init__(self, text: str, entity: str) -> None:
        self._text = text
        self._entity = entity
        self._tokens = [
            (str(match.lastgroup), match.group(match.lastgroup or 0))
            for match in _TOKEN.finditer(text)
        ]
        self._at = 0

    def expression(self) -> Test:
        """Read the whole filter."""
        either = [self._all()]
        while self._word("or"):
            either.append(self._all())
        if self._at < len(self._tokens):
            raise self._refusal(f"'{self._tokens[self._at][1]}' is not understood here")
        return lambda item: any(test(item) for test in either)

    def _all(self) -> Test:
        every = [self._comparison()]
        while self._word("and"):
            every.append(self._comparison())
        return lambda item: all(test(item) for test in every)

    def _word(self, word: str) -> bool:
        """Take a word if it comes next."""
        if self._at < len(self._tokens) and self._tokens[self._at][1].lower() == word:
            self._at += 1
            return True
        return False

    def _take(self, *kinds: str) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise self._refusal("it ends too early")
        kind, text = self._tokens[self._at]
        if kind not in kinds:
            raise self._refusal(f"'{text}' is not understood here")
        self._at += 1
        return kind, text

    def _comparison(self) -> Test:
        if self._word("startswith"):
            self._mark("(")
            prop = self._take("word")[1]
            self._mark(",")
            kind, literal = self._take("text")
            self._mark(")")
            return self._test(prop, "startswith", kind, literal)
        prop = self._take("word")[1]
        operator = self._take("word")[1].lower()
        kind, literal = self._take("moment", "text", "number")
        return self._test(prop, operator, kind, literal)

    def _mark(self, mark: str) -> None:
        _, found = self._take("mark")
        if found != mark:
            raise self._refusal(f"'{found}' stands where '{mark}' belongs")

    def _test(self, prop: str, operator: str, kind: str, literal: str) -> Test:
        known = FILTERABLE[self._entity]
        if prop not in known:
            raise self._refusal(
                f"{self._entity} cannot be filtered by '{prop}'; they can be by "
                f"{', '.join(known)}"
            )
        if operator not in known[prop]:
            raise self._refusal(f"'{prop}' takes {', '.join(known[prop])}, not '{operator}'")
        wanted = self._literal(prop, kind, literal)
        compare = _COMPARE[operator]

        def test(item: Json) -> bool:
            held = _held(item, prop)
            if held is None:
                return operator == "ne"
            return compare(clock.parse(held) if kind == "moment" else held, wanted)

        return test

    def _literal(self, prop: str, kind: str, literal: str) -> str | int | datetime:
        is_time = prop.endswith("Time") or prop == "lastModified"
        if is_time != (kind == "moment"):
            wanted = "datetime'...'" if is_time else "a string or a number"
            raise self._refusal(f"'{prop}' is compared with {wanted}, not {literal}")
        if kind == "number":
            return int(literal)
        inner = literal.partition("'")[2][:-1].replace("''", "'")
        if kind == "text":
            return inner
        try:
            return clock.parse(inner)
        except ValueError:
            raise self._refusal(f"{literal} is not a moment in ISO 8601") from None

    def _refusal(self, why: str) -> ServiceError:
        return ServiceError(
            400,
            "InvalidQueryParameterValue",
            "Value for one of the query parameters specified in the request URI is invalid.",
            values={
                "QueryParameterName": "$filter",
                "QueryParameterValue": self._text,
                "Reason": why,
            },
        )


def _held(item: Json, prop: str) -> Any:
    value: Any = item
    for name in prop.split("/"):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def selected(item: Json, text: str | None) -> Json:
    """Keep what ``$select`` names, and nothing that a world keeps to itself."""
    shown = {key: value for key, value in item.items() if not key.startswith("_")}
    if not text:
        return shown
    names = {name.strip() for name in text.split(",")}
    return {key: value for key, value in shown.items() if key in names}
