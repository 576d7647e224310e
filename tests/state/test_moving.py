"""An installation goes to another database: the same there to the byte, and written to in one place only."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from state import risks
from state.database import Database
from state.effects import Effects, Feed
from state.errors import Elsewhere, LeaseHeld, StateError
from state.lease import Holder
from state.model import Claim, ClaimKind, Hold, HoldKind, Outcome, TestOutcome
from state.moving import contents, move, must_be_free
from state.store import Batch, Store
from state.ticket import Cursor
from state.whereabouts import moved_to
from tests.databases import Databases, Files, OnServer
from tests.postgresql import Server
from tests.state.test_risks import RISK

if TYPE_CHECKING:
    from tests.state.conftest import Book

HERE = Holder("h1", 1)
TABLES = ("meta", "counter", "lease", "item", "link", "intent", "hold", "comment", "test_result", "feed", "audit")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def others(request: pytest.FixtureRequest, tmp_path: Path, templates: Any) -> Iterator[Databases]:
    """Databases of the kind to move to."""
    if request.param == "sqlite":
        (tmp_path / "new").mkdir()
        yield Files(tmp_path / "new", templates["sqlite"], lambda: tmp_path)
        return
    made = OnServer(request.getfixturevalue("postgresql"), templates["postgresql"])
    yield made
    made.close()


@pytest.fixture
def full(book: "Book") -> "Book":
    """A book with something in every table."""
    one = book.item("Übung – ✓", description="long\n" * 5000, controls=("CC6.1", "é"), external_ref="X-1", owner=None)
    two, three = book.item(fingerprint="f-2", due=date(2027, 1, 1)), book.item()
    book.change(one.ref, claim=Claim(ClaimKind.RESOLVED, "mia", book.clock(), "did it"))
    ended = book.linked(two, "7")
    book.store.unlink(two.ref, book.because)
    book.linked(two, "8", generation=2, marker=replace(ended.marker, key=book.store.marker_key(two.ref, "eng", 2)))
    book.linked(three, "9", archived=True, missing_since=book.clock(), seen_at=book.clock())
    book.store.add_comment(one.ref, "kim", "Hello", book.because)
    book.store.take_in(Batch(results=[(one.ref, TestOutcome.FAIL, book.clock(), "scan")]), book.because)
    feed = Feed(
        "eng", settled=Cursor(book.clock(), "v"), fresh=Cursor(book.clock()), rules="r", audited_at=book.clock()
    )
    held = [(Hold(HoldKind.GONE, two.ref, "eng", "gone"), book.because)]
    lease = book.store.take_lease(HERE, 60)
    book.store.commit(lease, Effects(begun=[book.intent("i1"), book.intent("i2")], held=held, feeds=[feed]))
    book.store.commit(lease, Effects(finished={"i1": Outcome("refused", "no")}))
    book.store.release_lease(lease)
    return book


def rows(store: Store) -> dict[str, list[Any]]:
    with store.reading() as connection:
        return {name: _rows(connection, name) for name in TABLES}


def _rows(connection: Any, name: str) -> list[Any]:
    found = [tuple(map(_plain, row)) for row in connection.exec_driver_sql(f"SELECT * FROM {name}")]  # noqa: S608
    return sorted(row for row in found if row[0] != "moved_to")


def _plain(value: Any) -> str:
    """A value as both kinds of database show it."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, datetime) and value.tzinfo:
        return str(value.astimezone(UTC).replace(tzinfo=None))
    return str(value)


def moved(book: "Book", url: str) -> Store:
    move(book.store, url, holder=HERE, because=book.because, tell=lambda *_: None)
    return Store.open(url, clock=book.clock)


def went(store: Store) -> str:
    with store.reading() as connection:
        return moved_to(connection)


def test_all_of_it_arrives_and_the_ledger_is_the_same_to_the_byte(full: "Book", others: Databases) -> None:
    with closing(moved(full, others.empty())) as new:
        assert rows(new) == rows(full.store)
        assert [(r.seq, r.prev, r.hash, r.body) for r in new.log()] == [
            (r.seq, r.prev, r.hash, r.body) for r in full.store.log()
        ]
        assert new.verify().ok
        assert new.installation == full.store.installation
        assert full.actions()[-1] == "state.moved"


@pytest.mark.postgresql
def test_it_arrives_where_a_server_sorts_by_a_language(full: "Book", postgresql: Server) -> None:
    with full.store.writing() as w:
        risks.add(w.connection, w.ledger, [RISK, replace(RISK, id="db-7"), replace(RISK, id="é-1")], full.because)
    try:
        url = postgresql.empty_in_english()
    except psycopg.Error as error:
        pytest.skip(f"the server sorts by no language: {error}")
    with closing(moved(full, url)) as new:
        assert new.verify().ok
        assert {each.id for each in new.ask(risks.everything)} == {"R-0001", "db-7", "é-1"}
        assert [each.words for each in new.apart()] == []
    postgresql.drop(url)


def test_numbers_go_on_where_they_were(full: "Book", others: Databases) -> None:
    with closing(moved(full, others.empty())) as new:
        there = replace(full, store=new)
        assert there.item().ref == "AI-000004"
        there.linked(new.item("AI-000004"), "44")
        assert new.add_comment("AI-000001", "kim", "Again", full.because).id == "C-000002"
        stored = new.commit(None, Effects(held=[(Hold(HoldKind.GONE, "AI-000003", "eng", "gone"), full.because)]))
        assert stored.holds[0].id == "H-2"
        assert new.take_lease(HERE, 60).token == 3
        assert new.verify().ok


def test_the_old_database_takes_no_more_writes_and_says_where_to_go(full: "Book", others: Databases) -> None:
    moved(full, others.empty()).close()
    again = Store.open(full.url, clock=full.clock)
    with closing(again):
        for store in (full.store, again):
            with pytest.raises(Elsewhere, match=r"url = .*state reclaim"):
                store.take_lease(HERE, 60)
            with pytest.raises(Elsewhere):
                store.add_comment("AI-000001", "kim", "Hello", full.because)
        assert again.item("AI-000001").title == "Übung – ✓"


def test_a_database_that_was_moved_can_be_reclaimed_and_says_so_in_its_ledger(full: "Book", others: Databases) -> None:
    moved(full, others.empty()).close()
    full.store.reclaim(full.because)
    assert full.item().ref == "AI-000004"
    assert full.actions()[-2:] == ["state.reclaimed", "item.created"]


def test_there_and_back_again_is_the_same(full: "Book", others: Databases, databases: Databases) -> None:
    with (
        closing(moved(full, others.empty())) as new,
        closing(moved(replace(full, store=new), databases.empty())) as old,
    ):
        assert rows(old) == rows(new)
        assert old.verify().ok


def test_something_that_is_there_already_is_never_touched(full: "Book", others: Databases) -> None:
    url = others.made()
    with pytest.raises(StateError, match="something at"):
        moved(full, url)
    with pytest.raises(StateError, match="something at"):
        moved(full, full.url)
    assert went(full.store) == ""
    assert full.actions()[-1] != "state.moved"
    with closing(Store.open(url, clock=full.clock)) as there:
        assert list(there.list_items()) == []


def test_nothing_moves_while_a_run_is_under_way(full: "Book", others: Databases) -> None:
    url = others.empty()
    full.store.take_lease(Holder("h2", 2), 60)
    with pytest.raises(LeaseHeld):
        moved(full, url)
    assert went(full.store) == ""
    must_be_free(full.store, url)


@pytest.mark.parametrize("table", ["counter", "item", "audit"])
def test_a_failure_on_the_way_leaves_the_new_one_empty_and_the_old_one_in_use(
    full: "Book", others: Databases, table: str
) -> None:
    url = others.empty()

    def tell(stage: str, *_: int) -> None:
        if stage == f"copy {table}":
            raise StateError("the line is cut")

    with pytest.raises(StateError, match="the line is cut"):
        move(full.store, url, holder=HERE, because=full.because, tell=tell)
    must_be_free(full.store, url)
    assert full.item().ref == "AI-000004"
    with closing(moved(full, url)) as new:
        assert rows(new) == rows(full.store)


def test_a_kill_on_the_way_is_made_good_by_the_same_command(full: "Book", others: Databases) -> None:
    url = others.empty()
    with closing(Database(url)) as target:
        full.store.leave(target.name, HERE, full.because)
    with pytest.raises(Elsewhere):
        full.item()
    with closing(moved(full, url)) as new:
        assert rows(new) == rows(full.store)


def test_a_run_whose_installation_was_moved_away_is_told_so(full: "Book", others: Databases) -> None:
    held = full.store.take_lease(HERE, 0)
    moved(full, others.empty()).close()
    with pytest.raises(Elsewhere):
        full.store.commit(held, Effects(dirty=["AI-000001"]))
    with pytest.raises(Elsewhere):
        full.store.renew_lease(held, 60)
    full.store.release_lease(held)


def test_what_there_is_to_move_is_counted(full: "Book") -> None:
    there = contents(full.store)
    assert (there.rows["item"], there.rows["link"], there.rows["audit"]) == (3, 3, len(full.records()))
    assert there.head == full.store.verify().head


def test_an_installation_that_was_moved_goes_nowhere_else_unless_it_is_reclaimed(
    full: "Book", others: Databases
) -> None:
    first, second = others.empty(), others.empty()
    moved(full, first).close()
    there = went(full.store)
    with pytest.raises(Elsewhere, match="state reclaim"):
        moved(full, second)
    with pytest.raises(Elsewhere):
        full.store.leave(second, HERE, full.because)
    assert went(full.store) == there
    full.store.reclaim(full.because)
    moved(full, second).close()


SAME = "postgresql+psycopg://postgres@/same"


def test_two_servers_with_a_database_of_one_name_are_two_places(full: "Book") -> None:
    here, there = f"{SAME}?host=/srv/a&sslmode=verify-full", f"{SAME}?host=/srv/b&sslmode=verify-full"
    with closing(Database(here)) as target:
        full.store.leave(target.name, HERE, full.because)
    with pytest.raises(Elsewhere) as caught:
        full.item()
    assert f'write url = "{here}"' in str(caught.value), "all that it takes to connect there as safely"
    with pytest.raises(Elsewhere, match="/srv/a"):
        must_be_free(full.store, there)
    with pytest.raises(Elsewhere, match="/srv/a"):
        moved(full, there)
    full.store.leave(f"{SAME}?host=/srv/a&passfile=/root/.pgpass", HERE, full.because)


def test_an_installation_that_went_where_an_earlier_version_named_no_server_is_reclaimed(full: "Book") -> None:
    full.raw(("INSERT INTO meta (name, value) VALUES ('moved_to', ?)", [SAME]))
    with pytest.raises(Elsewhere, match="state reclaim"):
        full.item()
    with pytest.raises(Elsewhere, match="state reclaim"):
        must_be_free(full.store, f"{SAME}?host=/srv/a")
    full.store.leave(SAME, HERE, full.because)
    full.store.reclaim(full.because)
    assert full.item().ref == "AI-000004"
