"""Intents: begun, asked for, finished, or left open by a crash."""

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from state.effects import Effects
from state.model import OperationKind, Outcome
from state.store import Holder, StateError

if TYPE_CHECKING:
    from tests.state.conftest import Book


def test_an_intent_stays_open_with_all_it_needs_until_it_is_finished(book: "Book") -> None:
    first, second = book.intent("i1"), replace(book.intent("i2"), tracker="web")
    book.store.commit(None, Effects(begun=[first, second]))
    assert book.store.open_intents() == [first, second]
    assert book.store.open_intents("web") == [second]
    book.store.commit(None, Effects(finished={"i1": Outcome("done")}))
    assert book.store.open_intents() == [second]


def test_an_intents_id_is_used_once(book: "Book") -> None:
    book.store.commit(None, Effects(begun=[book.intent("i1")]))
    with pytest.raises(StateError, match="begun before"):
        book.store.commit(None, Effects(begun=[book.intent("i2"), book.intent("i1")]))
    assert [intent.id for intent in book.store.open_intents()] == ["i1"]


def test_only_an_open_intent_is_finished_and_only_once(book: "Book") -> None:
    book.store.commit(None, Effects(begun=[book.intent("i1")], finished={"i1": Outcome("done")}))
    for id_ in ("i1", "i9"):
        with pytest.raises(StateError, match=id_):
            book.store.commit(None, Effects(finished={id_: Outcome("done")}))


def test_asking_is_remembered(book: "Book") -> None:
    book.store.commit(None, Effects(begun=[book.intent("i1"), book.intent("i2")]))
    book.clock.forward(120)
    book.store.commit(None, Effects(asked=["i1"]))
    assert [intent.asked_at for intent in book.store.open_intents()] == [book.clock(), None]


def test_what_is_sent_only_now_begins_now(book: "Book") -> None:
    begun = book.clock()
    book.store.commit(None, Effects(begun=[book.intent("i1"), book.intent("i2")]))
    book.clock.forward(50)
    theirs = book.clock() + timedelta(hours=1)
    book.store.commit(None, Effects(sent={"i2": theirs}))
    assert [intent.begun_at for intent in book.store.open_intents()] == [begun, book.clock()]
    assert [intent.begun_there for intent in book.store.open_intents()] == [None, theirs]


def test_what_was_written_lately_is_known_by_when_it_was_begun(book: "Book") -> None:
    first = book.clock()
    book.store.commit(None, Effects(begun=[book.intent("i1")]))
    book.clock.forward(60)
    kinds = [OperationKind.CREATE, OperationKind.COMMENT, OperationKind.UPDATE]
    book.store.commit(None, Effects(begun=[book.intent(f"j{kind}", kind=kind) for kind in kinds]))
    book.store.commit(None, Effects(finished={"jcreate": Outcome("done")}))
    newest = [book.store.content_at("eng", first, book.clock(), after) for after in range(4)]
    assert newest == [book.clock(), book.clock(), first, None]
    assert book.store.content_at("eng", first + timedelta(seconds=1), book.clock(), 2) is None
    assert book.store.content_at("web", first, book.clock()) is None


def test_what_is_done_is_forgotten_in_time_and_what_failed_is_not(book: "Book") -> None:
    book.store.commit(None, Effects(begun=[book.intent(f"i{number}") for number in range(4)]))
    ended = {"i0": Outcome("done"), "i1": Outcome("refused", "no such field"), "i3": Outcome("deferred")}
    book.store.commit(None, Effects(finished=ended))
    lease = book.store.take_lease(Holder("here", 1), 60)
    assert book.raw("SELECT id FROM intent ORDER BY id") == [("i0",), ("i1",), ("i2",), ("i3",)]
    book.store.release_lease(lease)
    book.clock.forward(8 * 86_400)
    book.store.take_lease(Holder("here", 1), 60)
    assert book.raw("SELECT id FROM intent ORDER BY id") == [("i1",), ("i2",)]


def test_a_done_intent_keeps_no_text(book: "Book") -> None:
    book.store.commit(None, Effects(begun=[book.intent("i1")]))
    book.store.commit(None, Effects(finished={"i1": Outcome("done")}))
    assert book.raw("SELECT payload FROM intent") == [("{}",)]
