"""Records as they stand, wherever they are kept, and what is gathered over them as they are read in order."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection, select

from state import salted
from state.audit import AUDIT, told_of
from state.columns import as_stored
from state.series import pages

PAGE = 2000
"""How many records are read at once."""
TOLERANCE = timedelta(minutes=5)
"""So far a clock may go back between two records before that is told."""
_AS = ("utf-8", "surrogateescape")
_RECORDED = ',"recorded":"'
_MOMENT = len("2026-11-22T12:00:00.000000Z")


class Stored(NamedTuple):
    """A record as it stands in the database, whatever stands there."""

    seq: int
    prev: str
    hash: str
    object: str
    body: str


class Records(Protocol):
    """A ledger to be checked, wherever it is kept."""

    def pages(self, after: int) -> Iterator[Sequence[Stored]]:
        """The records after a number, in order."""
        ...

    def held(self, wanted: Iterable[str]) -> dict[str, bool]:
        """Those of the hashes whose personal text is there, and whether each was made of it."""
        ...

    def erased(self) -> Iterable[tuple[str, int]]:
        """The hashes of the personal texts that records say were erased, each with the number of the record."""
        ...


class Heard(NamedTuple):
    """When records were written down: the first of them, those that were asked for, and the last, each by its number
    and as it says so; and which are dated long before the one before them.
    """

    first: tuple[int, str]
    told: Mapping[int, str]
    last: tuple[int, str]
    backdated: Sequence[int]


class Times:
    """When the records that were read say that they were written down; those after the `wanted` numbers are kept."""

    def __init__(self, wanted: Collection[int]) -> None:
        self._wanted = wanted
        self._told: dict[int, str] = {}
        self._first = self._last = (0, "")
        self._backdated: list[int] = []

    def hear(self, stored: Stored) -> None:
        """One more record, whose text is in canonical form and has all of its parts."""
        at = stored.body.rindex(_RECORDED) + len(_RECORDED)
        self._hear(stored.seq, stored.body[at : at + _MOMENT])

    def _hear(self, seq: int, said: str) -> None:
        last, self._last = self._last[1], (seq, said)
        if not last:
            self._first = self._last
        elif said < last and datetime.fromisoformat(last) - datetime.fromisoformat(said) > TOLERANCE:
            self._backdated.append(seq)
        if seq - 1 in self._wanted:
            self._told[seq] = said

    def follow(self, heard: Heard) -> None:
        """What others heard of the records that come next."""
        self._hear(*heard.first)
        self._told.update(heard.told)
        self._last = heard.last
        self._backdated += heard.backdated

    @property
    def heard(self) -> Heard:
        """All of it, for those who follow."""
        return Heard(self._first, self._told, self._last, self._backdated)

    def told(self) -> tuple[dict[int, datetime], tuple[int, ...]]:
        """When those were recorded that come after what was wanted, and the last one, and which went back."""
        told = self._told | ({self._last[0]: self._last[1]} if self._last[0] else {})
        return {seq: datetime.fromisoformat(said) for seq, said in told.items()}, tuple(self._backdated)


class Texts:
    """The personal texts of the records that were read: each is what its hash was made of, or was erased on record."""

    def __init__(self) -> None:
        self.redacted: set[str] = set()
        self._known: set[str] = set()
        self._erased: dict[str, int] | None = None

    @property
    def erasing(self) -> dict[int, int]:
        """How many of the texts that are gone are so by which record, the first that says so."""
        return dict(sorted(Counter((self._erased or {})[each] for each in self.redacted).items()))

    def follow(self, records: Records, redacted: Collection[str]) -> bool:
        """Whether those of the texts of the records that come next which are gone were erased on record."""
        if self._unrecorded(records, redacted):
            return False
        self.redacted.update(redacted)
        return True

    def fault(self, records: Records, page: Sequence[Stored]) -> tuple[int, str] | None:
        """The first record of a page whose personal text is not what was recorded."""
        named = [(stored.seq, each) for stored in page for each in salted.named_in(stored.body)]
        new = dict.fromkeys(each for _, each in named if each not in self._known)
        found = records.held(new)
        false = {each for each, true in found.items() if not true}
        gone = new.keys() - found.keys()
        lost = self._unrecorded(records, gone)
        for seq, each in named:
            if each in false:
                return seq, f"a personal text that record {seq} stands for was changed"
            if each in lost:
                return (
                    seq,
                    f"a personal text that record {seq} stands for is gone, and no record says that it was erased",
                )
        self.redacted |= gone
        self._known = {*found} if len(self._known) > PAGE * 5 else self._known | found.keys()
        return None

    def _unrecorded(self, records: Records, gone: Collection[str]) -> set[str]:
        """Those of the texts that are gone of which no record says so."""
        if gone and self._erased is None:
            self._erased = dict(reversed([*records.erased()]))
        return {each for each in gone if each not in (self._erased or ())}


@dataclass(frozen=True, slots=True)
class InDatabase:
    """The records of a database."""

    connection: Connection

    def pages(self, after: int) -> Iterator[list[Stored]]:
        """The records after a number, in order."""
        return _pages(self.connection, after)

    def held(self, wanted: Iterable[str]) -> dict[str, bool]:
        """Those of the hashes whose personal text is there, and whether each was made of it."""
        return salted.held(self.connection, wanted)

    def erased(self) -> Iterable[tuple[str, int]]:
        """The hashes of the personal texts that records say were erased, each with the number of the record."""
        return erased(told_of(self.connection, salted.PERSON))


def make_room(connection: Connection) -> None:
    """Have SQLite keep the inner pages of a table of a million texts, which are looked up in no order.

    The connection keeps up to 8 MB from then on.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA cache_size = -8000")


def erased(records: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, int]]:
    """The hashes of the personal texts that these records, about people, say were erased, and which record does."""
    for told in records:
        after, seq = told.get("after"), told.get("seq")
        hashes = after.get("hashes") if told.get("action") == salted.GONE and isinstance(after, Mapping) else None
        if isinstance(hashes, list) and isinstance(seq, int):
            yield from ((each, seq) for each in hashes if isinstance(each, str))


def _pages(connection: Connection, after: int) -> Iterator[list[Stored]]:
    """The stored records after a number in order, read so that even broken text arrives."""
    names = ("prev", "hash", "object", "body")
    columns = as_stored(connection, *(AUDIT.c[name] for name in names))
    query = select(AUDIT.c.seq, *columns).order_by(AUDIT.c.seq).limit(PAGE)
    first = query.where(AUDIT.c.seq > after) if after else query
    found: Iterator[Sequence[Any]] = pages(
        lambda some: connection.execute(some).all(), first, lambda last: query.where(AUDIT.c.seq > last.seq), PAGE
    )
    for page in found:
        try:
            yield [
                Stored(seq, str(prev, *_AS), str(hash_, *_AS), str(about, *_AS), str(body, *_AS))
                for seq, prev, hash_, about, body in page
            ]
        except TypeError:  # A server gives texts, not their bytes, and a file that somebody changed may hold none.
            yield [Stored(row[0], *map(_text, row[1:])) for row in page]


def _text(value: str | bytes | None) -> str:
    return str(value, *_AS) if isinstance(value, bytes) else value or ""
