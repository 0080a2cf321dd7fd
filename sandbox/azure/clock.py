"""The stand-in's one reader of the clock, and the time formats Azure writes."""

from datetime import UTC, datetime


def now() -> datetime:
    """Read the wall clock, aware and in UTC."""
    return datetime.now(UTC)


def iso(moment: datetime) -> str:
    """Write a moment as Azure does: ISO 8601 with a Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def now_iso() -> str:
    """Write the present moment."""
    return iso(now())


def parse(text: str) -> datetime:
    """Read an ISO 8601 moment; one without an offset is UTC.

    Raises:
        ValueError: the text is not a moment.
    """
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
