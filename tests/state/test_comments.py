"""Comments: ours wait until they are sent, people's arrive once."""

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from state.comments import UNKNOWN, waiting
from state.effects import Effects
from state.model import ActionItem, Comment
from state.store import StateError, UnknownRef

if TYPE_CHECKING:
    from tests.state.conftest import Book


def _put(book: "Book", *comments: Comment) -> tuple[Comment, ...]:
    return book.store.commit(None, Effects(comments=[(each, book.because) for each in comments])).comments


def test_our_comment_waits_until_it_stands_in_the_tracker(book: "Book") -> None:
    item = book.item()
    comment = book.store.add_comment(item.ref, "kim@acme.example", "Any news?", book.because)
    assert (comment.id, comment.at, comment.inbound) == ("C-000001", book.clock(), False)
    assert book.store.waiting_comments() == []
    book.linked(item)
    assert book.store.waiting_comments() == [comment]
    [sent] = _put(book, replace(comment, tracker="eng", remote_id="r1"))
    assert sent == replace(comment, tracker="eng", remote_id="r1")
    assert book.store.waiting_comments() == []
    assert book.store.comments(item.ref) == [sent]
    _put(book, sent)
    assert book.actions() == ["item.created", "comment.added", "ticket.linked", "comment.sent"]


def test_a_persons_comment_arrives_once(book: "Book") -> None:
    item = book.item()
    theirs = Comment("", item.ref, "Ada", "On it.", book.clock(), inbound=True, tracker="eng", remote_id="r7")
    [stored] = _put(book, theirs)
    assert _put(book, replace(theirs, text="edited"))[0] == stored
    assert book.store.comments(item.ref) == [replace(theirs, id="C-000001")]
    assert book.store.known_comments("eng", ["r7", "r8"]) == {"r7"}
    assert book.store.known_comments("web", ["r7"]) == set()
    assert book.actions() == ["item.created", "comment.received"]


def test_a_record_of_a_comment_stands_for_its_text_and_does_not_hold_it(book: "Book") -> None:
    item = book.item()
    book.store.add_comment(item.ref, "kim@acme.example", "very personal", book.because)
    assert book.records()[-1]["after"]["text"] == "very personal"
    assert "very personal" not in book.bodies()


def test_a_comment_on_nothing_is_refused(book: "Book") -> None:
    with pytest.raises(UnknownRef):
        book.store.add_comment("AI-000009", "kim@acme.example", "Hello?", book.because)
    with pytest.raises(StateError):
        _put(book, Comment("", "AI-000009", "Ada", "Hi", book.clock(), inbound=True, tracker="eng", remote_id="r1"))
    assert book.records() == []


def test_many_at_once_are_numbered_in_their_order_each_once_and_recorded_each(book: "Book") -> None:
    item = book.item()
    heard = [Comment("", item.ref, "mia", f"said {n}", book.clock(), True, "eng", str(n % 5)) for n in range(7)]
    stored = _put(book, *heard)
    assert [each.id for each in stored] == [*(f"C-{n:06d}" for n in range(1, 6)), "C-000001", "C-000002"]
    assert book.actions().count("comment.received") == 5
    more = [replace(heard[0], remote_id=id_) for id_ in ("4", "9")]
    again = _put(book, *more)
    assert [each.id for each in again] == ["C-000005", "C-000006"]
    assert len(book.store.comments(item.ref)) == 6
    assert book.store.verify().ok


def _about(item: ActionItem, text: str, book: "Book", **more: object) -> Comment:
    comment = Comment("", item.ref, "counterfoil", text, book.clock(), inbound=False, tracker="eng", topic="missing")
    return replace(comment, **more)  # type: ignore[arg-type]


def test_of_an_item_there_is_one_comment_about_a_topic_and_it_waits_while_what_stands_there_is_another(
    book: "Book",
) -> None:
    item = book.item()
    book.linked(item)
    [first] = _put(book, _about(item, "A screenshot is missing.", book))
    [reworded] = _put(book, _about(item, "A review is missing.", book))
    assert (reworded.id, reworded.text, reworded.standing, reworded.due) == (first.id, "A review is missing.", "", True)
    [sent] = _put(book, replace(reworded, remote_id="r1"))
    assert (sent.due, book.store.waiting_comments()) == (False, [])
    [again] = _put(book, _about(item, "Nothing is missing.", book))
    assert (again.remote_id, again.due) == ("r1", True)
    assert book.store.waiting_comments() == [again]
    [back] = _put(book, _about(item, "A review is missing.", book))
    assert (back.due, book.store.waiting_comments()) == (False, [])
    assert book.actions()[2:] == ["comment.added", "comment.reworded", "comment.sent", *["comment.reworded"] * 2]


def test_what_was_sent_while_other_words_were_found_is_not_what_stands_there(book: "Book") -> None:
    item = book.item()
    book.linked(item)
    [first] = _put(book, _about(item, "One", book))
    _put(book, _about(item, "Two", book))
    [sent] = _put(book, replace(first, remote_id="r1"))
    assert (sent.text, sent.due) == ("Two", True)
    [unsure] = _put(book, replace(sent, standing=UNKNOWN))
    [same] = _put(book, _about(item, "One", book))
    assert (unsure.due, same.due, same.standing) == (True, True, UNKNOWN)


def test_a_topic_starts_anew_with_another_ticket_and_what_stands_in_the_former_one_stays(book: "Book") -> None:
    item = book.item()
    book.linked(item)
    [first] = _put(book, _about(item, "A review is missing.", book))
    _put(book, replace(first, remote_id="r1"))
    book.store.unlink(item.ref, book.because)
    book.linked(item, "10002")
    [new] = _put(book, _about(item, "Nothing is missing.", book))
    assert (new.id != first.id, new.remote_id) == (True, "")
    assert [c.text for c in book.store.comments(item.ref)] == ["A review is missing.", "Nothing is missing."]


def test_what_was_not_said_yet_on_a_former_ticket_waits_no_more(book: "Book") -> None:
    item = book.item()
    book.linked(item)
    _put(book, _about(item, "A review is missing.", book))
    said = book.store.add_comment(item.ref, "kim@acme.example", "Any news?", book.because)
    book.store.unlink(item.ref, book.because)
    assert book.store.ask(waiting, linked_only=False) == [said]
    link = book.link(item, "10002")
    book.linked(item, "10002", ref=replace(link.ref, tracker="ops"))
    assert book.store.waiting_comments() == [said]
