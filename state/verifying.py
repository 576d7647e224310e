"""What checking the ledger finds: whether each record is whole, follows the one before, and led to its checkpoints."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Protocol

from sqlalchemy import Connection, func, select

from state import salted
from state.audit import AUDIT, GENESIS, canonical, leaf, read, read_quickly
from state.checkpoint import Head, PublicKey
from state.errors import AuditError
from state.guards import lacking
from state.merkle import Tree
from state.shape import has_shape, is_ordinary, stands_well
from state.stored import PAGE, Heard, InDatabase, Records, Stored, Texts, Times
from state.tables import ItemRow

ITEM = ItemRow.__table__  # type: ignore[attr-defined]
_MANY = 6000
"""From so many records on it pays to get ready for looking at them quickly."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a check begins: after `tree.size` records, of which the last has the hash `head`."""

    head: str = GENESIS
    tree: Tree = field(default_factory=Tree)


@dataclass(frozen=True, slots=True)
class Point:
    """A checkpoint that the ledger is to agree with, where it is kept, and which known keys signed it."""

    head: Head
    place: str
    signers: frozenset[PublicKey] = frozenset()


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


@dataclass(frozen=True, slots=True)
class Share:
    """What a share of the records came to, each of which is in order by itself and follows the one before it.

    `prev` is what the first says comes before it; their `hashes` are in order, and `heard` tells when they were written
    down. Their personal texts are there, but for the `redacted` ones, by what stands for each in the records.
    """

    prev: str
    hashes: Sequence[str]
    heard: Heard
    redacted: Collection[str] = ()


class Second(Protocol):
    """Somebody who looks at other shares of the same records meanwhile, each of so many `pages`.

    Between two of them `ours` are left to whoever asks, who has the tree to grow over all of them too.
    """

    pages: int
    ours: int

    def share(self, after: int, wanted: Collection[int]) -> Share | None:
        """The share after this number; `None` where all is not in order in it, or it was not looked at.

        Of the records after the `wanted` numbers it is told when they were written down.
        """
        ...


def check(
    records: Records,
    points: Iterable[Point] = (),
    start: Start | None = None,
    standing: Standing | None = None,
    second: Second | None = None,
) -> Verdict:
    """Check every record from the `start`: its text, its hash, its number, that it follows the one before it, the
    personal texts that belong to it, and that the whole is what its checkpoints were made over.

    `standing` says which of the points are to agree, once it is known where the tree came to at each of their sizes.
    What the `second` does not vouch for is looked at here.
    """
    asked = list(points)
    made = _Check(start or Start(), {point.head.size for point in asked})
    wrong = made.run(records, second)
    return made.verdict(wrong, asked if standing is None else standing(made.roots))


def share(records: Records, after: int, upto: int, many: int, wanted: Collection[int]) -> Share | None:
    """What so `many` pages of records after a number came to, up to the one called `upto`, if all is in order there."""
    texts, times, hashes, prev = Texts(), Times(wanted), list[str](), ""
    for page in islice(records.pages(after), many):
        some = [stored for stored in page if stored.seq <= upto]
        for stored in some:
            prev = prev or stored.prev
            if fault(stored, after + len(hashes), hashes[-1] if hashes else prev) is not None:
                return None
            hashes.append(stored.hash)
            times.hear(stored)
        if texts.fault(records, some) is not None:
            return None
    return Share(prev, hashes, times.heard, texts.redacted) if hashes else None


def verify(
    connection: Connection,
    points: Iterable[Point] = (),
    start: Start | None = None,
    standing: Standing | None = None,
    second: Second | None = None,
) -> Verdict:
    """Check the records of a database as `check` does, and that nobody took away what guards them."""
    verdict = check(InDatabase(connection), points, start, standing, second)
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
        self.roots = {self.tree.size: self.tree.root} if self.tree.size in wanted else {}
        self._wanted = wanted
        self._head = start.head
        self._first = start.tree.size
        self._before = start
        self._texts = Texts()
        self._times = Times({start.tree.size, *wanted})

    def run(self, records: Records, second: Second | None) -> tuple[int, str] | None:
        """The first record that is bad by itself, or does not follow the one before it."""
        while True:
            begun, many = self.tree.size, second.ours if second else None
            share = second.share(begun, self._wanted) if second else None
            if second and share is not None:
                if share.prev == self._head and self._texts.follow(records, share.redacted):
                    self._grow(share.hashes)
                    self._times.follow(share.heard)
                    continue
                many = second.pages
            for page in islice(records.pages(begun), many):
                if (wrong := self._look(page) or self._texts.fault(records, page)) is not None:
                    return wrong
            if many is None or self.tree.size < begun + many * PAGE:
                return None

    def _look(self, page: Sequence[Stored]) -> tuple[int, str] | None:
        quick = self.tree.size - self._first >= _MANY
        hashes, prev = list[str](), self._head
        wrong = None
        for seq, stored in enumerate(page, self.tree.size):
            if (wrong := fault(stored, seq, prev, quick=quick)) is not None:
                break
            hashes.append(prev := stored.hash)
            self._times.hear(stored)
        self._grow(hashes)
        return wrong

    def _grow(self, hashes: Sequence[str]) -> None:
        """Take in records that are in order, and keep where it stood before the last of them."""
        tree, wanted = self.tree, self._wanted
        for place, hash_ in enumerate(hashes, 1):
            if place == len(hashes):
                self._before = Start(self._head, Tree(tree.size, tree.edge))
            tree.push(bytes.fromhex(hash_))
            self._head = hash_
            if tree.size in wanted:
                self.roots[tree.size] = tree.root

    def verdict(self, wrong: tuple[int, str] | None, points: Iterable[Point]) -> Verdict:
        """What there is to say: what is wrong first, a record or what a checkpoint was made over."""
        agreed, differs = self._against(points, ended=wrong is None)
        if wrong is None or (differs is not None and differs[2] + 1 < wrong[0]):
            wrong = None if differs is None else differs[:2]
        records = self.tree.size - self._first
        found = (self.tree, agreed, len(self._texts.redacted), self._before, self._texts.erasing, *self._times.told())
        return Verdict(wrong is None, records, self._head, wrong, *found)

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


def _hash_of(connection: Connection, seq: int) -> str:
    found = connection.execute(select(AUDIT.c.hash).where(AUDIT.c.seq == seq)).scalar()
    return found or (GENESIS if seq == 0 else "")
