"""Links: made, brought up to date, ended, and what makes an item clean."""

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from state.effects import Effects, ItemChange
from state.model import Agreed, Field, Hold, HoldKind, Outcome
from state.store import Holder, StateError, UnknownRef
from state.ticket import Marker, TicketRef

if TYPE_CHECKING:
    from tests.state.conftest import Book


def test_a_link_is_read_back_as_it_was_made(book: "Book") -> None:
    item = book.item()
    link = book.linked(item, missing_since=book.clock(), archived=True, comments=3, seen_at=book.clock())
    key = link.marker.key
    assert book.store.link(item.ref) == link
    assert book.store.links([item.ref, "AI-000009"]) == {item.ref: link}
    assert book.store.links_by_ticket("eng", ["10001", "2"]) == {"10001": link}
    assert book.store.links_by_ticket("web", ["10001"]) == {}
    assert book.store.find_link_by_key("eng", [key, "other"]) == {key: link}
    assert book.store.link_count("eng") == 1
    assert [ref.key for ref, _ in book.store.link_refs("eng")] == ["SEC-10001"]


def test_linking_makes_clean_only_what_was_compared(book: "Book") -> None:
    same, newer = book.item(), book.item()
    stale = book.link(newer, "2")
    book.change(newer.ref, title="Edited meanwhile")
    book.store.commit(None, Effects(linked=[(book.link(same), book.because), (stale, book.because)]))
    assert [item.ref for item in book.store.dirty_items()] == [newer.ref]


def test_a_pull_changes_item_and_baseline_at_once_and_leaves_the_item_clean(book: "Book") -> None:
    item = book.item()
    link = book.linked(item)
    agreed = {Field.STATUS: Agreed("in_progress", "in_progress")}
    pulled = replace(link, item_revision=2, baseline=agreed, ticket_revision="r2")
    change = ItemChange(item.ref, {"status": "in_progress"}, book.because)
    book.store.commit(None, Effects(changes=[change], touched=[pulled]))
    assert book.store.item(item.ref).revision == 2
    assert book.store.link(item.ref) == pulled
    assert len(list(book.store.dirty_items())) == 0


def test_what_is_marked_dirty_in_the_same_step_stays_dirty(book: "Book") -> None:
    item = book.item()
    link = book.linked(item)
    book.store.commit(None, Effects(touched=[link], dirty=[item.ref]))
    assert len(list(book.store.dirty_items())) == 1


def test_a_touch_leaves_a_record_only_of_what_people_see(book: "Book") -> None:
    link = book.linked(book.item())
    before = len(book.records())
    quiet = replace(link, ticket_revision="r2", baseline={}, comments=2, seen_at=book.clock())
    book.store.commit(None, Effects(touched=[quiet]))
    assert book.records(since=before) == []
    moved = replace(quiet, ref=TicketRef("eng", link.ref.id, "OPS-1"), url="https://eng.example/OPS-1")
    book.store.commit(None, Effects(touched=[moved]))
    gone = replace(moved, archived=True, missing_since=book.clock())
    book.store.commit(None, Effects(touched=[gone]))
    later = replace(gone, missing_since=book.clock() + timedelta(hours=1))
    book.store.commit(None, Effects(touched=[later]))
    book.store.commit(None, Effects(touched=[moved]))
    assert book.actions(since=before) == [
        "ticket.moved",
        "ticket.archived",
        "ticket.missing",
        "ticket.unarchived",
        "ticket.found",
    ]
    first = book.records(since=before)[0]
    assert (first["before"]["key"], first["after"]["key"]) == ("SEC-10001", "OPS-1")
    assert book.store.link(link.item) == moved


def test_the_record_of_a_touch_names_who_ran(book: "Book") -> None:
    link = book.linked(book.item())
    lease = book.store.take_lease(Holder("here", 7), 60)
    book.store.commit(lease, Effects(touched=[replace(link, archived=True)]))
    book.store.commit(lease, Effects(touched=[link], because=book.because))
    accounts = [record["actor"]["account"] for record in book.records()[-2:]]
    assert accounts == ["process 7 on here", "kim@acme.example"]


def test_a_touch_of_a_link_that_was_ended_meanwhile_does_nothing(book: "Book") -> None:
    item = book.item()
    link = book.linked(item)
    book.store.unlink(item.ref, book.because)
    before = book.records()
    book.store.commit(None, Effects(touched=[replace(link, archived=True)]))
    assert book.store.link(item.ref) is None
    assert book.records() == before
    assert len(list(book.store.dirty_items())) == 1


def test_a_ticket_we_created_and_one_we_found_are_told_apart(book: "Book") -> None:
    ours, found = book.item(), book.item()
    link = book.link(ours)
    intent = replace(book.intent("i1", ours.ref), key=link.marker.key)
    book.store.commit(None, Effects(begun=[intent]))
    linked = [(link, book.because), (book.link(found, "2"), book.because)]
    book.store.commit(None, Effects(finished={"i1": Outcome("done")}, linked=linked))
    assert book.actions(since=2) == ["ticket.created", "ticket.linked"]


def test_a_ticket_belongs_to_one_item(book: "Book") -> None:
    first, second = book.item(), book.item()
    link = book.linked(first)
    with pytest.raises(StateError, match=r"AI-000002 to SEC-10001.*belongs to another item"):
        book.linked(second)
    assert book.store.link(first.ref) == link
    assert book.store.link(second.ref) is None
    assert len(list(book.store.dirty_items())) == 1


def test_a_ticket_of_two_trackers_with_one_key_names_both_items(book: "Book") -> None:
    first, second = book.item(), book.item()
    book.linked(first)
    assert [book.store.called(name) for name in ("sec-10001", first.ref)] == [first.ref] * 2
    book.linked(second, "7", ref=TicketRef("web", "7", "SEC-10001"))
    with pytest.raises(StateError, match="AI-000001 in eng and that of AI-000002 in web"):
        book.store.called("SEC-10001")
    book.store.unlink(first.ref, book.because)
    assert book.store.called("SEC-10001") == second.ref
    with pytest.raises(UnknownRef):
        book.store.called("https://eng.example/10001")


def test_an_item_that_does_not_exist_is_not_linked(book: "Book") -> None:
    ghost = replace(book.item(), ref="AI-000009")
    with pytest.raises(StateError, match="AI-000009"):
        book.linked(ghost)


def test_linking_the_same_ticket_again_replaces_and_another_ends_it(book: "Book") -> None:
    item = book.item()
    link = book.linked(item)
    again = book.linked(item, ticket_revision="r9")
    assert book.store.link(item.ref) == again != link
    assert book.store.generations([item.ref], "eng") == {item.ref: 2}
    other = book.linked(item, "20002", generation=2, marker=Marker("other", item.ref))
    assert book.store.link(item.ref) == other
    assert book.store.links_by_ticket("eng", ["10001"]) == {}
    assert book.store.link_count("eng") == 1
    assert book.store.generations([item.ref], "eng") == {item.ref: 3}
    assert book.store.generations([item.ref], "web") == {item.ref: 1}


def test_unlinking_forgets_the_ticket_and_settles_what_waited_about_it(book: "Book") -> None:
    item = book.item()
    link = book.linked(item)
    holds = [Hold(HoldKind.GONE, item.ref, "eng", "gone"), Hold(HoldKind.NO_ROUTE, item.ref, "", "none")]
    book.store.commit(None, Effects(held=[(hold, book.because) for hold in holds]))
    before = len(book.records())
    assert book.store.unlink(item.ref, book.because) == link
    assert book.store.link(item.ref) is None
    assert [hold.kind for hold in book.store.holds()] == [HoldKind.NO_ROUTE]
    assert book.actions(since=before) == ["ticket.unlinked", "hold.settled"]
    assert len(list(book.store.dirty_items())) == 1
    assert book.store.unlink(item.ref, book.because) is None
    assert len(book.records()) == before + 2
    with pytest.raises(UnknownRef):
        book.store.unlink("AI-000009", book.because)
    book.linked(item)


def test_many_links_are_made_counted_and_streamed(book: "Book") -> None:
    items = [book.item(f"Rotate {number}") for number in range(30)]
    made = [(book.link(item, str(number)), book.because) for number, item in enumerate(items)]
    assert not book.store.has_links("eng")
    book.store.commit(None, Effects(linked=made))
    assert book.store.link_count("eng") == 30
    assert (book.store.has_links("eng"), book.store.has_links("web")) == (True, False)
    assert [ref.id for ref, _ in book.store.link_refs("eng")] == [str(number) for number in range(30)]
    assert len(book.store.links(item.ref for item in items)) == 30


def test_the_number_of_a_ticket_that_an_item_was_held_over_is_spent(book: "Book") -> None:
    item, other = book.item(), book.item()
    held = Hold(HoldKind.UNKNOWN_TICKET, item.ref, "eng", "SEC-7 carries the key", ours="1", theirs="10007 SEC-7")
    nameless = Hold(HoldKind.UNKNOWN_TICKET, other.ref, "eng", "SEC-7 reads as it", theirs="10007 SEC-7")
    [stored, _] = book.store.commit(None, Effects(held=[(held, book.because), (nameless, book.because)])).holds
    numbers = {item.ref: 2, other.ref: 1}
    assert book.store.generations([item.ref, other.ref], "eng") == numbers
    book.store.commit(None, Effects(released={stored.id: book.because}))
    assert book.store.generations([item.ref, other.ref], "eng") == numbers
    assert book.store.generations([item.ref], "web") == {item.ref: 1}
