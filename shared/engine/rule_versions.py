"""What a container of rule files holds -> one version of a layer, or why it is none.

Every limit is checked on the listing, before a byte is read. Names, and what may not be,
only; whether the rules in it are good is for ``shared.rules.loading``.
"""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from shared.ports.rule_source import RuleBlob
from shared.rules.problems import Place, Problems, RuleProblem

MOST_FILES = 200
MOST_BYTES = 1024 * 1024
MOST_BYTES_IN_ALL = 4 * 1024 * 1024
_ENDING = ".yaml"
_MEANT = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Refused:
    """A version that is not in force, and all that is wrong with it."""

    version: str
    problems: tuple[RuleProblem, ...]


def file_name(container: str, blob: str) -> str:
    """Name a blob so that no file of the package has the same name."""
    return f"blob:{container}/{blob}"


def rule_files(blobs: Sequence[RuleBlob]) -> list[RuleBlob]:
    """Return what is read, and what its name says was meant to be, in name order."""
    return sorted(
        (one for one in blobs if one.name.casefold().endswith(_MEANT)),
        key=lambda one: one.name,
    )


def version_of(container: str, files: Sequence[RuleBlob]) -> str:
    """Name a version by its files' names and ETags: each upload makes another."""
    text = "\x1f".join([container, *(f"{one.name}\x1e{one.etag}" for one in files)])
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]


def refuse_listing(container: str, files: Sequence[RuleBlob], problems: Problems) -> None:
    """Note what cannot be a layer of rules whatever is written in it."""
    whole = Place(f"blob:{container}", 1, 1)
    if len(files) > MOST_FILES:
        message = f"{len(files)} rule files, more than {MOST_FILES}"
        problems.add(whole, message, "put several rules into one file")
        return
    for one in files:
        _refuse_file(container, one, problems)
    total = sum(one.size for one in files)
    if total > MOST_BYTES_IN_ALL and not len(problems):
        message = f"the rule files have {total} bytes in all, more than {MOST_BYTES_IN_ALL}"
        problems.add(whole, message, "keep to what the rules need")


def _refuse_file(container: str, one: RuleBlob, problems: Problems) -> None:
    start = Place(file_name(container, one.name), 1, 1)
    if not one.name.endswith(_ENDING):
        better = one.name.rpartition(".")[0] + _ENDING
        problems.add(start, "only files named *.yaml are read", f"name it {better}")
    if one.size > MOST_BYTES:
        message = f"the file has {one.size} bytes, more than {MOST_BYTES}"
        problems.add(start, message, "split it into several files")


def decoded(file: str, body: bytes, problems: Problems) -> str:
    """Read a file's text; where it is none, point at the byte that is wrong."""
    plain = body.removeprefix(codecs.BOM_UTF8)
    try:
        return plain.decode()
    except UnicodeDecodeError as error:
        before = plain[: error.start]
        line_start = before.rfind(b"\n") + 1
        column = len(before[line_start:].decode(errors="replace")) + 1
        message = f"this is not UTF-8: byte 0x{plain[error.start]:02x}"
        place = Place(file, before.count(b"\n") + 1, column)
        problems.add(place, message, "save the file as plain UTF-8 text")
        return ""
