"""The risk register as rows: risks, and every score they ever had."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from state.audit import Ledger, digest
from state.effects import Because
from state.errors import StateError, UnknownRef
from state.programme_tables import RiskRow, ScoreRow
from state.register import Risk, Score, ScoreKind, Treatment
from state.series import chunks, next_numbers

RISK = RiskRow.__table__  # type: ignore[attr-defined]
SCORE = ScoreRow.__table__  # type: ignore[attr-defined]

CHANGEABLE = frozenset({"statement", "owner", "treatment", "gap", "existing", "next_review"})
"""The attributes of a risk that a change may name."""


def new_id(connection: Connection) -> str:
    """An id that no risk has: `R-0001` and so on."""
    while True:
        [number] = next_numbers(connection, "risk", 1)
        id_ = f"R-{number:04d}"
        if not get(connection, [id_]):
            return id_


def add(connection: Connection, ledger: Ledger, risk: Risk, because: Because) -> Risk:
    """Keep a new risk with its first scores; raises `StateError` where its id is taken."""
    if get(connection, [risk.id]):
        raise StateError(f"there is a risk {risk.id} already; change it: `counterfoil risk edit {risk.id}`")
    values = {name: value for name, value in asdict(risk).items() if name != "scores"}
    connection.execute(insert(RISK).values(**values | {"treatment": risk.treatment.value}))
    ledger.note("risk.added", risk.id, because, after=_shown(risk))
    score(connection, ledger, risk.id, risk.scores, because)
    return risk


def change(
    connection: Connection, ledger: Ledger, now: datetime, id_: str, values: dict[str, Any], because: Because
) -> None:
    """Give a risk new values by attribute name; what it has already is skipped."""
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
    for each in scores:
        [seq] = next_numbers(connection, "score", 1)
        connection.execute(insert(SCORE).values(seq=seq, risk=id_, **asdict(each) | {"kind": each.kind.value}))
        after = {"likelihood": each.likelihood, "impact": each.impact, "by": each.by}
        after["reason_sha256"] = digest(each.reason)
        ledger.note("risk.scored", id_, because, field=each.kind.value, after=after)
    if any(each.kind is ScoreKind.CURRENT for each in scores):
        connection.execute(update(RISK).where(RISK.c.id == id_).values(due_since=None, due_why=""))


def make_due(connection: Connection, ledger: Ledger, now: datetime, due: Mapping[str, str], because: Because) -> None:
    """Keep that risks are to be scored again, by id, with the reason; one that is due already stays so."""
    for id_, why in due.items():
        waiting = update(RISK).where(RISK.c.id == id_, RISK.c.due_since.is_(None))
        if connection.execute(waiting.values(due_since=now, due_why=why)).rowcount:
            ledger.note("risk.due", id_, because, after={"why": why})


def one(connection: Connection, id_: str) -> Risk:
    """The risk with this id; raises `UnknownRef`."""
    found = get(connection, [id_])
    if id_ not in found:
        raise UnknownRef(id_)
    return found[id_]


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


def _provable(name: str, value: Any) -> Any:
    return {"sha256": digest(value)} if name in ("statement", "gap") else value


def _shown(risk: Risk) -> dict[str, Any]:
    names = ("statement", "owner", "treatment", "gap", "existing", "next_review")
    return {name: _provable(name, getattr(risk, name)) for name in names}
