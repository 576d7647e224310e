"""How everything stands, and why one item does."""

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from state.effects import Effects, Feed, Note
from state.model import Hold, HoldKind, Outcome, Priority, Status, TestOutcome
from state.queries import explain, open_holds, status
from state.store import Batch, Result, UnknownRef

if TYPE_CHECKING:
    from tests.state.conftest import Book

TODAY = date(2026, 12, 1)


def test_an_empty_book_has_nothing_to_say(book: "Book") -> None:
    overview = status(book.store, TODAY)
    assert (overview.items, overview.holds, overview.records, overview.warned) == ({}, {}, 0, ())


def test_status_counts_what_there_is(book: "Book") -> None:
    late = book.item("improve access control", due=date(2026, 11, 30))
    done = book.item(due=date(2026, 11, 1))
    book.linked(book.item(owner="kim@acme.example", priority=Priority.LOW))
    book.change(done.ref, status="resolved")
    book.store.add_comment(late.ref, "kim", "Hello", book.because)
    hold = Hold(HoldKind.NO_ROUTE, late.ref, "", "no route")
    book.store.commit(None, Effects(held=[(hold, book.because)], begun=[book.intent("i1")], feeds=[Feed("eng")]))
    overview = status(book.store, TODAY, warned=1)
    assert overview.items == {
        (Status.OPEN, Priority.HIGH): 1,
        (Status.RESOLVED, Priority.HIGH): 1,
        (Status.OPEN, Priority.LOW): 1,
    }
    assert (overview.overdue, overview.unlinked, overview.dirty) == (1, 1, 2)
    assert (overview.holds, overview.intents, overview.waiting_comments) == ({HoldKind.NO_ROUTE: 1}, 1, 1)
    assert open_holds(book.store) == 1
    assert (overview.links, overview.synced) == ({"eng": 1}, {"eng": book.clock()})
    assert overview.warnings == {"no owner": 1, "past its due date": 1, "the title does not say what to do": 1}
    assert overview.warned == ((late.ref, "no owner; past its due date; the title does not say what to do"),)
    verdict = book.store.verify()
    assert (overview.records, overview.head) == (verdict.records, verdict.head)


def test_explain_shows_all_that_bears_on_an_item(book: "Book") -> None:
    item, other = book.item(), book.item()
    link = book.linked(item)
    comment = book.store.add_comment(item.ref, "kim", "Hello", book.because)
    hold = Hold(HoldKind.GONE, item.ref, "eng", "gone")
    begun = [book.intent("i1", item.ref), book.intent("i2", item.ref), book.intent("i3", other.ref)]
    note = Note("ticket.written", "eng:10001", book.because)
    book.store.commit(None, Effects(held=[(hold, book.because)], begun=begun, notes=[note]))
    book.store.commit(None, Effects(finished={"i1": Outcome("refused", "no such field")}))
    book.store.take_in(Batch(results=[(item.ref, TestOutcome.PASS, book.clock(), "scan")]), book.because)
    found = explain(book.store, item.ref, TODAY, records=4)
    assert (found.item, found.link, found.waiting) == (book.store.item(item.ref), link, (comment,))
    assert found.holds == (replace(hold, id="H-1", opened_at=book.clock()),)
    assert [intent.id for intent in found.intents] == ["i2"]
    assert found.failure is not None
    assert (found.failure.intent.id, found.failure.outcome.reason) == ("i1", "no such field")
    assert found.results == (Result(item.ref, TestOutcome.PASS, book.clock(), "scan"),)
    assert found.warnings == ("no owner",)
    assert [record.seq for record in found.records] == [4, 5, 6, 7]


def test_explain_of_nothing_is_an_unknown_ref(book: "Book") -> None:
    with pytest.raises(UnknownRef):
        explain(book.store, "AI-000001", TODAY)
