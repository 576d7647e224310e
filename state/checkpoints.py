"""The checkpoints that were signed here, and which of them are kept where."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Select, delete, insert, select, update

from state.checkpoint import Head, unchecked
from state.merkle import Tree
from state.series import chunks
from state.tables import AnchorRow, CheckpointRow
from state.verifying import Start

CHECKPOINT = CheckpointRow.__table__  # type: ignore[attr-defined]
ANCHOR = AnchorRow.__table__  # type: ignore[attr-defined]

LEDGER = "ledger"
"""Under what the ledger's own records stand."""
FORKED = "ledger.forked"
ROTATED = "key.rotated"

_HASH = 32

T = TypeVar("T")


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


def latest(connection: Connection) -> Signed | None:
    """The newest checkpoint."""
    found = _made(connection, select(CHECKPOINT).order_by(CHECKPOINT.c.size.desc()).limit(1), _signed)
    return found[0] if found else None


def every(connection: Connection) -> list[Signed]:
    """All of them, oldest first."""
    return _made(connection, select(CHECKPOINT).order_by(CHECKPOINT.c.size), _signed)


def notes(connection: Connection) -> Iterator[str]:
    """Their texts, oldest first, whatever stands there."""
    for note in connection.execute(select(CHECKPOINT.c.note).order_by(CHECKPOINT.c.size)).scalars():
        yield note if isinstance(note, str) else repr(note)


def at(connection: Connection, sizes: Iterable[int]) -> list[Signed]:
    """Those over so many records."""
    found: list[Signed] = []
    for some in chunks(sizes):
        found += _made(connection, select(CHECKPOINT).where(CHECKPOINT.c.size.in_(some)), _signed)
    return found


def put(connection: Connection, after: Signed | None, new: Signed) -> bool:
    """Keep a checkpoint that goes on from another; `False` where that is not the newest any more, and nothing is."""
    newest = latest(connection)
    if (newest and newest.note) != (after and after.note):
        return False
    tree = new.start.tree
    values = {"size": tree.size + 1, "note": new.note, "head": new.start.head, "signed_at": new.signed_at}
    connection.execute(insert(CHECKPOINT).values(**values, edge="".join(each.hex() for each in tree.edge)))
    return True


def drop(connection: Connection, beyond: int) -> None:
    """Forget those over more records than so many, and that an anchor keeps any."""
    connection.execute(delete(CHECKPOINT).where(CHECKPOINT.c.size > beyond))
    connection.execute(update(ANCHOR).where(ANCHOR.c.size > beyond).values(size=beyond))


def anchors(connection: Connection) -> dict[str, Anchored]:
    """How far each anchor keeps the ledger, by name."""
    names = Anchored.__dataclass_fields__
    query = select(ANCHOR).order_by(ANCHOR.c.name)
    made = _made(connection, query, lambda row: Anchored(**{name: getattr(row, name) for name in names}))
    return {each.name: each for each in made}


def note_anchor(connection: Connection, told: Anchored) -> None:
    """Keep what became of handing a checkpoint to an anchor."""
    values = {name: getattr(told, name) for name in Anchored.__dataclass_fields__}
    if not connection.execute(update(ANCHOR).where(ANCHOR.c.name == told.name).values(**values)).rowcount:
        connection.execute(insert(ANCHOR).values(**values))


def _made(connection: Connection, query: Select[Any], make: Callable[[Row[Any]], T]) -> list[T]:
    """What is made of each row; a `ValueError` where a column holds what it was never meant to."""
    try:
        return [make(row) for row in connection.execute(query)]
    except TypeError as error:
        raise ValueError(f"what is kept about checkpoints cannot be read: {error}") from error


def _signed(row: Row[Any]) -> Signed:
    raw = bytes.fromhex(row.edge)
    if not isinstance(row.note, str):
        raise TypeError("a checkpoint is no text")
    edge = [raw[at : at + _HASH] for at in range(0, len(raw), _HASH)]
    return Signed(row.note, Start(row.head, Tree(row.size - 1, edge)), row.signed_at)
