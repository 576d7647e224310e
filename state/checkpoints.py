"""The checkpoints that were signed here, and which of them are kept where."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update
from sqlalchemy.exc import DataError

from state.checkpoint import Head, unchecked
from state.columns import as_stored
from state.merkle import Tree
from state.series import PAGE, pages
from state.tables import AnchorRow, CheckpointRow
from state.verifying import Start

CHECKPOINT = CheckpointRow.__table__  # type: ignore[attr-defined]
ANCHOR = AnchorRow.__table__  # type: ignore[attr-defined]

LEDGER = "ledger"
"""Under what the ledger's own records stand."""
FORKED = "ledger.forked"
ROTATED = "key.rotated"

_HASH = 32


def successions(told: Iterable[Mapping[str, Any]]) -> dict[str, tuple[int, str]]:
    """By each key that was handed over, in its written form, the number of the record that says so and the next key."""
    found: dict[str, tuple[int, str]] = {}
    for each in told:
        before, after, seq = (each.get(name) for name in ("before", "after", "seq"))
        if each.get("action") != ROTATED or not isinstance(seq, int):
            continue
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            found.setdefault(str(before.get("key")), (seq, str(after.get("key"))))
    return found


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint, and when it was signed (UTC).

    A check goes on from `start`, before the last record that was signed: that its root comes out again says that what
    the start is made of, which is not signed, is as it was.
    """

    note: str
    start: Start
    signed_at: datetime

    @property
    def head(self) -> Head:
        """What it states; its signatures are not checked here."""
        return unchecked(self.note)


@dataclass(frozen=True, slots=True)
class Anchored:
    """How far an anchor keeps the ledger: the size of its newest checkpoint, 0 for none, and since when (UTC).

    `failed_at` is when it did not take a later one, for the reason `why`.
    """

    name: str
    size: int = 0
    kept_at: datetime | None = None
    failed_at: datetime | None = None
    why: str = ""


def latest(connection: Connection, counts: Callable[[Signed], bool]) -> Signed | None:
    """The newest checkpoint that counts; whatever else stands there is passed over."""
    query = select(CHECKPOINT.c.size).order_by(CHECKPOINT.c.size.desc()).limit(PAGE)
    rows = pages(
        lambda some: connection.execute(some).all(), query, lambda last: query.where(CHECKPOINT.c.size < last.size)
    )
    found = (at(connection, row.size) for page in rows for row in page)
    return next((each for each in found if each is not None and counts(each)), None)


def notes(connection: Connection) -> Iterator[tuple[int, str]]:
    """Over how many records each is kept, and its text, oldest first, whatever stands there."""
    query = select(CHECKPOINT.c.size, *as_stored(connection, CHECKPOINT.c.note)).order_by(CHECKPOINT.c.size)
    for size, note in connection.execute(query):
        yield size, note.decode("utf-8", "replace") if isinstance(note, bytes) else str(note)


def at(connection: Connection, size: int) -> Signed | None:
    """The one over so many records; `None` also for what was never written there by the program."""
    with suppress(ValueError, TypeError, DataError):
        columns = as_stored(connection, *(CHECKPOINT.c[name] for name in ("note", "head", "edge", "signed_at")))
        row = connection.execute(select(*columns).where(CHECKPOINT.c.size == size)).one_or_none()
        return None if row is None else _signed(size, row)
    return None


def put(connection: Connection, new: Signed) -> None:
    """Keep a checkpoint over more records than every one that counts; what else stands in its place goes."""
    tree = new.start.tree
    values = {"size": tree.size + 1, "note": new.note, "head": new.start.head, "signed_at": new.signed_at}
    connection.execute(delete(CHECKPOINT).where(CHECKPOINT.c.size == tree.size + 1))
    connection.execute(insert(CHECKPOINT).values(**values, edge="".join(each.hex() for each in tree.edge)))


def drop(connection: Connection, beyond: int) -> None:
    """Forget those over more records than so many, and that an anchor keeps any."""
    connection.execute(delete(CHECKPOINT).where(CHECKPOINT.c.size > beyond))
    connection.execute(update(ANCHOR).where(ANCHOR.c.size > beyond).values(size=beyond))


def anchors(connection: Connection) -> dict[str, Anchored]:
    """How far each anchor keeps the ledger, by name."""
    names = Anchored.__dataclass_fields__
    try:
        rows = connection.execute(select(ANCHOR).order_by(ANCHOR.c.name)).all()
    except TypeError as error:
        raise ValueError(f"what is kept about anchors cannot be read: {error}") from error
    return {row.name: Anchored(**{name: getattr(row, name) for name in names}) for row in rows}


def note_anchor(connection: Connection, told: Anchored) -> None:
    """Keep what became of handing a checkpoint to an anchor."""
    values = {name: getattr(told, name) for name in Anchored.__dataclass_fields__}
    if not connection.execute(update(ANCHOR).where(ANCHOR.c.name == told.name).values(**values)).rowcount:
        connection.execute(insert(ANCHOR).values(**values))


def _signed(size: int, row: Row[Any]) -> Signed:
    note, head, edge, at = (each.decode() if isinstance(each, bytes) else each for each in row)
    raw = bytes.fromhex(edge)
    hashes = [raw[place : place + _HASH] for place in range(0, len(raw), _HASH)]
    when = datetime.fromisoformat(at).replace(tzinfo=UTC) if isinstance(at, str) else at
    return Signed(note, Start(head, Tree(size - 1, hashes)), when)
