"""Read .NET TimeSpan texts, which host.json and timer schedules are written in.

Source: https://learn.microsoft.com/dotnet/api/system.timespan.parse
"""

import re
from datetime import timedelta

_TIME_SPAN = re.compile(
    r"^(?:(?P<days>\d+)\.)?(?P<hours>\d{1,2}):(?P<minutes>\d{1,2})"
    r"(?::(?P<seconds>\d{1,2})(?:\.(?P<fraction>\d{1,7}))?)?$",
)
_HOURS, _SIXTIETHS = 23, 59


def parse_time_span(text: str) -> timedelta:
    """Turn ``[d.]hh:mm[:ss[.fffffff]]`` into a duration.

    Raises:
        ValueError: the text has another form, or a part is out of its range.
    """
    match = _TIME_SPAN.match(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a TimeSpan: write [d.]hh:mm:ss, such as 00:00:30")
    parts = {name: int(value or 0) for name, value in match.groupdict().items()}
    if parts["hours"] > _HOURS or max(parts["minutes"], parts["seconds"]) > _SIXTIETHS:
        raise ValueError(f"{text!r} is not a TimeSpan: hours end at 23, minutes at 59")
    fraction = match["fraction"] or "0"
    return timedelta(
        days=parts["days"],
        hours=parts["hours"],
        minutes=parts["minutes"],
        seconds=parts["seconds"],
        microseconds=int(fraction.ljust(6, "0")[:6]),
    )
