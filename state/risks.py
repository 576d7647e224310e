"""The risk register as rows: risks, and every score they ever had."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from state import naming
from state.audit import Ledger, digest
from state.effects import Because
from state.errors import StateError, UnknownRef
from state.lifecycle import UNFINISHED
from state.model import ActionItem, Status
from state.naming import ITEM_RISK
from state.programme_tables import RiskRow, ScoreRow
from state.register import Risk, Score, ScoreKind, Treatment, folded
from state.rows import item_of
from state.series import chunks, next_numbers
from state.tables import ItemRow

RISK = RiskRow.__table__  # type: ignore[attr-defined]
SCORE = ScoreRow.__table__  # type: ignore[attr-defined]
ITEM = ItemRow.__table__  # type: ignore[attr-defined]

CHANGEABLE = frozenset({"statement", "owner", "treatment", "gap", "existing", "next_review"})
"""The attributes of a risk that a change may name."""


def new_id(connection: Connection) -> str:
    """An id that no risk has: `R-0001` and so on."""
    while True:
        [number] = next_numbers(connection, "risk", 1)
        id_ = f"R-{number:04d}"
        if not naming.risks_called(connection, [id_]):
            return id_


def add(connection: Connection, ledger: Ledger, risks: Sequence[Risk], because: Because) -> None:
    """Keep new risks with their first scores; raises `StateError` where an id is taken."""
    for risk in risks:
        for [there] in naming.risks_called(connection, [risk.id]).values():
            raise StateError(f"there is a risk {there} already; change it: `counterfoil risk edit {there}`")
        values = {name: value for name, value in asdict(risk).items() if name != "scores"}
        values |= {"treatment": risk.treatment.value, "key": folded(risk.id), "stale": 0}
        connection.execute(insert(RISK).values(**values))
        ledger.note("risk.added", risk.id, because, after=provable(risk))
        _keep_scores(connection, ledger, risk.id, risk.scores, because)
    naming.found_by_all(connection, risks=True)


def change(
    connection: Connection, ledger: Ledger, now: datetime, id_: str, values: dict[str, Any], because: Because
) -> None:
    """Give a risk new values by attribute name; what it has already is skipped. Raises `UnknownRef`."""
    before = one(connection, id_)
    if unknown := values.keys() - CHANGEABLE:
        raise StateError(f"{id_}: {', '.join(sorted(unknown))} cannot be changed")
    moved = {name: value for name, value in values.items() if value != getattr(before, name)}
    if not moved:
        return
    connection.execute(update(RISK).where(RISK.c.id == id_).values(**moved, updated_at=now))
    for name, value in sorted(moved.items()):
        was, now_ = _provable(name, getattr(before, name)), _provable(name, value)
        ledger.note("risk.changed", id_, because, field=name, before=was, after=now_)


def score(connection: Connection, ledger: Ledger, id_: str, scores: Sequence[Score], because: Because) -> None:
    """Keep ratings beside the earlier ones; a current one ends that the risk is due for it."""
    _keep_scores(connection, ledger, id_, scores, because)
    if any(each.kind is ScoreKind.CURRENT for each in scores):
        connection.execute(update(RISK).where(RISK.c.id == id_).values(due_since=None, due_why=""))


def _keep_scores(connection: Connection, ledger: Ledger, id_: str, scores: Sequence[Score], because: Because) -> None:
    numbers = next_numbers(connection, "score", len(scores)) if scores else range(0)
    for seq, each in zip(numbers, scores, strict=True):
        connection.execute(insert(SCORE).values(seq=seq, risk=id_, **asdict(each) | {"kind": each.kind.value}))
        ledger.note("risk.scored", id_, because, field=each.kind.value, after=rated(each))


def make_due(connection: Connection, ledger: Ledger, now: datetime, due: Mapping[str, str], because: Because) -> None:
    """Keep that risks are to be scored again, by id, with the reason; one that is due already stays so."""
    for id_, why in due.items():
        waiting = update(RISK).where(RISK.c.id == id_, RISK.c.due_since.is_(None))
        if connection.execute(waiting.values(due_since=now, due_why=why)).rowcount:
            ledger.note("risk.due", id_, replace(because, reason=why), after={"why": why})


def stale(connection: Connection) -> list[str]:
    """The ids of risks of which an item ended, began again, or was linked, since they were last looked at."""
    return list(connection.execute(select(RISK.c.id).where(RISK.c.stale == 1).order_by(RISK.c.id)).scalars())


def ended(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """Those of the risks of which no item is left unfinished, with the words for that."""
    left: dict[str, dict[bool, list[str]]] = {}
    for some in chunks(ids):
        both = select(ITEM_RISK.c.risk, ITEM.c.ref, ITEM.c.status).join(ITEM, ITEM.c.ref == ITEM_RISK.c.item)
        for row in connection.execute(both.where(ITEM_RISK.c.risk.in_(some)).order_by(ITEM.c.updated_at, ITEM.c.seq)):
            ends = left.setdefault(row.risk, {True: [], False: []})
            ends[Status(row.status) in UNFINISHED].append(f"{row.ref} ({Status(row.status).value.replace('_', ' ')})")
    return {id_: f"its last item has ended: {ends[False][-1]}" for id_, ends in left.items() if not ends[True]}


def looked_at(connection: Connection, ids: Sequence[str]) -> None:
    """Keep that nothing has happened since to the items of these risks."""
    for some in chunks(ids):
        connection.execute(update(RISK).where(RISK.c.id.in_(some)).values(stale=0))


def items_of(connection: Connection, id_: str) -> list[ActionItem]:
    """The items that name a risk, in the order of their refs."""
    query = select(ITEM).join(ITEM_RISK, ITEM_RISK.c.item == ITEM.c.ref).where(ITEM_RISK.c.risk == id_)
    return [item_of(row) for row in connection.execute(query.order_by(ITEM.c.seq))]


def one(connection: Connection, name: str) -> Risk:
    """The risk that is called so; raises `UnknownRef`."""
    for [id_] in naming.risks_called(connection, [name]).values():
        return get(connection, [id_])[id_]
    raise UnknownRef(name, "risk list")


def get(connection: Connection, ids: Iterable[str]) -> dict[str, Risk]:
    """The risks with these ids; unknown ones are left out."""
    found: dict[str, Risk] = {}
    for some in chunks(dict.fromkeys(ids)):
        rows = connection.execute(select(RISK).where(RISK.c.id.in_(some)).order_by(RISK.c.id)).all()
        found |= {risk.id: risk for risk in _read(connection, rows)}
    return found


def everything(connection: Connection) -> list[Risk]:
    """The whole register, by id."""
    return _read(connection, connection.execute(select(RISK).order_by(RISK.c.id)).all())


def due(connection: Connection, today: date) -> list[Risk]:
    """Those that are to be scored again, by id."""
    return [risk for risk in everything(connection) if risk.is_due(today)]


def _read(connection: Connection, rows: Sequence[Row[Any]]) -> list[Risk]:
    scores: dict[str, list[Score]] = {}
    for some in chunks(row.id for row in rows):
        for row in connection.execute(select(SCORE).where(SCORE.c.risk.in_(some)).order_by(SCORE.c.seq)):
            rated = Score(ScoreKind(row.kind), row.likelihood, row.impact, row.by, row.at, row.reason)
            scores.setdefault(row.risk, []).append(rated)
    names = ("id", "statement", "owner", "gap", "existing", "next_review", "created_at", "updated_at")
    due = ("due_since", "due_why")
    return [
        Risk(
            treatment=Treatment(row.treatment),
            scores=tuple(scores.get(row.id, ())),
            **{name: getattr(row, name) for name in (*names, *due)},
        )
        for row in rows
    ]


def rated(score: Score) -> dict[str, Any]:
    """A score as records hold it, whose kind is the field of its record."""
    return {"likelihood": score.likelihood, "impact": score.impact, "by": score.by, "reason": score.reason}


def _provable(name: str, value: Any) -> Any:
    return {"sha256": digest(value)} if name in ("statement", "gap") else value


def provable(risk: Risk) -> dict[str, Any]:
    """A risk as records hold it, without its scores."""
    names = ("statement", "owner", "treatment", "gap", "existing", "next_review")
    return {name: _provable(name, getattr(risk, name)) for name in names}
