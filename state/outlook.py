"""How a programme looks in the morning: whose work is open, what is too much, and what has gone quiet."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection, case, func, select

from state import controls, risks
from state.controls import CONTROL
from state.items import ITEM
from state.lifecycle import UNFINISHED
from state.model import GROUP, Priority
from state.naming import ITEM_CONTROL
from state.register import ControlStatus, Risk, Test

ALL = "everything"
"""What has gone quiet where no single framework has."""


@dataclass(frozen=True, slots=True)
class Load:
    """The open work of one owner, `None` being nobody: how much by priority, and how much of it is overdue.

    `due` is the most that falls into one of the coming weeks, the one that begins on the Monday `week`; `best` is the
    most that the owner ever closed in one week, or anybody where the owner has closed nothing yet.
    """

    owner: str | None
    open: Mapping[Priority, int]
    overdue: int
    due: int
    week: date
    best: int

    @property
    def is_too_much(self) -> bool:
        """Whether more is due in one week than was ever closed in one."""
        return self.owner is not None and 0 < self.best < self.due


@dataclass(frozen=True, slots=True)
class Quiet:
    """A framework, or everything, that has open items, and of which no item at all has moved since a time (UTC)."""

    name: str
    open: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Outlook:
    """The open work by owner, the most urgent first, and what else a programme is steered by.

    `risks` are to be scored again, and `silent` tests have said nothing for long.
    """

    loads: Sequence[Load]
    quiet: Sequence[Quiet]
    controls: Mapping[ControlStatus, int]
    risks: Sequence[Risk]
    silent: Sequence[Test]


def is_single() -> Any:
    """Whether an item is to be counted: one that lists others is those."""
    return ~ITEM.c.origin.startswith(f'{{"{GROUP}": ')


def outlook(connection: Connection, today: date, *, stale_days: int) -> Outlook:
    """What it looks like on `today`; what has said or done nothing for `stale_days` is quiet."""
    since = datetime.combine(today - timedelta(days=stale_days), time(), UTC)
    status = CONTROL.c.status
    by_status = connection.execute(select(status, func.count().label("n")).group_by(status))
    return Outlook(
        loads=_loads(connection, today),
        quiet=_quiet(connection, since),
        controls={ControlStatus(row.status): row.n for row in by_status},
        risks=risks.due(connection, today),
        silent=controls.latest_words(connection, silent_since=since),
    )


def _loads(connection: Connection, today: date) -> list[Load]:
    columns = (ITEM.c.owner, ITEM.c.priority, ITEM.c.due_date)
    query = select(*columns, func.count().label("n")).where(_is_open(), is_single()).group_by(*columns)
    open_: dict[str | None, Counter[Priority]] = {}
    late, due = Counter[str | None](), dict[str | None, Counter[date]]()
    for row in connection.execute(query):
        open_.setdefault(row.owner, Counter())[Priority(row.priority)] += row.n
        late[row.owner] += row.n if row.due_date < today else 0
        due.setdefault(row.owner, Counter())[_monday(max(row.due_date, today))] += row.n
    best = _best_weeks(connection)
    anybody = max(best.values(), default=0)
    loads = []
    for owner, counts in open_.items():
        week, most = min(due[owner].items(), key=lambda pair: (-pair[1], pair[0]))
        loads.append(Load(owner, counts, late[owner], most, week, best.get(owner, anybody)))
    return sorted(loads, key=lambda load: ([-load.open.get(p, 0) for p in Priority], load.owner or ""))


def _best_weeks(connection: Connection) -> dict[str | None, int]:
    """The most that each owner ever closed in one week."""
    weeks = Counter[tuple[str | None, date]]()
    query = select(ITEM.c.owner, ITEM.c.resolved_at).where(ITEM.c.resolved_at.is_not(None), is_single())
    for row in connection.execute(query):
        weeks[row.owner, _monday(row.resolved_at.date())] += 1
    best: dict[str | None, int] = {}
    for (owner, _), number in weeks.items():
        best[owner] = max(number, best.get(owner, 0))
    return best


def _quiet(connection: Connection, since: datetime) -> list[Quiet]:
    last = func.max(ITEM.c.updated_at, type_=ITEM.c.updated_at.type).label("last")
    number = func.sum(case((_is_open(), 1), else_=0)).label("n")
    row = connection.execute(select(last, number)).one()
    if row.n and row.last < since:
        return [Quiet(ALL, row.n, row.last)]
    joined = CONTROL.join(ITEM_CONTROL, ITEM_CONTROL.c.control == CONTROL.c.id).join(
        ITEM, ITEM.c.ref == ITEM_CONTROL.c.item
    )
    name = CONTROL.c.framework
    query = select(name, last, number).select_from(joined).group_by(name).order_by(name)
    return [Quiet(row.framework, row.n, row.last) for row in connection.execute(query) if row.n and row.last < since]


def _is_open() -> Any:
    return ITEM.c.status.in_(sorted(UNFINISHED))


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())
