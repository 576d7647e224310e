"""Opening, making and migrating a database."""

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier
from typing import TYPE_CHECKING

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, literal, select
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool
from sqlmodel import SQLModel

from state.columns import Utc
from state.database import _COMPILED, Database
from state.errors import Busy, Damaged
from state.store import NotInitialised, StateError, Store, TooNew
from tests.databases import WHEN, Databases, on_postgresql, on_sqlite, raw, statements

if TYPE_CHECKING:
    from tests.state.conftest import Book


@on_sqlite
def test_a_missing_database_is_named_with_the_command_that_makes_it_and_is_not_made(
    tmp_path: Path, book: "Book"
) -> None:
    path = tmp_path / "none.db"
    with pytest.raises(NotInitialised, match=r"none\.db.*counterfoil init"):
        Store.open(f"sqlite:///{path}", clock=book.clock)
    assert not path.exists()


def test_a_foreign_database_is_not_taken_for_ours(databases: Databases) -> None:
    url = databases.empty()
    raw(url, "CREATE TABLE theirs (id INTEGER)")
    with pytest.raises(NotInitialised, match="counterfoil init"):
        Store.open(url, clock=lambda: WHEN)


@on_sqlite
def test_a_file_that_is_no_database_is_a_clear_error(tmp_path: Path, book: "Book") -> None:
    (tmp_path / "text.db").write_text("not a database at all, but long enough to be read as the head of one" * 20)
    with pytest.raises(StateError, match=r"not a database.*copy from before"):
        Store.open(f"sqlite:///{tmp_path / 'text.db'}", clock=book.clock)


@on_sqlite
def test_a_folder_that_does_not_exist_is_named(tmp_path: Path, book: "Book") -> None:
    with pytest.raises(StateError, match="nowhere"):
        Store.create(f"sqlite:///{tmp_path / 'nowhere' / 'a.db'}", clock=book.clock, entropy=bytes)


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "oracle9://x/y",
        "mysql://u:hunter2@h/n",
        "mysql+pymysql://u:hunter2@h/n",
        "postgresql+asyncpg://u:hunter2@h/n",
        "sqlite+aiosqlite:///counterfoil.db",
        "postgresql+nodriver://u:hunter2@h/n",
        "postgresql+psycopg://h:hunter2/n",
    ],
)
def test_a_url_that_cannot_be_used_says_how_to_write_one_and_shows_no_password(url: str, book: "Book") -> None:
    with pytest.raises(StateError, match="sqlite:///FILE") as caught:
        Store.open(url, clock=book.clock)
    assert "hunter2" not in str(caught.value)


def test_a_password_that_would_be_taken_for_the_host_is_refused_and_one_in_the_query_is_not_shown() -> None:
    with pytest.raises(StateError, match="%40") as caught:
        Database("postgresql+psycopg://u:p@hunter2@h/n")
    assert "hunter2" not in str(caught.value)
    database = Database("postgresql+psycopg://u@h/n?password=hunter2")
    assert database.name == "postgresql+psycopg://u@h/n"
    database.close()


def test_creating_twice_changes_nothing(book: "Book") -> None:
    book.item()
    again = Store.create(book.url, clock=book.clock, entropy=lambda n: b"\1" * n)
    with closing(again):
        assert again.installation == book.store.installation
        assert again.item("AI-000001").title == "Enable MFA for admins"


def test_an_installation_is_named_at_random(databases: Databases, book: "Book") -> None:
    other = Store.create(databases.empty(), clock=book.clock, entropy=lambda n: b"\7" * n)
    with closing(other):
        assert other.installation == "07" * 16 != book.store.installation


@pytest.mark.parametrize("attempt", range(3))
def test_many_that_create_at_once_make_one_database(databases: Databases, attempt: int) -> None:
    url = databases.empty()
    start = Barrier(4)

    def create(seed: int) -> str:
        start.wait()
        with closing(Store.create(url, clock=lambda: WHEN, entropy=lambda n: bytes([seed]) * n)) as store:
            return store.installation

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(create, range(4)))) == 1


def test_a_newer_database_is_refused_by_open_and_by_create(book: "Book") -> None:
    book.raw("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(TooNew, match="9999"):
        Store.open(book.url, clock=book.clock)
    with pytest.raises(TooNew):
        Store.create(book.url, clock=book.clock, entropy=bytes)


def test_an_older_database_asks_for_init(book: "Book") -> None:
    book.raw("UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(StateError, match="counterfoil init"):
        Store.open(book.url, clock=book.clock)


@pytest.mark.parametrize("thing", ["TABLE feed", "TABLE lease", "INDEX link_current_item", "INDEX hold_open"])
def test_a_database_that_lacks_a_table_or_an_index_is_refused_by_open_and_by_create(book: "Book", thing: str) -> None:
    book.raw(f"DROP {thing}")
    with pytest.raises(Damaged, match=rf"lacks {thing.split()[1]}.*copy from before"):
        Store.open(book.url, clock=book.clock)
    with pytest.raises(Damaged):
        Store.create(book.url, clock=book.clock, entropy=bytes)


def test_tables_without_a_version_are_refused_and_left_as_they_are(book: "Book") -> None:
    book.item()
    book.raw("DROP TABLE alembic_version")
    with pytest.raises(Damaged, match="does not say of which version"):
        Store.open(book.url, clock=book.clock)
    with pytest.raises(Damaged):
        Store.create(book.url, clock=book.clock, entropy=bytes)
    assert book.raw("SELECT count(*) FROM item") == [(1,)]


@on_sqlite
def test_another_programs_lock_is_waited_for_and_then_said(book: "Book") -> None:
    with book.store.reading() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 1")
    with closing(sqlite3.connect(make_url(book.url).database or "", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Busy, match=r"Another program holds it"):
            book.item()


def test_a_value_that_nothing_of_ours_wrote_is_told_as_damage(book: "Book") -> None:
    book.item()
    book.raw("UPDATE item SET source_kind = 'manu`l'")
    with pytest.raises(Damaged, match="manu`l"):
        list(book.store.list_items())
    with pytest.raises(Damaged, match="manu`l"):
        book.store.item("AI-000001")


def test_a_fact_that_every_database_of_ours_holds_and_this_one_lacks_is_told_as_damage(book: "Book") -> None:
    book.raw("DELETE FROM meta")
    with pytest.raises(Damaged, match=r"No row was found.*copy from before"):
        Store.open(book.url, clock=book.clock)


@on_sqlite
def test_an_index_that_disagrees_with_its_table_is_found_before_it_is_trusted(book: "Book") -> None:
    book.linked(book.item())
    book.store.check_integrity()
    [(root,)] = book.raw(
        "PRAGMA wal_checkpoint(TRUNCATE)", "SELECT rootpage FROM sqlite_master WHERE name = 'item_by_status'"
    )
    book.store.close()
    with Path(make_url(book.url).database or "").open("r+b") as file:
        file.seek((root - 1) * 4096)
        page = file.read(4096)
        file.seek((root - 1) * 4096)
        file.write(page.replace(b"high", b"hihg"))
    again = Store.open(book.url, clock=book.clock)
    with closing(again), pytest.raises(Damaged, match="item_by_status"):
        again.check_integrity()


def checks(store: Store, *, again: bool = False) -> int:
    """How often the whole file is read when it is to be checked."""
    with statements() as said:
        store.check_integrity(again=again)
    return sum("integrity_check" in one for one in said)


@on_sqlite
def test_a_file_is_checked_as_a_whole_once_and_then_only_if_asked_or_if_somebody_else_wrote_to_it(
    book: "Book",
) -> None:
    path = Path(make_url(book.url).database or "")
    assert [checks(book.store), checks(book.store), checks(book.store, again=True)] == [1, 0, 1]
    book.item()
    book.store.close()
    with closing(Store.open(book.url, clock=book.clock)) as kept:
        assert checks(kept) == 0
    path.write_bytes(path.read_bytes())
    with closing(Store.open(book.url, clock=book.clock)) as touched:
        assert checks(touched) == 1


@on_sqlite
def test_a_file_whose_last_writer_was_killed_is_checked_as_a_whole(book: "Book") -> None:
    book.store.check_integrity()
    book.store.close()
    code = (
        "import os, sys, datetime\nfrom state.store import Holder, Store\n"
        "store = Store.open(sys.argv[1], clock=lambda: datetime.datetime.now(datetime.UTC))\n"
        "store.take_lease(Holder('h1', 1), 60)\nos.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, book.url], check=False).returncode == -9
    with closing(Store.open(book.url, clock=book.clock)) as after:
        assert checks(after) == 1


@on_sqlite
def test_a_file_in_which_damage_was_met_is_checked_as_a_whole_next(book: "Book") -> None:
    book.item()
    book.raw("UPDATE item SET source_kind = 'manu`l'")
    book.store.check_integrity()
    book.store.close()
    with closing(Store.open(book.url, clock=book.clock)) as met, pytest.raises(Damaged):
        met.item("AI-000001")
    with closing(Store.open(book.url, clock=book.clock)) as after:
        assert checks(after) == 1


@pytest.fixture
def sealed(book: "Book") -> Path:
    """The file of a database that was closed in order after it was checked."""
    book.item()
    book.store.check_integrity()
    book.store.close()
    return Path(make_url(book.url).database or "")


def written_by_another(path: Path) -> None:
    path.write_bytes(path.read_bytes())


@on_sqlite
def test_a_reader_that_closes_does_not_vouch_for_what_another_program_wrote_meanwhile(
    book: "Book", sealed: Path
) -> None:
    with closing(Store.open(book.url, clock=book.clock)) as reader:
        reader.holds()
        written_by_another(sealed)
    with closing(Store.open(book.url, clock=book.clock)) as after:
        assert checks(after) == 1


@on_sqlite
def test_a_writer_does_not_vouch_for_what_another_program_wrote_before(book: "Book", sealed: Path) -> None:
    with closing(Store.open(book.url, clock=book.clock)) as writer:
        written_by_another(sealed)
        writer.add_comment("AI-000001", "ana", "Said.", book.because)
    with closing(Store.open(book.url, clock=book.clock)) as after:
        assert checks(after) == 1


@on_sqlite
def test_a_reader_that_closes_does_not_undo_the_distrust_of_another_process(book: "Book") -> None:
    book.item()
    book.raw("UPDATE item SET source_kind = 'manu`l'")
    book.store.check_integrity()
    book.store.close()
    with closing(Store.open(book.url, clock=book.clock)) as reader:
        reader.holds()
        with closing(Store.open(book.url, clock=book.clock)) as met, pytest.raises(Damaged):
            met.item("AI-000001")
    with closing(Store.open(book.url, clock=book.clock)) as after:
        assert checks(after) == 1


@on_sqlite
def test_a_file_stays_trusted_after_what_checked_it_read_it_or_wrote_to_it_alone(book: "Book", sealed: Path) -> None:
    written_by_another(sealed)
    with closing(Store.open(book.url, clock=book.clock)) as checking:
        assert checks(checking) == 1
    with closing(Store.open(book.url, clock=book.clock)) as reading:
        assert reading.holds() == []
        assert checks(reading) == 0
    with closing(Store.open(book.url, clock=book.clock)) as writing:
        writing.add_comment("AI-000001", "ana", "Said.", book.because)
        assert checks(writing) == 0
    with closing(Store.open(book.url, clock=book.clock)) as after:
        assert checks(after) == 0


@on_postgresql
def test_a_server_is_trusted_to_check_its_own_files(book: "Book") -> None:
    assert checks(book.store, again=True) == 0


def test_a_version_that_never_was_is_a_clear_error(book: "Book") -> None:
    book.raw("UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(StateError, match="not made by this program"):
        Store.create(book.url, clock=book.clock, entropy=bytes)


@on_postgresql
def test_a_version_that_never_was_is_told_without_the_password(book: "Book") -> None:
    book.raw("UPDATE alembic_version SET version_num = '0000'")
    url = make_url(book.url).update_query_dict({"sslpassword": "hunter2"}).render_as_string(hide_password=False)
    with pytest.raises(StateError, match="not made by this program") as caught:
        Store.create(url, clock=book.clock, entropy=bytes)
    assert "hunter2" not in str(caught.value)


def test_the_migrations_lead_to_the_tables_that_the_program_uses(book: "Book") -> None:
    engine = create_engine(book.url, poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []


@on_sqlite
def test_what_is_committed_survives_a_power_cut_and_references_hold(book: "Book") -> None:
    with book.store.reading() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}


@on_postgresql
def test_a_server_in_another_time_zone_gives_back_every_time(book: "Book") -> None:
    book.raw(f"ALTER DATABASE \"{make_url(book.url).database}\" SET timezone TO 'America/Los_Angeles'")
    times = [datetime.min.replace(tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC)]
    with closing(Database(book.url)) as database:
        for moment in (database.reading, database.asking, database.writing):
            with moment() as connection:
                assert [connection.scalar(select(literal(each, Utc))) for each in times] == times


@on_postgresql
def test_references_hold_on_a_server_too(book: "Book") -> None:
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        book.raw("INSERT INTO test_result (item, outcome, observed_at, source_ref) VALUES ('AI-9', 'pass', now(), '')")


@on_sqlite
def test_a_full_disk_is_a_clear_error_and_keeps_nothing(book: "Book") -> None:
    with book.store.reading() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1")
    with pytest.raises(StateError, match=r"could not write .*book-1\.db: .*full.*room"):
        book.item(description="x" * 1_000_000)
    assert list(book.store.list_items()) == []


def test_times_come_back_aware_and_utc(book: "Book") -> None:
    made = book.item().created_at
    read = book.store.item("AI-000001").created_at
    assert read == made == book.clock()
    assert read.utcoffset() is not None
    assert str(read.tzinfo) == "UTC"


def test_opening_needs_no_migration_tool(book: "Book") -> None:
    code = (
        "import sys, datetime\nfrom state.store import Store\n"
        f"Store.open({book.url!r}, clock=lambda: datetime.datetime.now(datetime.UTC)).close()\n"
        "print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_marker_key_is_the_same_for_the_same_and_another_for_any_other(book: "Book", databases: Databases) -> None:
    key = book.store.marker_key("AI-000001", "eng", 1)
    assert key == book.store.marker_key("AI-000001", "eng", 1)
    assert len(key) == 26
    assert key.isalnum()
    assert key == key.lower()
    other = Store.create(databases.empty(), clock=book.clock, entropy=lambda n: b"\7" * n)
    with closing(other):
        keys = {
            key,
            book.store.marker_key("AI-000002", "eng", 1),
            book.store.marker_key("AI-000001", "web", 1),
            book.store.marker_key("AI-000001", "eng", 2),
            other.marker_key("AI-000001", "eng", 1),
        }
    assert len(keys) == 5


def test_what_one_database_was_asked_is_not_compiled_again_for_another(databases: Databases) -> None:
    known = []
    for _ in range(3):
        with Store.open(databases.made(), clock=lambda: WHEN) as store:
            list(store.list_items())
        known.append(len(_COMPILED))
    assert 0 < known[1] == known[2]
