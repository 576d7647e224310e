"""Later due dates as rows: who asked for them, and what was decided."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from state.acceptance import DueChange
from state.audit import Ledger
from state.effects import Because
from state.errors import StateError
from state.programme_tables import DueChangeRow
from state.series import chunks, next_numbers

DUE = DueChangeRow.__table__  # type: ignore[attr-defined]

WITHDRAWN = "withdrawn"
"""The verdict on a request that is asked for no more."""

_ASKED = ("item", "before", "after", "requester", "requested_at", "system", "event", "reason")


def note(connection: Connection, ledger: Ledger, change: DueChange, because: Because) -> None:
    """Keep that a later due date is asked for, or what was decided about the one that is.

    Raises `StateError` for a decision about a date that nobody asks for any more.
    """
    if change.decided_at is None:
        ask(connection, ledger, change, because)
    elif not decide(connection, ledger, change, because) and change.verdict != WITHDRAWN:
        raise StateError(
            f"{change.item}: to be due on {change.after} is not asked for any more; see `counterfoil due list`"
        )


def ask(connection: Connection, ledger: Ledger, asked: DueChange, because: Because) -> bool:
    """Keep that a later due date is asked for; another date in an open request takes its place. Whether it is news."""
    seq = DUE.c.seq
    open_ = connection.execute(select(DUE).where(DUE.c.item == asked.item, DUE.c.decided_at.is_(None))).first()
    if open_ is not None and open_.after == asked.after:
        return False
    values = {name: getattr(asked, name) for name in _ASKED}
    if open_ is None:
        [number_] = next_numbers(connection, "due_change", 1)
        decided = {"verdict": "", "decided_by": "", "decided_at": None, "decided_why": ""}
        connection.execute(insert(DUE).values(seq=number_, **values, **decided))
    else:
        connection.execute(update(DUE).where(seq == open_.seq).values(**values))
    ledger.note("due.requested", asked.item, because, field="due_date", before=asked.before, after=requested(asked))
    return True


def decide(connection: Connection, ledger: Ledger, decided: DueChange, because: Because) -> bool:
    """Close the item's request for that date with its verdict and who gave it; whether there was one."""
    here = (DUE.c.item == decided.item, DUE.c.after == decided.after, DUE.c.decided_at.is_(None))
    values = {name: getattr(decided, name) for name in ("verdict", "decided_by", "decided_at", "decided_why")}
    if not connection.execute(update(DUE).where(*here).values(**values)).rowcount:
        return False
    after = {"after": decided.after, **ruled(decided)}
    ledger.note("due.decided", decided.item, because, field="due_date", before=decided.before, after=after)
    return True


def requested(change: DueChange) -> dict[str, Any]:
    """A request as records hold it."""
    return {"after": change.after, "requester": change.requester, "reason": change.reason}


def ruled(change: DueChange) -> dict[str, Any]:
    """What was decided about it, in the same way."""
    return {"by": change.decided_by, "verdict": change.verdict}


def asked_for(connection: Connection, item: str) -> DueChange | None:
    """The later due date that is asked for on an item and that nobody has decided about yet."""
    return next((each for each in changes(connection, item) if each.decided_at is None), None)


def changes(connection: Connection, item: str | None = None) -> list[DueChange]:
    """Every later due date that was asked for, of one item, or of all those still undecided; oldest first."""
    query = select(DUE).order_by(DUE.c.seq)
    query = query.where(DUE.c.decided_at.is_(None)) if item is None else query.where(DUE.c.item == item)
    return [_change_of(row) for row in connection.execute(query)]


def of_items(connection: Connection, items: Iterable[str]) -> dict[str, list[DueChange]]:
    """Every later due date that was asked for of those of the items that have one, oldest first."""
    found: dict[str, list[DueChange]] = {}
    for some in chunks(items):
        for row in connection.execute(select(DUE).where(DUE.c.item.in_(some)).order_by(DUE.c.seq)):
            found.setdefault(row.item, []).append(_change_of(row))
    return found


def _change_of(row: Row[Any]) -> DueChange:
    return DueChange(**{name: getattr(row, name) for name in DueChange.__dataclass_fields__})
