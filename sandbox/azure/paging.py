"""Lists in pages, each with the address of the next."""

from collections.abc import Sequence
from urllib.parse import urlencode

from sandbox.azure.call import Call, Json, Reply
from sandbox.azure.errors import ServiceError

TOKEN = "$skiptoken"  # noqa: S105 - a query parameter's name


def page(
    call: Call,
    items: Sequence[Json],
    *,
    size: int | None = None,
    link: str = "nextLink",
    token: str = TOKEN,
) -> Reply:
    """Answer one page of a list, with the address of the next unless it is the last."""
    start = _offset(call, token)
    size = size or int(call.state.world.settings.page_size)
    body: Json = {"value": list(items[start : start + size])}
    if start + size < len(items):
        query = {
            **{key: value for key, value in call.asked if key.lower() != token.lower()},
            token: str(start + size),
        }
        body[link] = f"{call.state.url}{call.path}?{urlencode(query)}"
    return Reply(200, body)


def _offset(call: Call, token: str) -> int:
    text = call.query.get(token.lower(), "0")
    if not text.isdigit():
        raise ServiceError(400, "InvalidSkipToken", f"The skip token '{text}' is invalid.")
    return int(text)
