"""The server's own time, as its answers tell it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_YEARS = range(2000, 2200)


def said_at(headers: Mapping[str, str]) -> datetime | None:
    """When (UTC, whole seconds) the server gave this answer, by its own clock; `None` where it does not say."""
    at = http_date(headers.get("date", ""))
    return at if at is not None and at.year in _YEARS else None


def http_date(value: str) -> datetime | None:
    """The time that a header names as RFC 9110 has it, or `None`."""
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
