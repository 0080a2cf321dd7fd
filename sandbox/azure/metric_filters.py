"""The filter of a metrics query: dimensions and the values wanted of each.

``A eq 'a1' or A eq 'a2' and B eq '*'``: *or* joins values of one dimension, *and*
joins dimensions. Anything else is refused, as the service refuses it.

Source: https://learn.microsoft.com/rest/api/monitor/metrics-batch/batch
"""

import re

from sandbox.azure.errors import ServiceError

_TERM = re.compile(r"\s*([\w.\-/ ]+?)\s+eq\s+'([^']*)'\s*", re.IGNORECASE)


def read(text: str) -> dict[str, set[str]]:
    """Read a filter into the wanted values by dimension, in lower case; ``*`` is any.

    Raises:
        ServiceError: 400, naming the part that cannot be read.
    """
    wanted: dict[str, set[str]] = {}
    for part in re.split(r"\s+and\s+", text.strip(), flags=re.IGNORECASE) if text else []:
        names = set()
        for term in re.split(r"\s+or\s+", part, flags=re.IGNORECASE):
            match = _TERM.fullmatch(term.strip("() "))
            if match is None:
                raise _unreadable(term)
            names.add(match[1].lower())
            wanted.setdefault(match[1].lower(), set()).add(match[2].lower())
        if len(names) != 1:
            raise _unreadable(part)
    return wanted


def passes(dimension: dict[str, str], wanted: dict[str, set[str]]) -> bool:
    """Say whether a series with these dimensions is asked for."""
    given = {key.lower(): str(value).lower() for key, value in dimension.items()}
    return all(
        name in given and ("*" in values or given[name] in values)
        for name, values in wanted.items()
    )


def _unreadable(part: str) -> ServiceError:
    return ServiceError(
        400,
        "BadRequest",
        f"The filter part '{part}' is invalid: write Dimension eq 'value', 'or' within one "
        "dimension, 'and' between dimensions.",
    )
