"""What checking the ledger finds: whether each record is whole, follows the one before, and led to its checkpoints."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection, func, select

from state import salted
from state.audit import AUDIT, GENESIS, canonical, leaf, read, read_quickly, told_of
from state.checkpoint import Head
from state.columns import as_stored
from state.errors import AuditError
from state.guards import lacking
from state.merkle import Tree
from state.series import pages
from state.shape import has_shape, is_ordinary, stands_well
from state.tables import ItemRow

ITEM = ItemRow.__table__  # type: ignore[attr-defined]
_PAGE = 2000
_MANY = 6000
"""From so many records on it pays to get ready for looking at them quickly."""
TOLERANCE = timedelta(minutes=5)
"""So far a clock may go back between two records before that is told."""
_RECORDED = ',"recorded":"'
_MOMENT = len("2026-11-22T12:00:00.000000Z")


@dataclass(frozen=True, slots=True)
class Start:
    """Where a check begins: after `tree.size` records, of which the last has the hash `head`."""

    head: str = GENESIS
    tree: Tree = field(default_factory=Tree)


@dataclass(frozen=True, slots=True)
class Point:
    """A checkpoint that the ledger is to agree with, and where it is kept."""

    head: Head
    place: str


Standing = Callable[[Mapping[int, bytes]], Iterable[Point]]
"""Which checkpoints the ledger is to agree with, by the root that its tree has at the size of each."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What checking the ledger found.

    `records` so many were checked and follow each other, up to the hash `head`; `tree` is grown over them, `None` where
    the check did not begin at one, and `before` is where it stood before the last record. `first_bad` is the first
    record that cannot be trusted and why; `agreed` is the size of the newest checkpoint that agrees, 0 for none.
    `redacted` counts personal texts that were erased, `erasing` how many of them by which record. `recorded` tells when
    the last of them was written down, and the first after each checkpoint (UTC), and `backdated` which were, as they
    say, long before the one before them.
    """

    ok: bool
    records: int
    head: str
    first_bad: tuple[int, str] | None = None
    tree: Tree | None = None
    agreed: int = 0
    redacted: int = 0
    before: Start = field(default_factory=Start)
    erasing: Mapping[int, int] = field(default_factory=dict)
    recorded: Mapping[int, datetime] = field(default_factory=dict)
    backdated: tuple[int, ...] = ()


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


def check(
    records: Records, points: Iterable[Point] = (), start: Start | None = None, standing: Standing | None = None
) -> Verdict:
    """Check every record from the `start`: its text, its hash, its number, that it follows the one before it, the
    personal texts that belong to it, and that the whole is what its checkpoints were made over.

    `standing` says which of the points are to agree, once it is known where the tree came to at each of their sizes.
    """
    asked = list(points)
    made = _Check(start or Start(), {point.head.size for point in asked})
    wrong = made.run(records)
    return made.verdict(wrong, asked if standing is None else standing(made.roots))


def verify(
    connection: Connection, points: Iterable[Point] = (), start: Start | None = None, standing: Standing | None = None
) -> Verdict:
    """Check the records of a database as `check` does, and that nobody took away what guards them."""
    verdict = check(_InDatabase(connection), points, start, standing)
    size = verdict.tree.size if verdict.tree is not None else 0
    if verdict.ok and not size and connection.execute(select(func.count()).select_from(ITEM)).scalar_one():
        return replace(
            verdict, ok=False, first_bad=(1, "the ledger is empty, but there are items, each of which had its record")
        )
    if verdict.ok and (off := lacking(connection)):
        return replace(verdict, ok=False, first_bad=(size + 1, f"the ledger's guard is gone: {', '.join(sorted(off))}"))
    return verdict


def verify_last(connection: Connection, last: int) -> Verdict:
    """Check the `last` so many records by themselves, where no checkpoint says what came before them."""
    newest = connection.execute(select(func.max(AUDIT.c.seq))).scalar() or 0
    before = max(0, newest - last)
    tree = Tree(before, [b""] * before.bit_count())
    found = verify(connection, start=Start(_hash_of(connection, before), tree))
    return Verdict(found.ok, found.records, found.head, found.first_bad, None, 0, found.redacted)


class _Check:
    """One pass over the records, which grows the tree as it goes, and keeps its root at the sizes that are `wanted`."""

    def __init__(self, start: Start, wanted: Collection[int]) -> None:
        self.tree = Tree(start.tree.size, start.tree.edge)
        self.roots: dict[int, bytes] = {}
        self._wanted = wanted
        self._head = start.head
        self._first = start.tree.size
        self._before = start
        self._texts = _Texts()
        self._times = _Times({start.tree.size, *wanted})
        self._keep()

    def run(self, records: Records) -> tuple[int, str] | None:
        """The first record that is bad by itself, or does not follow the one before it."""
        for page in records.pages(self._first):
            quick = self.tree.size - self._first >= _MANY
            for stored in page:
                if (wrong := fault(stored, self.tree.size, self._head, quick=quick)) is not None:
                    return wrong
                if stored is page[-1]:
                    self._before = Start(self._head, Tree(self.tree.size, self.tree.edge))
                self.tree.push(bytes.fromhex(stored.hash))
                self._head = stored.hash
                self._times.hear(stored)
                self._keep()
            if (wrong := self._texts.fault(records, page)) is not None:
                return wrong
        return None

    def verdict(self, wrong: tuple[int, str] | None, points: Iterable[Point]) -> Verdict:
        """What there is to say: what is wrong first, a record or what a checkpoint was made over."""
        agreed, differs = self._against(points, ended=wrong is None)
        if wrong is None or (differs is not None and differs[2] + 1 < wrong[0]):
            wrong = None if differs is None else differs[:2]
        records = self.tree.size - self._first
        found = (self.tree, agreed, self._texts.redacted, self._before, self._texts.erasing, *self._times.told())
        return Verdict(wrong is None, records, self._head, wrong, *found)

    def _keep(self) -> None:
        if self.tree.size in self._wanted:
            self.roots[self.tree.size] = self.tree.root

    def _against(self, points: Iterable[Point], *, ended: bool) -> tuple[int, tuple[int, str, int] | None]:
        """Over how many records the newest checkpoint agrees, and what the first says that does not, and at which size.

        A checkpoint over more records than there are differs, once the last record was seen.
        """
        agreed = 0
        for point in sorted(points, key=lambda each: each.head.size):
            size = point.head.size
            if size < self._first:
                continue
            if size > self.tree.size:
                return agreed, (*self._cut(point), size) if ended else None
            if self.roots[size] != point.head.root:
                which = " to ".join(map(str, dict.fromkeys((agreed + 1, size))))
                why = f"what was recorded as {which} was changed: the checkpoint over {point.head.over} is about"
                return agreed, (agreed + 1, f"{why} another ledger ({point.place})", size)
            agreed = size
        return agreed, None

    def _cut(self, point: Point) -> tuple[int, str]:
        size = self.tree.size
        more = point.head.size - size
        there = f"{more:,} more {'was' if more == 1 else 'were'} there when the checkpoint over {point.head.over} was"
        return size + 1, f"the ledger ends at record {size:,}, and {there} signed ({point.place})"


class _Times:
    """When the records that were read say that they were written down."""

    def __init__(self, wanted: Collection[int]) -> None:
        self._wanted = wanted
        self._told: dict[int, str] = {}
        self._last = (0, "")
        self._backdated: list[int] = []

    def hear(self, stored: Stored) -> None:
        """One more record, whose text is in canonical form and has all of its parts."""
        at = stored.body.rindex(_RECORDED) + len(_RECORDED)
        seq, said = stored.seq, stored.body[at : at + _MOMENT]
        last, self._last = self._last[1], (seq, said)
        if said < last and datetime.fromisoformat(last) - datetime.fromisoformat(said) > TOLERANCE:
            self._backdated.append(seq)
        if seq - 1 in self._wanted:
            self._told[seq] = said

    def told(self) -> tuple[dict[int, datetime], tuple[int, ...]]:
        """When those were recorded that come after what was wanted, and the last one, and which went back."""
        told = self._told | ({self._last[0]: self._last[1]} if self._last[0] else {})
        return {seq: datetime.fromisoformat(said) for seq, said in told.items()}, tuple(self._backdated)


class _Texts:
    """The personal texts of the records that were read: each is what its hash was made of, or was erased on record."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._erased: dict[str, int] | None = None
        self._redacted: set[str] = set()

    @property
    def redacted(self) -> int:
        """How many texts are gone."""
        return len(self._redacted)

    @property
    def erasing(self) -> dict[int, int]:
        """How many of them are gone by which record, the first that says so."""
        return dict(sorted(Counter((self._erased or {})[each] for each in self._redacted).items()))

    def fault(self, records: Records, page: Sequence[Stored]) -> tuple[int, str] | None:
        """The first record of a page whose personal text is not what was recorded."""
        named = [(stored.seq, each) for stored in page for each in salted.named_in(stored.body)]
        new = dict.fromkeys(each for _, each in named if each not in self._known)
        found = records.held(new)
        false = {each for each, true in found.items() if not true}
        gone = new.keys() - found.keys()
        if gone and self._erased is None:
            self._erased = dict(reversed([*records.erased()]))
        for seq, each in named:
            if each in false:
                return seq, f"a personal text that record {seq} stands for was changed"
            if each in gone and each not in (self._erased or ()):
                return (
                    seq,
                    f"a personal text that record {seq} stands for is gone, and no record says that it was erased",
                )
        self._redacted |= gone
        self._known = {*found} if len(self._known) > _PAGE * 5 else self._known | found.keys()
        return None


def fault(row: Stored, seq: int, prev: str, *, quick: bool = True) -> tuple[int, str] | None:
    """What is wrong with a record that should come after number `seq` with hash `prev`.

    The `quick` way tells the same sooner, but for its first record.
    """
    if row.seq != seq + 1:
        return seq + 1, f"record {seq + 1} is missing: record {row.seq} comes after record {seq}"
    if (wrong := _inner_fault(row, quick=quick)) is not None:
        return row.seq, f"record {row.seq} {wrong}"
    if row.prev != prev:
        if seq == 0:
            return 1, "record 1 is not the first of its chain"
        return seq, f"record {seq} was changed or replaced: record {row.seq} does not follow it"
    return None


def _inner_fault(row: Stored, *, quick: bool) -> str | None:
    """What is wrong with a record by itself."""
    text = row.body.encode("utf-8", "surrogateescape")
    if leaf(text) != row.hash:
        return "does not match its hash: its text or its hash was changed"
    if quick and is_ordinary(row.body, row.seq, row.prev, row.object):
        return None
    body = read_quickly(text)
    if not isinstance(body, dict):
        try:
            body = read(text)
            if canonical(body) != text:
                return "is not in canonical form"
        except (ValueError, RecursionError, AuditError):
            return "is not a record"
    for name in ("seq", "prev", "object"):
        if body.get(name) != getattr(row, name):
            return f"says another {name} in its text than beside it"
    if not has_shape(body) or not stands_well(row.body, len(salted.named_in(row.body))):
        return "has not the parts of a record"
    return None


@dataclass(frozen=True, slots=True)
class _InDatabase:
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
    query = select(AUDIT.c.seq, *columns).order_by(AUDIT.c.seq).limit(_PAGE)
    first = query.where(AUDIT.c.seq > after) if after else query
    found = pages(
        lambda some: connection.execute(some).all(), first, lambda last: query.where(AUDIT.c.seq > last.seq), _PAGE
    )
    for page in found:
        yield [Stored(row[0], *map(_text, row[1:])) for row in page]


def _text(value: str | bytes | None) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value or ""


def _hash_of(connection: Connection, seq: int) -> str:
    found = connection.execute(select(AUDIT.c.hash).where(AUDIT.c.seq == seq)).scalar()
    return found or (GENESIS if seq == 0 else "")
