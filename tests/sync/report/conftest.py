"""A small year, written down once for all tests of what is read from it."""

import os
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from state.store import Store
from sync.report.book import read
from sync.report.model import Book, Period, Policy, Right
from tests.sync.report.history import BEGIN, Past, year

HOSTILE = '<img src=x onerror=alert(1)></summary><script>alert("x")</script>\u202e=cmd|calc'
ADDRESS = "javascript:alert(1)"


@pytest.fixture(scope="session")
def half_year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Book]:
    """The second half of a year of 25 items, and one that somebody hostile wrote."""
    folder: Path = tmp_path_factory.mktemp("year")
    now = [BEGIN]
    url = f"sqlite:///{folder / 'counterfoil.db'}"
    Store.create(url, clock=lambda: now[0], entropy=os.urandom).close()
    past: list[Past] = []
    with Store.open(url, clock=lambda: past[0].now if past else BEGIN) as store:
        past.append(Past(store))
        year(store, past[0], 25)
        past[0].now = BEGIN + timedelta(days=350)
        ref = past[0].item(HOSTILE)
        past[0].say(ref, HOSTILE)
        past[0].link_gone(ref, ADDRESS)
        policy = Policy((Right("accept a risk", HOSTILE),), {"critical": 7, "high": 30, "medium": 90, "low": 180})
        yield read(store, Period(date(2026, 7, 1), date(2026, 12, 31)), policy)
