"""A database that fails says what is wrong and what to do, and never the password."""

from contextlib import closing
from datetime import date
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.engine import make_url

from state.errors import Busy, Damaged, StateError, Unreachable
from state.model import ItemDraft, Priority
from state.store import Store
from tests.databases import WHEN, on_postgresql
from tests.postgresql import Server, session

if TYPE_CHECKING:
    from tests.state.conftest import Book

pytestmark = on_postgresql


def _opened(url: str) -> StateError:
    with pytest.raises(StateError) as caught:
        Store.open(url, clock=lambda: WHEN)
    assert "hunter2" not in str(caught.value)
    return caught.value


def test_a_server_that_is_not_there_may_be_there_later(book: "Book") -> None:
    error = _opened("postgresql+psycopg://me:hunter2@127.0.0.1:1/book")
    assert isinstance(error, Unreachable)
    assert "See that the server runs" in str(error)


@pytest.mark.parametrize(("database", "user"), [("nowhere", "postgres"), ("postgres", "nobody_known")])
def test_a_wrong_name_is_a_mistake_and_stays_one(book: "Book", database: str, user: str) -> None:
    wrong = make_url(book.url).set(username=user, password="hunter2", database=database)
    error = _opened(wrong.render_as_string(hide_password=False))
    assert not isinstance(error, Unreachable)
    assert "user, password and name" in str(error)


def test_a_connection_that_is_cut_is_no_bug_and_the_next_one_goes_on(book: "Book", postgresql: Server) -> None:
    book.item()
    name = make_url(book.url).database
    postgresql.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", name)
    with pytest.raises(Unreachable, match="whole or not at all"):
        book.item("Lost")
    assert book.item("Kept").ref == "AI-000002"
    assert book.store.verify().ok


def test_a_writer_that_another_keeps_out_says_so_after_a_while(book: "Book") -> None:
    with session(book.url) as other:
        other.execute(f"SELECT pg_advisory_lock({0x636F756E})")
        with pytest.raises(Busy, match="Another program holds it"):
            book.item()
    book.item()


def test_a_server_that_takes_no_writes_keeps_nothing_and_says_where_to_look(book: "Book", postgresql: Server) -> None:
    postgresql.run(f"ALTER DATABASE {make_url(book.url).database} SET default_transaction_read_only = on")
    with closing(Store.open(book.url, clock=book.clock)) as store, pytest.raises(StateError, match="takes no writes"):
        store.add_items([(ItemDraft("x"), date(2026, 12, 1), Priority.LOW)], book.because)


def test_a_table_that_is_gone_is_damage(book: "Book") -> None:
    book.raw("DROP TABLE feed")
    with pytest.raises(Damaged):
        book.store.feed("eng")


def test_a_text_that_cannot_be_stored_is_named(book: "Book") -> None:
    with pytest.raises(StateError, match="NUL"):
        book.item("half\0way")
    assert list(book.store.list_items()) == []


def test_one_process_needs_one_connection(book: "Book", postgresql: Server) -> None:
    for number in range(30):
        book.item(f"Rotate key {number}")
    list(book.store.list_items())
    list(book.store.log())
    name = make_url(book.url).database
    found = postgresql.run("SELECT application_name FROM pg_stat_activity WHERE datname = %s", name)
    assert found == [("counterfoil",)]
    with book.store.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM pg_prepared_statements").scalar() == 0
