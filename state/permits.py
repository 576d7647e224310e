"""What a connection to a file of ours may do: everything but to change the ledger's past, or the tables themselves."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

_LEDGER = "audit"
_PROOFS = frozenset({_LEDGER, "salted", "checkpoint"})
"""What is added to and never changed; what may go from it is for the triggers to say."""
_SCHEMA = frozenset({"sqlite_master", "sqlite_schema", "sqlite_temp_master", "sqlite_temp_schema"})
_WRITES = frozenset({sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE})
_SHAPES = frozenset(
    code
    for name, code in vars(sqlite3).items()
    if name.startswith(("SQLITE_CREATE_", "SQLITE_DROP_", "SQLITE_ALTER_", "SQLITE_ATTACH", "SQLITE_DETACH"))
)
"""What makes, changes or takes away tables, indexes, triggers, views or whole databases."""


def guard(driver: sqlite3.Connection) -> None:
    """Have a connection refuse what would change the ledger's past; it is asked once for each new statement."""
    driver.set_authorizer(_permitted)


@contextmanager
def shaping(connection: Connection) -> Iterator[None]:
    """Let a connection change the tables meanwhile, as migrations do."""
    driver = connection.connection.driver_connection
    if not isinstance(driver, sqlite3.Connection):
        yield
        return
    driver.set_authorizer(None)
    try:
        yield
    finally:
        guard(driver)


def _permitted(action: int, first: str | None, second: str | None, _database: str | None, _inner: str | None) -> int:
    """Whether a statement may do one of the things it consists of; `first` is a table's or a pragma's name."""
    if (
        action in _SHAPES
        or (action == sqlite3.SQLITE_UPDATE and first in _PROOFS)
        or (action == sqlite3.SQLITE_DELETE and first == _LEDGER)
        or (action in _WRITES and first in _SCHEMA)
        or (action == sqlite3.SQLITE_PRAGMA and second is not None and str(first).casefold() == "writable_schema")
    ):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK
