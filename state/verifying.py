"""What checking the ledger finds: whether each record is whole, follows the one before, and led to its checkpoints."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, LargeBinary, cast, func, select

from state import salted
from state.audit import AUDIT, GENESIS, canonical, leaf, read
from state.checkpoint import Head
from state.errors import AuditError
from state.merkle import Tree
from state.series import pages
from state.tables import ItemRow

ITEM = ItemRow.__table__  # type: ignore[attr-defined]
GUARDS = {
    "sqlite": frozenset({"audit_no_update", "audit_no_delete", "audit_only_next"}),
    "postgresql": frozenset({"audit_no_rewrite", "audit_no_truncate", "audit_only_next"}),
}
"""The triggers that keep the ledger from being rewritten, by dialect."""

_STANDING = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE tgrelid = 'audit'::regclass AND tgenabled = 'A'",
}
"""How to ask for the triggers that stand and, where they can be switched off, are on for everybody."""

_PAGE = 2000


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


@dataclass(frozen=True, slots=True)
class Verdict:
    """What checking the ledger found.

    `records` so many were checked and follow each other, up to the hash `head`; `tree` is grown over them, `None` where
    the check did not begin at one. `first_bad` is the first record that cannot be trusted and why; `agreed` is the
    size of the newest checkpoint that agrees, 0 for none. `redacted` counts personal texts that were erased.
    """

    ok: bool
    records: int
    head: str
    first_bad: tuple[int, str] | None = None
    tree: Tree | None = None
    agreed: int = 0
    redacted: int = 0


@dataclass(frozen=True, slots=True)
class Stored:
    """A record as it stands in the database, whatever stands there."""

    seq: int
    prev: str
    hash: str
    object: str
    body: str


def verify(connection: Connection, points: Iterable[Point] = (), start: Start | None = None) -> Verdict:
    """Check every record from the `start`: its text, its hash, its number, that it follows the one before it, the
    personal texts that belong to it, and that the whole is what its checkpoints were made over.
    """
    start = start or Start()
    check = _Check(start, points)
    if (size := start.tree.size) and _hash_of(connection, size) != start.head:
        return check.bad(size, f"record {size} is gone or was changed since the last checkpoint was signed")
    verdict = check.run(connection)
    if verdict.ok and not check.tree.size and connection.execute(select(func.count()).select_from(ITEM)).scalar_one():
        return check.bad(1, "the ledger is empty, but there are items, each of which had its record")
    if verdict.ok and (gone := _gone(connection)):
        return check.bad(check.tree.size + 1, f"the ledger's guard is gone: {', '.join(sorted(gone))}")
    return verdict


def verify_last(connection: Connection, last: int) -> Verdict:
    """Check the `last` so many records by themselves, where no checkpoint says what came before them."""
    newest = connection.execute(select(func.max(AUDIT.c.seq))).scalar() or 0
    before = max(0, newest - last)
    tree = Tree(before, [b""] * before.bit_count())
    found = verify(connection, start=Start(_hash_of(connection, before), tree))
    return Verdict(found.ok, found.records, found.head, found.first_bad, None, 0, found.redacted)


class _Check:
    """One pass over the records, which grows the tree as it goes."""

    def __init__(self, start: Start, points: Iterable[Point]) -> None:
        self.tree = Tree(start.tree.size, start.tree.edge)
        self._head = start.head
        self._first = start.tree.size
        self._points: dict[int, list[Point]] = defaultdict(list)
        for point in points:
            self._points[point.head.size].append(point)
        self._agreed = 0
        self._texts = _Texts()

    def run(self, connection: Connection) -> Verdict:
        """What there is to say once all records were read, or the first of them that is bad.

        A record is held against its checkpoint only once the next one follows it, which tells the place exactly.
        """
        for page in _pages(connection, self._first):
            for stored in page:
                differs = self._differs()
                if (wrong := fault(stored, self.tree.size, self._head) or differs) is not None:
                    return self.bad(*wrong)
                self.tree.push(bytes.fromhex(stored.hash))
                self._head = stored.hash
            if (wrong := self._texts.fault(connection, page)) is not None:
                return self.bad(*wrong)
        return self._verdict(self._differs() or self._cut())

    def bad(self, seq: int, why: str) -> Verdict:
        """The verdict that a record cannot be trusted."""
        return self._verdict((seq, why))

    def _differs(self) -> tuple[int, str] | None:
        """What is wrong where a checkpoint over the records until here has another root."""
        size = self.tree.size
        if size not in self._points:
            return None
        for point in self._points[size]:
            if point.head.root != self.tree.root:
                which = " to ".join(map(str, dict.fromkeys((self._agreed + 1, size))))
                why = f"what was recorded as {which} was changed: the checkpoint over {size} records is about another"
                return self._agreed + 1, f"{why} ledger ({point.place})"
        self._agreed = size
        return None

    def _cut(self) -> tuple[int, str] | None:
        """What is wrong where a checkpoint was made over more records than there are."""
        beyond = [point for size, some in self._points.items() if size > self.tree.size for point in some]
        if not beyond:
            return None
        last = max(beyond, key=lambda point: point.head.size)
        gone = last.head.size - self.tree.size
        return (
            self.tree.size + 1,
            f"the ledger ends at record {self.tree.size:,}, and {gone:,} more were there when the checkpoint over "
            f"{last.head.size:,} records was signed ({last.place})",
        )

    def _verdict(self, bad: tuple[int, str] | None) -> Verdict:
        records = self.tree.size - self._first
        return Verdict(bad is None, records, self._head, bad, self.tree, self._agreed, self._texts.redacted)


class _Texts:
    """The personal texts of the records that were read: each is what its hash was made of, or was erased."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self.redacted = 0

    def fault(self, connection: Connection, page: Sequence[Stored]) -> tuple[int, str] | None:
        """The first record of a page whose personal text is not what was recorded."""
        named = [(stored.seq, each) for stored in page for each in salted.named_in(stored.body)]
        new = dict.fromkeys(each for _, each in named if each not in self._known)
        found = salted.held(connection, new)
        false = {each for each, true in found.items() if not true}
        for seq, each in named:
            if each in false:
                return seq, f"a personal text that record {seq} stands for was changed"
        self.redacted += sum(each not in self._known and each not in found for _, each in named)
        self._known = {*found} if len(self._known) > _PAGE * 5 else self._known | found.keys()
        return None


def _gone(connection: Connection) -> frozenset[str]:
    """Which of the triggers that guard the ledger do not stand."""
    dialect = connection.dialect.name
    return GUARDS[dialect].difference(connection.exec_driver_sql(_STANDING[dialect]).scalars())


def fault(row: Stored, seq: int, prev: str) -> tuple[int, str] | None:
    """What is wrong with a record that should come after number `seq` with hash `prev`."""
    if row.seq != seq + 1:
        return seq + 1, f"record {seq + 1} is missing: record {row.seq} comes after record {seq}"
    if (wrong := _inner_fault(row)) is not None:
        return row.seq, f"record {row.seq} {wrong}"
    if row.prev != prev:
        if seq == 0:
            return 1, "record 1 is not the first of its chain"
        return seq, f"record {seq} was changed or replaced: record {row.seq} does not follow it"
    return None


def _inner_fault(row: Stored) -> str | None:
    """What is wrong with a record by itself."""
    text = row.body.encode("utf-8", "surrogateescape")
    if leaf(text) != row.hash:
        return "does not match its hash: its text or its hash was changed"
    try:
        body = read(text)
        if canonical(body) != text:
            return "is not in canonical form"
    except (ValueError, RecursionError, AuditError):
        return "is not a record"
    copies = {"seq": row.seq, "prev": row.prev, "object": row.object}
    wrong = [name for name, value in copies.items() if body.get(name) != value]
    return f"says another {wrong[0]} in its text than beside it" if wrong else None


def _pages(connection: Connection, after: int) -> Iterator[list[Stored]]:
    """The stored records after a number in order, read so that even broken text arrives."""
    names = ("prev", "hash", "object", "body")
    bare = connection.dialect.name == "sqlite"
    columns = [cast(AUDIT.c[name], LargeBinary).label(name) if bare else AUDIT.c[name] for name in names]
    query = select(AUDIT.c.seq, *columns).order_by(AUDIT.c.seq).limit(_PAGE)
    first = query.where(AUDIT.c.seq > after) if after else query
    found = pages(
        lambda some: connection.execute(some).all(), first, lambda last: query.where(AUDIT.c.seq > last.seq), _PAGE
    )
    for page in found:
        yield [Stored(row.seq, *(_text(getattr(row, name)) for name in names)) for row in page]


def _text(value: str | bytes | None) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value or ""


def _hash_of(connection: Connection, seq: int) -> str:
    found = connection.execute(select(AUDIT.c.hash).where(AUDIT.c.seq == seq)).scalar()
    return found or (GENESIS if seq == 0 else "")
