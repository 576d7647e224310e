from datetime import date

import pytest

from state.grouping import Grouping, GroupRule
from state.model import ActionItem, ItemDraft, Priority, SourceKind, Status
from state.store import Batch
from tests.state.conftest import Book

BY_CHECK = Grouping((GroupRule("check"),), reopen_days=30)
DAY = 86_400


def found(book: Book, *names: str, check: str = "ssh_open", due: date = date(2026, 12, 20)) -> list[ActionItem]:
    """Take in new findings of a check, by their names."""
    drafts = [
        ItemDraft(f"Close {name}", source_kind=SourceKind.AUTOMATED_TEST, source_ref=check, fingerprint=name)
        for name in names
    ]
    batch = Batch(added=[(draft, due, Priority.HIGH) for draft in drafts], grouping=BY_CHECK)
    return [book.store.item(item.ref) for item in book.store.take_in(batch, book.because).added]


def group_of(book: Book, item: ActionItem) -> ActionItem:
    ref = book.store.item(item.ref).part_of
    assert ref is not None
    return book.store.item(ref)


def groups(book: Book) -> list[ActionItem]:
    return [item for item in book.store.list_items() if item.is_group]


def test_findings_of_one_check_are_part_of_one_group(book: Book) -> None:
    first, second = found(book, "a", "b")
    [other] = found(book, "c", check="rdp_open")
    [third] = found(book, "d", due=date(2026, 12, 1))
    group = group_of(book, first)
    assert group_of(book, second) == group_of(book, third) == group
    assert group_of(book, other).ref != group.ref
    assert (group.due_date, group.priority, group.status) == (date(2026, 12, 1), Priority.HIGH, Status.OPEN)
    assert group.original_due_date == date(2026, 12, 20)
    assert all(item.ref in group.description for item in (first, second, third))
    assert other.ref not in group.description


def test_an_item_that_no_rule_takes_stays_alone(book: Book) -> None:
    [item] = found(book, "a", check="")
    assert item.part_of is None
    assert groups(book) == []


def test_a_group_and_its_items_are_recorded_in_one_step(book: Book) -> None:
    before = book.store.verify().records
    [item] = found(book, "a")
    group = group_of(book, item)
    said = [(record["object"], record["action"]) for record in book.records(since=before)]
    assert said[:2] == [(item.ref, "item.created"), (group.ref, "item.created")]
    assert (item.ref, "item.changed") in said


@pytest.mark.parametrize(("days", "same"), [(29, True), (31, False)])
def test_a_finished_group_is_begun_again_for_some_days_and_then_another_begins(
    book: Book, days: int, *, same: bool
) -> None:
    [first] = found(book, "a")
    book.change(first.ref, status=Status.RESOLVED)
    old = group_of(book, first)
    assert old.status is Status.RESOLVED
    book.clock.forward(days * DAY)
    [second] = found(book, "b")
    group = group_of(book, second)
    assert (group.ref == old.ref) is same
    assert group.status is Status.OPEN
    assert group.predecessor == (None if same else old.ref)
    assert len([each for each in groups(book) if each.status is Status.OPEN]) == 1
