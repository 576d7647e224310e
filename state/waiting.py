"""Holds as rows: what waits for a person."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from state.audit import Ledger
from state.effects import Because
from state.errors import UnknownRef
from state.items import ITEM
from state.model import Hold
from state.rows import hold_of
from state.series import chunks, next_numbers, number_in
from state.tables import HoldRow

HOLD = HoldRow.__table__  # type: ignore[attr-defined]
OPEN = HOLD.c.closed_at.is_(None)

_ALL = select(HOLD).order_by(HOLD.c.seq)
_OF_ITEM = _ALL.where(HOLD.c.item == bindparam("of_item"))
_ALL_OPEN, _OPEN_OF_ITEM = _ALL.where(OPEN), _OF_ITEM.where(OPEN)

_Same = tuple[str, str, str, str]


def holds(connection: Connection, item: str | None = None, *, open_only: bool = True) -> list[Hold]:
    """The holds on one item or on all, oldest first."""
    if item is None:
        rows = connection.execute(_ALL_OPEN if open_only else _ALL)
    else:
        rows = connection.execute(_OPEN_OF_ITEM if open_only else _OF_ITEM, {"of_item": item})
    return [hold_of(row) for row in rows]


def standing(connection: Connection, items: Sequence[str] | None = None) -> Iterator[tuple[Hold, bool]]:
    """The holds on these items, or on what is no item of the database, oldest first, each with whether it is open."""
    query = _ALL.where(HOLD.c.item.not_in(select(ITEM.c.ref)) if items is None else HOLD.c.item.in_(items))
    for row in connection.execute(query):
        yield hold_of(row), row.closed_at is None


def hold(connection: Connection, id_: str) -> Hold:
    """The hold that has this id, open or closed; raises `UnknownRef`."""
    row = connection.execute(select(HOLD).where(HOLD.c.seq == _number(id_))).first()
    if row is None:
        raise UnknownRef(id_)
    return hold_of(row)


def _number(id_: str) -> int:
    return number_in(id_, "H-")


def place(
    connection: Connection, ledger: Ledger, now: datetime, held: Sequence[tuple[Hold, Because]]
) -> tuple[Hold, ...]:
    """Open holds, or bring those up to date that are open already, and return them as stored."""
    known = _open_ones(connection, [each.item for each, _ in held])
    changed: dict[str, Hold] = {}
    opened: dict[str, Hold] = {}
    new = {_same(each) for each, _ in held} - known.keys()
    numbers = iter(next_numbers(connection, "hold", len(new)) if new else ())
    for each, because in held:
        stored = known.get(_same(each))
        if stored is None:
            id_ = f"H-{next(numbers)}"
            opened[id_] = known[_same(each)] = replace(each, id=id_, opened_at=now)
            ledger.note("hold.opened", each.item, because, field=each.field or "", after=_shown(known[_same(each)]))
        elif _says(stored) != _says(each):
            fresh = known[_same(each)] = replace(each, id=stored.id, opened_at=stored.opened_at)
            (opened if stored.id in opened else changed)[stored.id] = fresh
    _write(connection, list(opened.values()), list(changed.values()))
    return tuple(known[_same(each)] for each, _ in held)


def release(
    connection: Connection,
    ledger: Ledger,
    now: datetime,
    released: Mapping[str, Because],
    took: Mapping[str, str],
) -> None:
    """Close holds, with the side that a person `took`, if one decided; those that are closed already stay so."""
    for id_, because in released.items():
        before = hold(connection, id_)
        closing = update(HOLD).where(HOLD.c.seq == _number(id_), OPEN)
        if connection.execute(closing.values(closed_at=now, closed_how=because.reason)).rowcount:
            after = {"id": id_, "took": took[id_]} if id_ in took else None
            shown = _shown(before)
            ledger.note("hold.settled", before.item, because, field=before.field or "", before=shown, after=after)


def _open_ones(connection: Connection, items: Sequence[str]) -> dict[_Same, Hold]:
    found: dict[_Same, Hold] = {}
    for some in chunks(dict.fromkeys(items)):
        rows = connection.execute(select(HOLD).where(HOLD.c.item.in_(some), OPEN))
        found.update((_same(stored), stored) for stored in map(hold_of, rows))
    return found


def _same(each: Hold) -> _Same:
    return each.item, each.tracker, each.kind.value, each.field.value if each.field else ""


def _says(each: Hold) -> tuple[str, str | None, str | None]:
    return each.detail, each.ours, each.theirs


def _shown(each: Hold) -> dict[str, Any]:
    return {
        "id": each.id,
        "kind": each.kind,
        "tracker": each.tracker,
        "detail": each.detail,
        "ours": each.ours,
        "theirs": each.theirs,
    }


def _write(connection: Connection, opened: Sequence[Hold], changed: Sequence[Hold]) -> None:
    if opened:
        connection.execute(insert(HOLD), [_columns(each) for each in opened])
    if changed:
        rows = [
            {"which": _number(each.id), "detail": each.detail, "o": each.ours, "t": each.theirs} for each in changed
        ]
        values: dict[str, Any] = {"detail": bindparam("detail"), "ours": bindparam("o"), "theirs": bindparam("t")}
        connection.execute(update(HOLD).where(HOLD.c.seq == bindparam("which")).values(values), rows)


def _columns(each: Hold) -> dict[str, Any]:
    item, tracker, kind, field = _same(each)
    return {
        "seq": _number(each.id),
        "kind": kind,
        "item": item,
        "tracker": tracker,
        "detail": each.detail,
        "field": field,
        "ours": each.ours,
        "theirs": each.theirs,
        "opened_at": each.opened_at,
        "closed_at": None,
        "closed_how": None,
    }
