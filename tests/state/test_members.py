from datetime import date

from state.model import ActionItem, Priority, Status
from tests.state.conftest import Book
from tests.state.test_groups import DAY, found, group_of, groups


def ended(book: Book, item: ActionItem) -> None:
    book.change(item.ref, status=Status.RESOLVED)


def test_an_item_that_ends_ticks_its_box_and_the_last_one_ends_the_group(book: Book) -> None:
    first, second = found(book, "a", "b")
    ended(book, first)
    group = group_of(book, first)
    assert f"- [x] **{first.ref}**" in group.description
    assert f"- [ ] **{second.ref}**" in group.description
    assert group.status is Status.OPEN
    ended(book, second)
    group = group_of(book, first)
    assert (group.status, group.resolved_at) == (Status.RESOLVED, book.store.item(second.ref).resolved_at)


def test_a_group_follows_what_becomes_of_its_items(book: Book) -> None:
    first, second = found(book, "a", "b")
    book.change(second.ref, priority=Priority.CRITICAL, due_date=date(2026, 12, 3), title="Close port 9")
    group = group_of(book, first)
    assert (group.priority, group.due_date) == (Priority.CRITICAL, date(2026, 12, 3))
    assert "Close port 9, due 2026-12-03" in group.description
    ended(book, second)
    group = group_of(book, first)
    assert (group.priority, group.due_date) == (Priority.HIGH, date(2026, 12, 20))


def test_a_group_that_is_said_to_be_done_ends_its_items(book: Book) -> None:
    first, second = found(book, "a", "b")
    book.change(group_of(book, first).ref, status=Status.RESOLVED)
    assert {book.store.item(each.ref).status for each in (first, second)} == {Status.RESOLVED}
    assert f"- [x] **{second.ref}**" in group_of(book, second).description


def test_a_group_that_a_person_opens_again_stays_open(book: Book) -> None:
    [item] = found(book, "a")
    ended(book, item)
    book.change(group_of(book, item).ref, status=Status.OPEN)
    assert group_of(book, item).status is Status.OPEN
    assert book.store.item(item.ref).status is Status.RESOLVED


def test_an_item_that_opens_again_opens_its_group(book: Book) -> None:
    [item] = found(book, "a")
    ended(book, item)
    book.change(item.ref, status=Status.OPEN)
    assert group_of(book, item).status is Status.OPEN


def test_an_item_that_opens_again_joins_the_group_that_has_begun_since(book: Book) -> None:
    [first] = found(book, "a")
    ended(book, first)
    old = group_of(book, first)
    book.clock.forward(31 * DAY)
    [second] = found(book, "b")
    book.change(first.ref, status=Status.OPEN)
    assert group_of(book, first) == group_of(book, second)
    assert book.store.item(old.ref).status is Status.RESOLVED
    assert [each.ref for each in groups(book) if each.status is Status.OPEN] == [group_of(book, second).ref]


def test_what_is_changed_of_a_group_itself_follows_its_items_again(book: Book) -> None:
    [item] = found(book, "a")
    book.change(group_of(book, item).ref, due_date=date(2027, 3, 1), priority=Priority.LOW)
    group = group_of(book, item)
    assert (group.due_date, group.priority) == (item.due_date, item.priority)
