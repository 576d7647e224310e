from datetime import date, timedelta

from state import controls
from state.model import Priority, Status, TestOutcome
from state.outlook import ALL, Load, Outlook, outlook
from state.register import Test
from tests.state.conftest import Book
from tests.state.test_groups import DAY, found

TODAY = date(2026, 11, 20)
MIA, TOM = "mia@acme.example", "tom@acme.example"


def look(book: Book, today: date = TODAY) -> Outlook:
    return book.store.ask(outlook, today, stale_days=30)


def close(book: Book, owner: str, count: int) -> None:
    for number in range(count):
        book.change(book.item(f"Closed {number}", owner=owner).ref, status=Status.RESOLVED)


def test_open_work_is_told_by_owner_the_most_urgent_first(book: Book) -> None:
    book.item("a", owner=TOM, due=date(2026, 11, 1))
    book.item("b", owner=MIA, priority=Priority.CRITICAL, due=date(2026, 12, 1))
    book.item("c", owner=MIA, due=date(2026, 12, 2))
    book.item("d", priority=Priority.LOW)
    mia, tom, nobody = look(book).loads
    assert mia == Load(MIA, {Priority.CRITICAL: 1, Priority.HIGH: 1}, 0, 2, date(2026, 11, 30), 0)
    assert tom == Load(TOM, {Priority.HIGH: 1}, 1, 1, date(2026, 11, 16), 0)
    assert (nobody.owner, nobody.open) == (None, {Priority.LOW: 1})


def test_more_due_in_a_week_than_was_ever_closed_in_one_is_too_much(book: Book) -> None:
    close(book, MIA, 2)
    for number in range(3):
        book.item(f"m{number}", owner=MIA, due=date(2026, 12, 1 + number))
        book.item(f"t{number}", owner=TOM, due=date(2026, 12, 1 + 7 * number))
    mia, tom = look(book).loads
    assert (mia.due, mia.best, mia.is_too_much) == (3, 2, True)
    assert (tom.due, tom.best, tom.is_too_much) == (1, 2, False)


def test_nobody_is_told_that_it_is_too_much_before_anything_was_ever_closed(book: Book) -> None:
    for number in range(9):
        book.item(f"m{number}", owner=MIA)
    assert not look(book).loads[0].is_too_much


def test_a_group_is_not_counted_beside_its_items(book: Book) -> None:
    found(book, "a", "b")
    assert [sum(load.open.values()) for load in look(book).loads] == [2]


def test_a_programme_of_which_nothing_moved_for_long_is_quiet(book: Book) -> None:
    book.item("a")
    assert look(book).quiet == []
    assert look(book, TODAY + timedelta(days=30)).quiet == []
    [quiet] = look(book, TODAY + timedelta(days=31)).quiet
    assert (quiet.name, quiet.open) == (ALL, 1)
    book.clock.forward(31 * DAY)
    close(book, MIA, 1)
    assert look(book, TODAY + timedelta(days=31)).quiet == []


def test_what_is_finished_is_not_quiet(book: Book) -> None:
    close(book, MIA, 1)
    assert look(book, TODAY + timedelta(days=300)).quiet == []


def test_tests_that_said_nothing_for_long_are_silent(book: Book) -> None:
    heard = Test("f", "Root has no key", TestOutcome.FAIL, book.clock())
    with book.store.writing() as w:
        controls.heard(w.connection, [heard])
    assert look(book).silent == []
    assert [test.title for test in look(book, TODAY + timedelta(days=31)).silent] == ["Root has no key"]
