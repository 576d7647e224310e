"""Holds: opened once, kept up to date, settled by a person."""

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from state.effects import Effects
from state.model import Field, Hold, HoldKind
from state.store import UnknownRef

if TYPE_CHECKING:
    from tests.state.conftest import Book

CONFLICT = Hold(HoldKind.CONFLICT, "AI-000001", "eng", "both moved", Field.DUE_DATE, "2026-12-01", "2026-12-24")


def _place(book: "Book", *holds: Hold) -> tuple[Hold, ...]:
    return book.store.commit(None, Effects(held=[(hold, book.because) for hold in holds])).holds


def test_a_hold_gets_an_id_a_time_and_a_command(book: "Book") -> None:
    [stored] = _place(book, CONFLICT)
    assert stored == replace(CONFLICT, id="H-1", opened_at=book.clock())
    assert "H-1" in stored.command
    assert book.store.hold("H-1") == book.store.hold("h-1") == stored
    assert book.actions() == ["hold.opened"]


def test_the_same_hold_is_open_once_and_says_the_latest(book: "Book") -> None:
    _place(book, CONFLICT)
    before = book.clock()
    book.clock.forward(60)
    [stored] = _place(book, replace(CONFLICT, theirs="2026-12-31", detail="moved on"))
    assert (stored.id, stored.opened_at, stored.theirs, stored.detail) == ("H-1", before, "2026-12-31", "moved on")
    assert book.store.holds() == [stored]
    assert book.actions() == ["hold.opened"]


def test_holds_differ_by_item_tracker_kind_and_field(book: "Book") -> None:
    others = [
        replace(CONFLICT, item="AI-000002"),
        replace(CONFLICT, tracker="web"),
        replace(CONFLICT, kind=HoldKind.GONE),
        replace(CONFLICT, field=Field.TITLE),
        replace(CONFLICT, field=None),
    ]
    stored = _place(book, CONFLICT, *others, CONFLICT, replace(others[0], detail="later"))
    assert [hold.id for hold in stored] == ["H-1", "H-2", "H-3", "H-4", "H-5", "H-6", "H-1", "H-2"]
    assert [hold.detail for hold in book.store.holds("AI-000002")] == ["later"]
    assert len(book.actions()) == 6


def test_a_settled_hold_is_closed_once_and_may_open_anew(book: "Book") -> None:
    _place(book, CONFLICT)
    settle = Effects(released={"H-1": book.because})
    book.store.commit(None, settle)
    book.store.commit(None, settle)
    assert book.store.holds() == []
    assert [hold.id for hold in book.store.holds(open_only=False)] == ["H-1"]
    assert book.actions() == ["hold.opened", "hold.settled"]
    assert (book.records()[1]["reason"], book.records()[1]["after"]) == ("asked to", None)
    [again] = _place(book, CONFLICT)
    assert again.id == "H-2"


@pytest.mark.parametrize("id_", ["H-9", "9x", "", "H-", "H-²", "H-" + "9" * 40])
def test_an_unknown_hold_is_named(book: "Book", id_: str) -> None:
    with pytest.raises(UnknownRef):
        book.store.hold(id_)
    with pytest.raises(UnknownRef):
        book.store.commit(None, Effects(released={id_: book.because}))
