"""A connection of ours refuses to change the ledger's past or the tables, and is asked about a statement only once."""

import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Connection

from state import permits
from state.database import Database
from state.errors import StateError
from tests.databases import on_sqlite
from tests.state.attacks import OF_PROOFS, ON_SQLITE, REWRITES, SHAPING_ON_SQLITE

if TYPE_CHECKING:
    from tests.state.conftest import Book

pytestmark = on_sqlite

REFUSED = "not authorized|may not be modified|a record only follows the last one|goes only with a record of it"


@pytest.mark.parametrize("attack", [*REWRITES, *OF_PROOFS, *ON_SQLITE, *SHAPING_ON_SQLITE])
def test_our_own_connection_is_refused_what_would_change_the_past(book: "Book", attack: str) -> None:
    for number in range(10):
        book.item(f"Rotate key {number}")
    before = _all(book)
    with pytest.raises(StateError, match=REFUSED), book.store.writing() as w:
        w.connection.exec_driver_sql(attack)
    assert _all(book) == before
    book.item("It goes on")
    assert book.store.verify().ok


def test_a_connection_that_migrated_is_guarded_again(book: "Book") -> None:
    database = Database(book.url)
    database.migrate(partial(_say, "CREATE TABLE theirs (seq INTEGER)"))
    with pytest.raises(StateError, match="not authorized"), database.writing() as connection:
        connection.exec_driver_sql("DROP TABLE theirs")
    with pytest.raises(StateError, match="syntax"):
        database.migrate(partial(_say, "nonsense"))
    with pytest.raises(StateError, match="not authorized"), database.writing() as connection:
        connection.exec_driver_sql("DROP TABLE theirs")
    database.close()


def test_a_statement_that_was_asked_before_costs_no_question_but_its_commit(book: "Book") -> None:
    asked = [_questions(book.item) for _ in range(4)]
    assert asked[0] > 0
    assert asked[2:] == [1, 1], "the driver prepares a COMMIT each time"


def _questions(do: Callable[[], object]) -> int:
    """How often a connection was asked whether it may while this was done."""
    asked = 0

    def count(frame: FrameType, what: str, _more: object) -> None:
        nonlocal asked
        asked += what == "call" and frame.f_code is permits._permitted.__code__

    sys.setprofile(count)
    try:
        do()
    finally:
        sys.setprofile(None)
    return asked


def _say(statement: str, connection: Connection) -> None:
    connection.exec_driver_sql(statement)


def _all(book: "Book") -> list[Any]:
    return [
        book.raw("SELECT * FROM audit ORDER BY seq"),
        book.raw("SELECT * FROM salted ORDER BY hash"),
        book.raw("SELECT type, name, sql FROM sqlite_master"),
    ]
