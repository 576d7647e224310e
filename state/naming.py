"""Which items and tests name which controls and risks, and which of those something has happened to."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, delete, insert, or_, select, update

from state.model import ActionItem
from state.programme_tables import ControlRow, ItemControlRow, ItemRiskRow, RiskRow, TestControlRow, TestRow
from state.register import Test, folded
from state.series import PAGE, chunks
from state.tables import ItemRow

CONTROL = ControlRow.__table__  # type: ignore[attr-defined]
RISK = RiskRow.__table__  # type: ignore[attr-defined]
ITEM_CONTROL = ItemControlRow.__table__  # type: ignore[attr-defined]
ITEM_RISK = ItemRiskRow.__table__  # type: ignore[attr-defined]
TEST_CONTROL = TestControlRow.__table__  # type: ignore[attr-defined]
_ITEM = ItemRow.__table__  # type: ignore[attr-defined]
_TEST = TestRow.__table__  # type: ignore[attr-defined]

Pair = tuple[str, str]
"""What is named, and by whom."""


class _Naming(NamedTuple):
    """One table of pairs: its columns, and how names lead to what is named."""

    table: Table
    named: str
    by: str
    known: Callable[[Connection, Iterable[str]], Mapping[str, Sequence[str]]]


def controls_called(connection: Connection, names: Iterable[str]) -> dict[str, list[str]]:
    """The ids of the controls that each of these names means; a code alone means those of every framework."""
    found: dict[str, list[str]] = {}
    for some in chunks({folded(name) for name in names}):
        keys = (CONTROL.c.id_key, CONTROL.c.code_key)
        query = select(CONTROL.c.id, *keys).where(or_(*(key.in_(some) for key in keys))).order_by(CONTROL.c.id)
        for row in connection.execute(query):
            for key in {row.id_key, row.code_key}.intersection(some):
                found.setdefault(key, []).append(row.id)
    return found


def risks_called(connection: Connection, names: Iterable[str]) -> dict[str, list[str]]:
    """The id of the risk that each of these names means."""
    found: dict[str, list[str]] = {}
    for some in chunks({folded(name) for name in names}):
        query = select(RISK.c.id, RISK.c.key).where(RISK.c.key.in_(some))
        found |= {row.key: [row.id] for row in connection.execute(query)}
    return found


_CONTROLS = _Naming(ITEM_CONTROL, "control", "item", controls_called)
_RISKS = _Naming(ITEM_RISK, "risk", "item", risks_called)
_TESTS = _Naming(TEST_CONTROL, "control", "test", controls_called)


def added(connection: Connection, items: Sequence[ActionItem]) -> None:
    """Keep what new items name."""
    _keep(connection, _CONTROLS, [(item.ref, item.controls) for item in items if item.controls])
    _keep(connection, _RISKS, [(item.ref, item.risks) for item in items if item.risks])
    touched(connection, [item.ref for item in items if item.controls])


def changed(connection: Connection, before: Mapping[str, ActionItem], after: Mapping[str, ActionItem]) -> None:
    """Keep what changed items name by now, and that something happened to what they named before or name now."""
    _name_anew(connection, _CONTROLS, {ref: (before[ref].controls, item.controls) for ref, item in after.items()})
    touched(connection, [ref for ref, item in after.items() if _rests(item) != _rests(before[ref])])
    moved = [ref for ref, item in after.items() if (item.status, item.risks) != (before[ref].status, before[ref].risks)]
    _touch_risks(connection, moved)
    _name_anew(connection, _RISKS, {ref: (before[ref].risks, item.risks) for ref, item in after.items()})
    _touch_risks(connection, moved)


def _touch_risks(connection: Connection, items: Sequence[str]) -> None:
    for some in chunks(items):
        theirs = select(ITEM_RISK.c.risk).where(ITEM_RISK.c.item.in_(some))
        connection.execute(update(RISK).where(RISK.c.stale == 0, RISK.c.id.in_(theirs)).values(stale=1))


def _rests(item: ActionItem) -> tuple[object, ...]:
    """What of an item the standing of its controls rests on."""
    return (item.status, item.controls, item.part_of)


def _name_anew(
    connection: Connection, naming: _Naming, said: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]
) -> None:
    """Keep what is named now instead of what was, and that something happened to controls that are not any more."""
    moved = {ref: after for ref, (before, after) in said.items() if before != after}
    if moved and naming is _CONTROLS:
        touched(connection, moved)
    for some in chunks(moved):
        connection.execute(delete(naming.table).where(naming.table.c[naming.by].in_(some)))
    _keep(connection, naming, [(ref, names) for ref, names in moved.items() if names])


def heard(connection: Connection, tests: Sequence[Test]) -> None:
    """Keep which controls tests name, and that something happened to these."""
    for some in chunks(test.fingerprint for test in tests):
        _touch_controls(connection, _named_in(TEST_CONTROL, TEST_CONTROL.c.test.in_(some)))
        connection.execute(delete(TEST_CONTROL).where(TEST_CONTROL.c.test.in_(some)))
    _keep(connection, _TESTS, [(test.fingerprint, test.controls) for test in tests if test.controls])
    for some in chunks(test.fingerprint for test in tests):
        _touch_controls(connection, _named_in(TEST_CONTROL, TEST_CONTROL.c.test.in_(some)))
    touched(connection, [test.item for test in tests if test.item])


def touched(connection: Connection, items: Iterable[str] = (), names: Iterable[str] = ()) -> None:
    """Keep that something happened to the controls that the items name, or their parts do, and to those so called."""
    for some in chunks(dict.fromkeys(items)):
        parts = select(_ITEM.c.ref).where(_ITEM.c.part_of.in_(some))
        theirs = or_(ITEM_CONTROL.c.item.in_(some), ITEM_CONTROL.c.item.in_(parts))
        _touch_controls(connection, _named_in(ITEM_CONTROL, theirs))
    if ids := [id_ for ids in controls_called(connection, names).values() for id_ in ids]:
        for some in chunks(ids):
            _touch_controls(connection, some)


def _named_in(table: Table, condition: ColumnElement[bool]) -> Any:
    return select(table.c.control).where(condition)


def _touch_controls(connection: Connection, ids: Any) -> None:
    """Those that another answers stand as it does, so they are touched with it."""
    theirs = or_(CONTROL.c.id.in_(ids), CONTROL.c.answered_by.in_(ids))
    connection.execute(update(CONTROL).where(CONTROL.c.stale == 0, theirs).values(stale=1))


def found_by_all(connection: Connection, *, controls: bool = False, risks: bool = False) -> None:
    """Keep what the items and tests that are here already name, once there is more to be named."""
    if controls:
        _find(connection, _CONTROLS, _ITEM.c.ref, _ITEM.c.controls)
        _find(connection, _TESTS, _TEST.c.fingerprint, _TEST.c.controls)
    if risks:
        _find(connection, _RISKS, _ITEM.c.ref, _ITEM.c.risks)


def _find(connection: Connection, naming: _Naming, by: ColumnElement[str], names: ColumnElement[Any]) -> None:
    for some in chunks(_namers(connection, by, names)):
        known = connection.execute(select(naming.table).where(naming.table.c[naming.by].in_([who for who, _ in some])))
        there = {(row[0], row[1]) for row in known}
        _insert(connection, naming, [pair for pair in _pairs(connection, naming, some) if pair not in there])


def _namers(connection: Connection, by: ColumnElement[str], names: ColumnElement[Any]) -> Iterator[tuple[str, Any]]:
    last = ""
    query = select(by, names).where(names != ()).order_by(by).limit(PAGE)
    while rows := connection.execute(query.where(by > last)).all():
        yield from ((row[0], row[1]) for row in rows)
        last = rows[-1][0]


def _keep(connection: Connection, naming: _Naming, said: Sequence[tuple[str, Sequence[str]]]) -> None:
    _insert(connection, naming, _pairs(connection, naming, said))


def _pairs(connection: Connection, naming: _Naming, said: Sequence[tuple[str, Sequence[str]]]) -> list[Pair]:
    known = naming.known(connection, (name for _, names in said for name in names))
    pairs = ((id_, who) for who, names in said for name in names for id_ in known.get(folded(name), ()))
    return list(dict.fromkeys(pairs))


def _insert(connection: Connection, naming: _Naming, pairs: Sequence[Pair]) -> None:
    if pairs:
        connection.execute(insert(naming.table), [{naming.named: named, naming.by: by} for named, by in pairs])
