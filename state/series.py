"""Numbers and pages: series that never repeat, and long reads in short steps."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Select, bindparam, insert, select, update

from state.errors import UnknownRef
from state.tables import Counter

COUNTER = Counter.__table__  # type: ignore[attr-defined]
_SAME = COUNTER.c.name == bindparam("series")
_RAISE = update(COUNTER).where(_SAME).values(value=COUNTER.c.value + bindparam("count"))
_FIRST = insert(COUNTER)
_LAST = select(COUNTER.c.value).where(_SAME)

PAGE = 500
"""How many rows one statement asks for or names."""

Rows = Callable[[Select[Any]], Sequence[Row[Any]]]
"""Asks one question, in a short transaction of its own unless it is part of another."""

T = TypeVar("T")


def pages(
    rows: Rows, first: Select[Any], following: Callable[[Row[Any]], Select[Any]], size: int = PAGE
) -> Iterator[Sequence[Row[Any]]]:
    """Yield the pages of a long answer, each found from the last row before it; one that is not full is the last."""
    page = rows(first)
    while page:
        yield page
        page = rows(following(page[-1])) if len(page) >= size else ()


def next_numbers(connection: Connection, series: str, count: int) -> range:
    """The next `count` numbers of a series, from 1; none is ever given out twice."""
    if connection.execute(_RAISE, {"series": series, "count": count}).rowcount == 0:
        connection.execute(_FIRST, {"name": series, "value": count})
    last: int = connection.execute(_LAST, {"series": series}).scalar_one()
    return range(last - count + 1, last + 1)


def number_in(ref: str, prefix: str) -> int:
    """The number in a ref such as `H-12`, in letters of either case; raises `UnknownRef` for what is none."""
    digits = ref.upper().removeprefix(prefix)
    if not (digits.isascii() and digits.isdigit() and len(digits) < 16):
        raise UnknownRef(ref)
    return int(digits)


def chunks(values: Iterable[T], size: int = PAGE) -> Iterator[list[T]]:
    """The values, in lists of at most `size`."""
    remaining = iter(values)
    while chunk := list(islice(remaining, size)):
        yield chunk
