"""When a tracker wants to be asked again, read from its headers."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from connectors.limits import retry_at

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "30"}, 30),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "Fri, 20 Nov 2026 12:02:00 GMT"}, 120),
        ({"x-ratelimit-reset": str(int(NOW.timestamp()) + 90)}, 90),
        ({"x-ratelimit-reset": "2026-11-20T12:05Z"}, 300),
        ({"x-ratelimit-reset": "2026-11-20T13:05:30+01:00"}, 330),
        ({"retry-after": "5", "x-ratelimit-reset": "2026-11-20T12:05Z"}, 5),
        ({}, 60),
        ({"retry-after": "soon"}, 60),
        ({"retry-after": "-5"}, 60),
        ({"retry-after": "nan"}, 60),
        ({"retry-after": "Fri, 20 Nov 2020 12:02:00 GMT"}, 60),
        ({"x-ratelimit-reset": "1"}, 60),
        ({"x-ratelimit-reset": "9" * 400}, 60),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 -0100"}, 60),
        ({"x-ratelimit-reset": "9999-12-31T23:59:59-01:00"}, 60),
        ({"x-ratelimit-reset": "0001-01-01T00:00:00+01:00"}, 60),
        ({"retry-after": "999999999"}, 3600),
        ({"x-ratelimit-reset": "2099-01-01T00:00Z"}, 3660),
    ],
)
def test_when_to_come_back_is_read_from_headers_and_never_from_nonsense(headers: dict[str, str], seconds: int) -> None:
    assert retry_at(headers, NOW) - NOW == timedelta(seconds=seconds)


@pytest.mark.parametrize("wrong", [timedelta(hours=1), timedelta(hours=-1)])
@pytest.mark.parametrize("header", ["x-ratelimit-reset", "retry-after"])
def test_a_time_to_come_back_is_read_by_the_servers_clock(wrong: timedelta, header: str) -> None:
    there = NOW + wrong
    at = there + timedelta(seconds=40)
    value = str(int(at.timestamp())) if header == "x-ratelimit-reset" else format_datetime(at, usegmt=True)
    assert retry_at({"date": format_datetime(there, usegmt=True), header: value}, NOW) == NOW + timedelta(seconds=40)
