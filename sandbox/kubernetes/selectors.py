"""Label and field selectors: parsing and matching.

Pure. Decides only whether an object is meant; which fields a kind may be
selected by is the resource's.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.kubernetes.errors import bad_request
from sandbox.kubernetes.resources import COMMON_FIELDS, Manifest, Resource

_KEY = r"(?:[A-Za-z0-9.-]+/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?"
_VALUE = r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?)?"
_SET = re.compile(rf"^({_KEY})\s+(in|notin)\s*\(([^()]*)\)$")
_EQUAL = re.compile(rf"^({_KEY})\s*(==|!=|=)\s*({_VALUE})$")
_EXISTS = re.compile(rf"^(!?)\s*({_KEY})$")
_COMMA = re.compile(r",(?![^()]*\))")
_FIELD = re.compile(r"^([^=!]+)(==|!=|=)(.*)$")

_TESTS: dict[str, Callable[[str | None, frozenset[str]], bool]] = {
    "In": lambda value, values: value is not None and value in values,
    "NotIn": lambda value, values: value is None or value not in values,
    "Exists": lambda value, _: value is not None,
    "DoesNotExist": lambda value, _: value is None,
}


@dataclass(frozen=True)
class Requirement:
    """One term of a selector. A missing label satisfies ``NotIn``, as the real one says."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Say whether an object with these labels satisfies this term."""
        return _TESTS[self.operator](labels.get(self.key), self.values)

    @property
    def is_equality(self) -> bool:
        """Whether an index by (key, value) answers this term."""
        return self.operator == "In" and len(self.values) == 1


@dataclass(frozen=True)
class LabelSelector:
    """All terms must hold; ``None`` stands for the selector that matches nothing."""

    requirements: tuple[Requirement, ...] | None = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Say whether an object with these labels is meant."""
        if self.requirements is None:
            return False
        return all(term.matches(labels) for term in self.requirements)


def _term(text: str) -> Requirement:
    if found := _SET.match(text):
        values = frozenset(value.strip() for value in found[3].split(","))
        return Requirement(found[1], "In" if found[2] == "in" else "NotIn", values)
    if found := _EQUAL.match(text):
        operator = "NotIn" if found[2] == "!=" else "In"
        return Requirement(found[1], operator, frozenset({found[3]}))
    if found := _EXISTS.match(text):
        return Requirement(found[2], "DoesNotExist" if found[1] else "Exists")
    raise bad_request(
        f"unable to parse requirement: {text!r} is not key, !key, key=value or set"
    )


def parse_labels(text: str) -> LabelSelector:
    """Parse ``a=b,c!=d,e in (f,g),h notin (i),j,!k``.

    Raises:
        ApiError: 400, naming the term that cannot be read.
    """
    terms = [part.strip() for part in _COMMA.split(text)] if text.strip() else []
    return LabelSelector(tuple(_term(term) for term in terms))


def of_spec(selector: Manifest | None) -> LabelSelector:
    """Read a ``matchLabels`` / ``matchExpressions`` selector of an object's spec.

    Null matches nothing and ``{}`` everything, as policy/v1 documents it.

    Source: https://kubernetes.io/docs/reference/kubernetes-api/policy-resources/pod-disruption-budget-v1/
    """
    if selector is None:
        return LabelSelector(None)
    equal = (selector.get("matchLabels") or {}).items()
    terms = [Requirement(key, "In", frozenset({value})) for key, value in equal]
    for item in selector.get("matchExpressions") or ():
        if item.get("operator") not in _TESTS:
            return LabelSelector(None)
        values = frozenset(item.get("values") or ())
        terms.append(Requirement(item["key"], item["operator"], values))
    return LabelSelector(tuple(terms))


@dataclass(frozen=True)
class FieldSelector:
    """Terms (path, value, whether equal is wanted); all must hold."""

    terms: tuple[tuple[str, str, bool], ...] = ()

    def matches(self, manifest: Manifest) -> bool:
        """Say whether an object has these field values; a missing field reads as ""."""
        return all(
            (field_value(manifest, path) == value) is wanted
            for path, value, wanted in self.terms
        )

    def equal_to(self, path: str) -> str | None:
        """Give the one value a path must have, when a term says so."""
        return next((v for p, v, wanted in self.terms if p == path and wanted), None)


def parse_fields(text: str, resource: Resource) -> FieldSelector:
    """Parse ``spec.nodeName=a,status.phase!=Failed``.

    Raises:
        ApiError: 400 for a term that cannot be read or a field this kind is not selected by.
    """
    terms = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        found = _FIELD.match(part)
        if found is None:
            raise bad_request(f"invalid selector: {text!r}; can't understand {part!r}")
        path = found[1].strip()
        if path not in (*COMMON_FIELDS, *resource.fields):
            raise bad_request(f"field label not supported: {path}")
        terms.append((path, found[3].strip(), found[2] != "!="))
    return FieldSelector(tuple(terms))


def field_value(manifest: Manifest, path: str) -> str:
    """Read a dotted path as text, the way field selectors compare."""
    value: Any = manifest
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return str(value).lower()
    return "false" if value is None and path == "spec.unschedulable" else str(value or "")
