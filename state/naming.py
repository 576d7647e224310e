"""Which items and tests name which controls and risks, and which of those something has happened to."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, delete, insert, or_, select, update

from state.model import ActionItem
from state.programme_tables import ControlRow, ItemControlRow, ItemRiskRow, RiskRow, TestControlRow, TestRow
from state.register import Test, folded
from state.rows import item_of
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
    """Keep what new items name, and that something happened to the controls among that."""
    pairs = _keep(connection, _CONTROLS, [(item.ref, item.controls) for item in items if item.controls])
    _touch_controls(connection, {control for control, _ in pairs})
    _keep(connection, _RISKS, [(item.ref, item.risks) for item in items if item.risks])


def changed(connection: Connection, before: Mapping[str, ActionItem], after: Mapping[str, ActionItem]) -> None:
    """Keep what changed items name by now, and that something happened to what they named before or name now."""
    moved = [ref for ref, item in after.items() if _rests(item) != _rests(before[ref])]
    ended = [ref for ref, item in after.items() if _moves(item) != _moves(before[ref])]
    touched(connection, moved)
    _touch_risks(connection, ended)
    renamed = [ref for ref in moved if before[ref].controls != after[ref].controls]
    pairs = _name_anew(connection, _CONTROLS, [(ref, after[ref].controls) for ref in renamed])
    _touch_controls(connection, {control for control, _ in pairs})
    renamed = [ref for ref in ended if before[ref].risks != after[ref].risks]
    _name_anew(connection, _RISKS, [(ref, after[ref].risks) for ref in renamed])
    _touch_risks(connection, renamed)


def _rests(item: ActionItem) -> tuple[object, ...]:
    """What of an item the standing of its controls rests on."""
    return (item.status, item.controls, item.part_of)


def _moves(item: ActionItem) -> tuple[object, ...]:
    """What of an item makes its risks due."""
    return (item.status, item.risks)


def _name_anew(connection: Connection, naming: _Naming, said: Sequence[tuple[str, Sequence[str]]]) -> list[Pair]:
    """Keep what is named now instead of what was."""
    for some in chunks(who for who, _ in said):
        connection.execute(delete(naming.table).where(naming.table.c[naming.by].in_(some)))
    return _keep(connection, naming, said)


def heard(connection: Connection, tests: Sequence[Test], renamed: Sequence[Test]) -> None:
    """Keep that something happened to the controls of tests, and which of them name others than before."""
    for again in (False, True):
        if again:
            _name_anew(connection, _TESTS, [(test.fingerprint, test.controls) for test in renamed])
        said = renamed if again else tests
        for some in chunks(test.fingerprint for test in said):
            of_tests = select(TEST_CONTROL.c.control).where(TEST_CONTROL.c.test.in_(some)).distinct()
            _touch_controls(connection, connection.execute(of_tests).scalars())
    touched(connection, [test.item for test in tests if test.item])


def touched(connection: Connection, items: Iterable[str] = (), names: Iterable[str] = ()) -> None:
    """Keep that something happened to the controls that the items name, or their parts do, and to those so called."""
    ids = {id_ for called in controls_called(connection, names).values() for id_ in called}
    for some in chunks(dict.fromkeys(items)):
        parts = connection.execute(select(_ITEM.c.ref).where(_ITEM.c.part_of.in_(some))).scalars()
        for theirs in chunks([*some, *parts]):
            query = select(ITEM_CONTROL.c.control).where(ITEM_CONTROL.c.item.in_(theirs)).distinct()
            ids.update(connection.execute(query).scalars())
    _touch_controls(connection, ids)


def _touch_controls(connection: Connection, ids: Iterable[str]) -> None:
    """Those that another answers stand as it does, so they are touched with it."""
    for some in chunks(ids):
        for column in (CONTROL.c.id, CONTROL.c.answered_by):
            connection.execute(update(CONTROL).where(CONTROL.c.stale == 0, column.in_(some)).values(stale=1))


def _touch_risks(connection: Connection, items: Sequence[str]) -> None:
    for some in chunks(items):
        theirs = select(ITEM_RISK.c.risk).where(ITEM_RISK.c.item.in_(some))
        connection.execute(update(RISK).where(RISK.c.stale == 0, RISK.c.id.in_(theirs)).values(stale=1))


def with_items(connection: Connection, ids: Iterable[str]) -> set[str]:
    """Those of the controls that an item names."""
    found: set[str] = set()
    for some in chunks(ids):
        query = select(ITEM_CONTROL.c.control).where(ITEM_CONTROL.c.control.in_(some)).distinct()
        found.update(connection.execute(query).scalars())
    return found


def items_of(connection: Connection, ids: Sequence[str], most: int) -> list[ActionItem]:
    """The items that name one of the controls, the newest so many, in the order of their refs."""
    named = select(ITEM_CONTROL.c.item).where(ITEM_CONTROL.c.control.in_(ids))
    rows = connection.execute(select(_ITEM).where(_ITEM.c.ref.in_(named)).order_by(_ITEM.c.seq.desc()).limit(most))
    return [item_of(row) for row in rows][::-1]


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


def _keep(connection: Connection, naming: _Naming, said: Sequence[tuple[str, Sequence[str]]]) -> list[Pair]:
    pairs = _pairs(connection, naming, said) if said else []
    _insert(connection, naming, pairs)
    return pairs


def _pairs(connection: Connection, naming: _Naming, said: Sequence[tuple[str, Sequence[str]]]) -> list[Pair]:
    known = naming.known(connection, (name for _, names in said for name in names))
    pairs = ((id_, who) for who, names in said for name in names for id_ in known.get(folded(name), ()))
    return list(dict.fromkeys(pairs))


def _insert(connection: Connection, naming: _Naming, pairs: Sequence[Pair]) -> None:
    if pairs:
        connection.execute(insert(naming.table), [{naming.named: named, naming.by: by} for named, by in pairs])
