"""What a tracker's answers say of its rate limits: whether one was met, and when to come back."""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import httpx

from connectors.errors import RateLimited, TicketLimited
from connectors.times import http_date, said_at

LONGEST_WAIT = timedelta(hours=1)
DEFAULT_WAIT = timedelta(seconds=60)
_LONGEST = LONGEST_WAIT + DEFAULT_WAIT

_WORDS = re.compile(r"rate limit|abuse detection|submitted too quickly", re.IGNORECASE)
_OF_ONE_TICKET = "per-issue"
_OF_EVERYTHING = "core"


class Limits:
    """The limits of one tracker, as its answers tell them.

    `unasked_wait` is kept after a refusal that names no time, and doubled with each one in a row.
    """

    def __init__(self, clock: Callable[[], datetime], unasked_wait: timedelta) -> None:
        self._clock, self._unasked_wait, self._in_row = clock, unasked_wait, 0
        self._used_up: dict[str, datetime] = {}

    def used_up_until(self, request: httpx.Request) -> datetime | None:
        """Until when (UTC) the budget of the request's credentials is used up, if an answer said so."""
        until = self._used_up.get(_credentials(request))
        return until if until is not None and self._clock() < until else None

    def note(self, request: httpx.Request, response: httpx.Response) -> None:
        """Remember when the budget of all requests is used up and until when, where the answer says both.

        https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
        """
        headers = response.headers
        if headers.get("x-ratelimit-resource") == _OF_EVERYTHING and _is_nothing(headers, "x-ratelimit-remaining"):
            now = self._clock()
            there = said_at(headers) or now
            reset = _reset(headers.get("x-ratelimit-reset", ""), there)
            if reset is not None:
                self._used_up[_credentials(request)] = now + min(reset - there, _LONGEST)

    def refusal(self, response: httpx.Response, told: str, text: str, *, read: bool) -> RateLimited | None:
        """The limit that the answer speaks of; one that names the ticket leaves others alone."""
        headers, status = response.headers, response.status_code
        asked = "retry-after" in headers and not _is_nothing(headers, "retry-after")
        said = asked or _is_nothing(headers, "x-ratelimit-remaining") or _WORDS.search(told) is not None
        if status == 429 or (status == 403 and said) or (status == 503 and read and asked):
            unasked = min(self._unasked_wait * 2**self._in_row, LONGEST_WAIT)
            self._in_row = min(self._in_row + 1, 16)
            kind = TicketLimited if _OF_ONE_TICKET in headers.get("ratelimit-reason", "").lower() else RateLimited
            return kind(text, retry_at(headers, self._clock(), unasked))
        self._in_row = 0
        return None


def retry_at(headers: Mapping[str, str], now: datetime, unasked: timedelta = DEFAULT_WAIT) -> datetime:
    """When (UTC, by our clock, which says `now`) the tracker wants to be asked again, by its own clock or after a time.

    That is now at the earliest, about an hour on at the latest, and `unasked` where it does not say.
    """
    there = said_at(headers) or now
    asked = _retry_after(headers.get("retry-after", ""), there) or _reset(headers.get("x-ratelimit-reset", ""), there)
    return now + min(unasked if asked is None else asked - there, _LONGEST)


def _credentials(request: httpx.Request) -> str:
    return str(request.headers.get("authorization", ""))


def _is_nothing(headers: Mapping[str, str], name: str) -> bool:
    return headers.get(name, "").strip() == "0"


def _retry_after(value: str, now: datetime) -> datetime | None:
    seconds = _number(value)
    if seconds is not None:
        return now + timedelta(seconds=min(seconds, LONGEST_WAIT.total_seconds())) if seconds >= 0 else None
    at = http_date(value)
    return None if at is None else _ahead(at, now)


def _reset(value: str, now: datetime) -> datetime | None:
    seconds = _number(value)
    try:
        at = datetime.fromisoformat(value.strip()) if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return _ahead(at, now)


def _ahead(at: datetime, now: datetime) -> datetime | None:
    """The same time in UTC, if it is not past and that is a time at all."""
    try:
        utc = at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except OverflowError:
        return None
    return utc if utc >= now else None


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
