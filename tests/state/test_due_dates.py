"""Later due dates as they are kept, in both databases."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from state import due_dates
from state.acceptance import DueChange
from state.effects import Effects
from state.errors import StateError
from tests.state.test_acceptances import actions


def test_a_later_due_date_is_asked_for_once_and_decided_once(book: Any) -> None:
    item = book.item()
    first = DueChange(item.ref, item.due_date, date(2027, 1, 1), "hub:tom", book.clock(), "eng", "e1")
    for change in (first, first, replace(first, after=date(2027, 2, 1))):
        book.store.commit(None, Effects(later=[(change, book.because)]))
    [waits] = book.store.ask(due_dates.changes)
    assert waits.after == date(2027, 2, 1)
    decided = replace(waits, verdict="approved", decided_by="ruth@acme.example", decided_at=book.clock())
    book.store.commit(None, Effects(later=[(decided, book.because)]))
    for change in (replace(decided, after=date(2027, 1, 1)), decided):
        with pytest.raises(StateError, match="not asked for any more"):
            book.store.commit(None, Effects(later=[(change, book.because)]))
    assert book.store.ask(due_dates.changes) == []
    assert book.store.ask(due_dates.changes, item.ref) == [decided]
    assert [a for a in actions(book) if a.startswith("due.")] == ["due.requested", "due.requested", "due.decided"]
