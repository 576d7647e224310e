"""What the status of controls rests on, counted in the database: their items, tests and evidence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, insert, or_, select, union, update
from sqlalchemy.sql import CompoundSelect

from state import controls, naming, proofs
from state.controls import CONTROL, TEST
from state.lifecycle import UNFINISHED
from state.model import SourceKind, Status, TestOutcome
from state.naming import ITEM_CONTROL, TEST_CONTROL
from state.proof import Evidence
from state.register import Control, folded
from state.standing import SHOWN, Grounds, Some, Support
from state.tables import ItemRow, Meta

ITEM = ItemRow.__table__  # type: ignore[attr-defined]
META = Meta.__table__  # type: ignore[attr-defined]
EVIDENCE = proofs.EVIDENCE

_DAY = "controls_stood_on"
_DAILY = timedelta(days=1)
_NEWEST, _ALL = 20, 1_000_000


@dataclass(slots=True)
class _Gathered:
    """What is found of one control."""

    items: dict[Status, Some] = field(default_factory=dict)
    failing: list[Some] = field(default_factory=list)
    support: dict[str, str] = field(default_factory=dict)


def is_news(connection: Connection, today: date) -> bool:
    """Whether anything has happened, or a day has passed, that the status of controls may rest on."""
    if not connection.execute(select(CONTROL.c.id).limit(1)).first():
        return False
    return _day(connection) != today or bool(controls.stale(connection, 1))


def age(connection: Connection, today: date, silent_days: int) -> None:
    """Once a day, keep that something happened to controls whose evidence or tests have become too old since."""
    last = _day(connection)
    if last == today:
        return
    _set_day(connection, today, new=last is None)
    if last is None:
        return
    ended = connection.execute(
        select(EVIDENCE.c.item, EVIDENCE.c.controls).where(EVIDENCE.c.expires_on.between(last, today))
    ).all()
    naming.touched(connection, {row.item for row in ended if row.item}, {n for row in ended for n in row.controls})
    lapsed = select(ITEM.c.ref).where(_is_accepted_until(ITEM.c.accepted_until.between(last - _DAILY, today)))
    naming.touched(connection, connection.execute(lapsed).scalars().all())
    silent = TEST.c.observed_at.between(_midnight(last, silent_days + 1), _midnight(today, silent_days))
    tests = select(TEST_CONTROL.c.control).join(TEST, TEST.c.fingerprint == TEST_CONTROL.c.test).where(silent)
    theirs = or_(CONTROL.c.id.in_(tests), CONTROL.c.answered_by.in_(tests))
    connection.execute(update(CONTROL).where(CONTROL.c.stale == 0, theirs).values(stale=1))


def _day(connection: Connection) -> date | None:
    found = connection.execute(select(META.c.value).where(META.c.name == _DAY)).scalar()
    return None if found is None else date.fromisoformat(found)


def _set_day(connection: Connection, today: date, *, new: bool) -> None:
    if new:
        connection.execute(insert(META).values(name=_DAY, value=today.isoformat()))
    else:
        connection.execute(update(META).where(META.c.name == _DAY).values(value=today.isoformat()))


def _midnight(day: date, before: int) -> datetime:
    return datetime.combine(day - timedelta(days=before), time(), UTC)


def of_controls(connection: Connection, ids: Sequence[str], today: date, silent_days: int) -> dict[str, Grounds]:
    """What the status of each of these controls rests on; what another control has counts for one that it answers."""
    known = controls.get(connection, ids)
    found = {id_: _Gathered() for id_ in known}
    _items(connection, found, today)
    _failures(connection, found)
    _proofs(connection, known, found, today)
    _passes(connection, found, _midnight(today, silent_days))
    return {id_: _grounds(known[id_], each) for id_, each in found.items()}


def _grounds(control: Control, found: _Gathered) -> Grounds:
    count = sum(some.count for some in found.failing)
    failing = Some(count, tuple(name for some in found.failing for name in some.names))
    support = tuple(Support(name, why_not) for name, why_not in found.support.items())
    return Grounds(control.exemption, found.items, failing, support)


def _named(table: Any, by: ColumnElement[str], found: Mapping[str, object]) -> CompoundSelect[Any]:
    """Each control with what names it, or names the one that answers it, once each."""
    own = select(CONTROL.c.id.label("control"), by.label("who")).join(table, table.c.control == CONTROL.c.id)
    lent = select(CONTROL.c.id, by).join(table, table.c.control == CONTROL.c.answered_by)
    asked = CONTROL.c.id.in_(list(found))
    return union(own.where(asked), lent.where(asked))


def _first(query: Select[Any], by: Sequence[Any], order: Sequence[Any], most: int) -> Select[Any]:
    """The first so many rows of each kind, each with `total`, how many there are."""
    rank = func.row_number().over(partition_by=by, order_by=order).label("rank")
    ranked = query.add_columns(rank, func.count().over(partition_by=by).label("total")).subquery()
    return select(ranked).where(ranked.c.rank <= most).order_by(ranked.c.control, ranked.c.rank)


def _items(connection: Connection, found: Mapping[str, _Gathered], today: date) -> None:
    """Items by status; one that lists others is not work of its own, and an acceptance that is over is none."""
    named = _named(ITEM_CONTROL, ITEM_CONTROL.c.item, found).subquery()
    part, control = ITEM.alias(), named.c.control
    whole = ~select(part.c.ref).where(part.c.part_of == ITEM.c.ref).exists()
    status = case((_is_accepted_until(ITEM.c.accepted_until < today), Status.OPEN.value), else_=ITEM.c.status)
    query = select(control, ITEM.c.ref, status.label("status")).join(ITEM, ITEM.c.ref == named.c.who).where(whole)
    some: dict[tuple[str, str], list[Any]] = {}
    for row in connection.execute(_first(query, [control, status], [ITEM.c.seq], SHOWN)):
        some.setdefault((row.control, row.status), []).append(row)
    for (id_, of), rows in some.items():
        found[id_].items[Status(of)] = Some(rows[0].total, tuple(row.ref for row in rows))


def _is_accepted_until(end: ColumnElement[bool]) -> ColumnElement[bool]:
    return and_(ITEM.c.status == Status.ACCEPTED_AS_RISK.value, end)


def _failures(connection: Connection, found: Mapping[str, _Gathered]) -> None:
    """Tests whose latest word is a failure, and unfinished items of tests whose latest word is not known."""
    tests = _tests(found).subquery()
    query = select(tests.c.control, TEST.c.title.label("name")).join(TEST, TEST.c.fingerprint == tests.c.who)
    failed = query.where(TEST.c.outcome == TestOutcome.FAIL.value)
    named = _named(ITEM_CONTROL, ITEM_CONTROL.c.item, found).subquery()
    untold = and_(
        ITEM.c.source_kind == SourceKind.AUTOMATED_TEST.value,
        ITEM.c.status.in_(sorted(UNFINISHED)),
        ~select(TEST.c.fingerprint).where(TEST.c.item == ITEM.c.ref).exists(),
    )
    items = select(named.c.control, ITEM.c.ref.label("name")).join(ITEM, ITEM.c.ref == named.c.who).where(untold)
    for each, control, order in ((failed, tests.c.control, TEST.c.title), (items, named.c.control, ITEM.c.seq)):
        some: dict[str, list[Any]] = {}
        for row in connection.execute(_first(each, [control], [order], SHOWN)):
            some.setdefault(row.control, []).append(row)
        for id_, rows in some.items():
            found[id_].failing.append(Some(rows[0].total, tuple(row.name for row in rows)))


def _tests(found: Mapping[str, object]) -> CompoundSelect[Any]:
    """Each control with the tests that name it, and those of the items that do."""
    items = _named(ITEM_CONTROL, ITEM_CONTROL.c.item, found).subquery()
    theirs = select(items.c.control, TEST.c.fingerprint.label("who")).join(TEST, TEST.c.item == items.c.who)
    named = _named(TEST_CONTROL, TEST_CONTROL.c.test, found).subquery()
    return union(theirs, select(named.c.control, named.c.who))


def _passes(connection: Connection, found: Mapping[str, _Gathered], silent_since: datetime) -> None:
    """Tests that passed, the latest first: reports of them are proofs for as long as they go on to be heard."""
    tests = _tests(found).subquery()
    query = select(tests.c.control, TEST.c.title, TEST.c.observed_at)
    query = query.join(TEST, TEST.c.fingerprint == tests.c.who).where(TEST.c.outcome == TestOutcome.PASS.value)
    order = [TEST.c.observed_at.desc(), TEST.c.title]
    for row in connection.execute(_first(query, [tests.c.control], order, SHOWN)):
        silent = f"silent since {row.observed_at.date()}" if row.observed_at < silent_since else ""
        found[row.control].support[row.title] = silent


def _proofs(connection: Connection, known: Mapping[str, Control], found: Mapping[str, _Gathered], today: date) -> None:
    """Evidence of the controls by themselves, and of their items: the newest, and all where none of these counts."""
    for each in proofs.of_controls(connection):
        for id_, control in known.items():
            if not each.superseded and each.draft.is_proof and _supports(each, control):
                found[id_].support[each.ref] = each.why_not(today)
    _of_items(connection, found, today, 0, _NEWEST)
    lacking = {id_: each for id_, each in found.items() if all(each.support.values())}
    _of_items(connection, lacking, today, _NEWEST, _ALL)


def _supports(evidence: Evidence, control: Control) -> bool:
    ids = [folded(control.id), folded(control.answered_by or "")]
    keys = {*ids, *(id_.partition(":")[2] for id_ in ids)}
    return any(folded(name) in keys for name in evidence.draft.controls)


def _of_items(connection: Connection, found: Mapping[str, _Gathered], today: date, after: int, most: int) -> None:
    """The evidence of items and of those that list them, newest first, from one place in that order to another."""
    if not found:
        return
    named = _named(ITEM_CONTROL, ITEM_CONTROL.c.item, found).subquery()
    own = select(named.c.control, EVIDENCE.c.seq).join(EVIDENCE, EVIDENCE.c.item == named.c.who)
    listing = select(named.c.control, EVIDENCE.c.seq).join(ITEM, ITEM.c.ref == named.c.who)
    listing = listing.join(EVIDENCE, EVIDENCE.c.item == ITEM.c.part_of).where(ITEM.c.part_of.is_not(None))
    grouped = connection.execute(select(ITEM.c.ref).where(ITEM.c.part_of.is_not(None)).limit(1)).first()
    pieces = (union(own, listing) if grouped else own.distinct()).subquery()
    newest = _first(select(pieces), [pieces.c.control], [pieces.c.seq.desc()], most)
    rows = [row for row in connection.execute(newest) if row.rank > after]
    evidence = proofs.newest(connection, dict.fromkeys(row.seq for row in rows))
    for row in rows:
        piece = evidence[row.seq]
        if piece.draft.is_proof:
            found[row.control].support[piece.ref] = piece.why_not(today)
