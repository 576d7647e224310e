"""A whole installation goes to another database, and is the same there to the byte."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Row, String, Table, func, insert, select

from state import audit, verifying, whereabouts
from state.database import Database
from state.effects import Because
from state.errors import StateError
from state.lease import Holder
from state.migrations import migrate
from state.schema import METADATA
from state.series import chunks
from state.store import Store
from state.whereabouts import META, MOVED

Tell = Callable[[str, int, int], None]

_BATCH = 1000
_TABLES: tuple[Table, ...] = tuple(METADATA.sorted_tables)


@dataclass(frozen=True, slots=True)
class Contents:
    """What an installation consists of: rows by table, and the newest hash of its ledger."""

    rows: Mapping[str, int]
    head: str


def contents(store: Store) -> Contents:
    """What there is to move."""
    with store.reading() as connection:
        return _contents(connection)


def must_be_free(store: Store, url: str) -> None:
    """Raise `StateError` unless the installation may go to the database at `url`; makes nothing.

    There is nothing of ours there, and it did not go to another one.
    """
    database = Database(url)
    try:
        with store.reading() as connection:
            whereabouts.may_leave(connection, database.name)
        if database.holds_anything():
            raise StateError(
                f"there is something at {database.name} already; nothing was moved. Name a database that is empty, "
                "and on which `counterfoil init` was never run"
            )
    finally:
        database.close()


def move(store: Store, url: str, *, holder: Holder, because: Because, tell: Tell) -> Contents:
    """Bring everything to the empty database at `url`, which then is the one to use; this one takes no more writes.

    From its first step on nothing else is written here, and all of it is there or nothing: after a kill, the same
    command begins again. Raises `LeaseHeld` while a run is under way, and `Elsewhere` where it went to another one.
    """
    must_be_free(store, url)
    target = Database(url)
    try:
        store.leave(target.name, holder, because)
        return _bring(store, target, because, tell)
    finally:
        target.close()


def _bring(store: Store, target: Database, because: Because, tell: Tell) -> Contents:
    try:
        with store.reading() as source:
            target.migrate(migrate, partial(_fill, source, tell))
            return _contents(source)
    except BaseException:
        _stay(store, target, because)
        raise


def _stay(store: Store, target: Database, because: Because) -> None:
    """Go on here, if it is certain that nothing arrived there."""
    try:
        arrived = target.holds_anything()
    except StateError:
        return
    if not arrived:
        store.reclaim(because)


def _fill(source: Connection, tell: Tell, target: Connection) -> None:
    """Copy every table in an order that references allow, and compare what arrived with what was sent."""
    for table in _TABLES:
        total, done = _count(source, table), 0
        for some in chunks(_rows(source, table), _BATCH):
            target.execute(insert(table), [_as_values(row) for row in some])
            done += len(some)
            tell(f"copy {table.name}", done, total)
    _number_on(target)
    for table in _TABLES:
        pairs = zip(_rows(source, table), _rows(target, table), strict=True)
        if any(tuple(here) != tuple(there) for here, there in pairs):
            raise StateError(f"table {table.name} did not arrive as it was sent; nothing was moved")
    verdict = verifying.verify(target)
    if not verdict.ok:
        raise StateError(f"the ledger did not arrive whole: {verdict.first_bad}; nothing was moved")


def _rows(connection: Connection, table: Table) -> Iterator[Row[Any]]:
    """The rows of a table in their order, read in short steps; where the installation went stays behind."""
    order = [_in_order(connection, column) for column in table.primary_key.columns]
    query = select(table).order_by(*order).execution_options(yield_per=_BATCH)
    if table is META:
        query = query.where(META.c.name != MOVED)
    yield from connection.execute(query)


def _in_order(connection: Connection, column: Column[Any]) -> ColumnElement[Any]:
    """A column by which every database orders alike: texts by their bytes, whatever language a server sorts by."""
    is_text = isinstance(getattr(column.type, "impl_instance", column.type), String)
    return column.collate("C") if is_text and connection.dialect.name == "postgresql" else column


def _as_values(row: Row[Any]) -> dict[str, Any]:
    return dict(row._mapping)


def _number_on(connection: Connection) -> None:
    """Have the database give numbers that follow those of the rows that were brought."""
    if connection.dialect.name != "postgresql":
        return
    for table in _TABLES:
        column = table.autoincrement_column
        if column is not None:
            name = f"'{table.name}', '{column.name}'"
            last = f"(SELECT max({column.name}) FROM {table.name})"  # noqa: S608
            connection.exec_driver_sql(
                f"SELECT setval(pg_get_serial_sequence({name}), coalesce({last}, 1), {last} IS NOT NULL)"
            )


def _count(connection: Connection, table: Table) -> int:
    return connection.execute(select(func.count()).select_from(table)).scalar_one()


def _contents(connection: Connection) -> Contents:
    return Contents({table.name: _count(connection, table) for table in _TABLES}, audit.head(connection)[1])
