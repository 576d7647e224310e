"""A ticket that exists already becomes an item's ticket."""

from typing import Any

import pytest

from connectors.errors import Stale, Unavailable
from connectors.sandbox.far_side import OURS
from state import acceptances
from state.lease import this_process
from state.model import Status
from state.ticket import Marker
from sync.adopt import NotAdoptable


def test_an_item_that_may_just_have_got_a_ticket_is_given_no_other(world: Any) -> None:
    world.wait = 120
    item = world.add()
    world.far.commit_late(30)
    world.sync()
    other = world.far.ticket(world.far.open("Made by hand"))
    with pytest.raises(NotAdoptable, match="counterfoil sync"):
        world.engine().adopt(item.ref, "eng", other.ref.key, because=world.because())


def test_a_ticket_that_may_just_have_been_made_for_another_item_is_given_to_none(world: Any) -> None:
    item = world.add()
    world.far.refused[item.title] = "no"
    world.sync()
    other = world.add("Rotate the deploy keys")
    world.far.lose_answer("create")
    world.sync()
    [made] = world.far.tickets()
    with pytest.raises(NotAdoptable, match=f"made for {other.ref}; run `counterfoil sync`"):
        world.engine().adopt(item.ref, "eng", made.ref.key, because=world.because())
    world.sync()
    assert world.link(other.ref).ref == made.ref


def test_a_ticket_made_by_hand_is_not_recorded_as_created_although_we_tried_to_make_one(world: Any) -> None:
    item = world.add()
    world.far.fail_next("create", Unavailable("no route"))
    world.sync()
    engine, other = world.engine(), world.far.ticket(world.far.open("Made by hand", tracker="eng"))
    engine.link(item.ref, "eng", other.ref.key, holder=this_process(), because=world.because())
    actions = [r.told["action"] for r in world.store.log([item.ref])]
    assert next(a for a in actions if a.startswith("ticket.")) == "ticket.linked"


def test_an_item_that_got_a_ticket_after_the_look_is_given_no_other(world: Any) -> None:
    item = world.add()
    engine, other = world.engine(), world.far.ticket(world.far.open("Made by hand"))
    assert engine.adopt(item.ref, "eng", other.ref.key, because=world.because()).operations
    world.sync()
    own = world.link(item.ref)
    with pytest.raises(NotAdoptable, match=f"has a ticket, {own.ref.key}"):
        engine.link(item.ref, "eng", other.ref.key, holder=this_process(), because=world.because())
    assert world.link(item.ref) == own


def test_a_ticket_that_moves_while_it_is_adopted_is_told_and_gets_the_rest_later(world: Any) -> None:
    item = world.add()
    other = world.far.ticket(world.far.open("Made by hand", tracker="eng"))
    world.far.fail_next("update", Stale("409: somebody was faster"))
    report = world.engine().link(item.ref, "eng", other.ref.key, holder=this_process(), because=world.because())
    assert (report.exit_code, report.tally.updated, report.tally.deferred) == (3, 0, 1)
    assert world.sync().tally.updated == 1
    assert world.ticket(item.ref).title == item.title


def test_a_ticket_that_asks_for_what_is_asked_for_already_is_adopted_like_any(world: Any) -> None:
    item = world.add()
    world.sync()
    ref = world.link(item.ref).ref
    world.far.move_to(ref, "Done", "Won't Do", by="tom")
    world.sync()
    world.store.unlink(item.ref, world.because())
    world.engine().link(item.ref, "eng", ref.key, holder=this_process(), because=world.because())
    assert [each.requester for each in world.store.ask(acceptances.standing)] == ["tom@acme.example"]


def test_a_ticket_that_another_database_marked_is_adopted_with_a_word_about_it(world: Any) -> None:
    item, other = world.add(), world.add("Rotate the deploy keys")
    world.sync()
    for ref in (item.ref, other.ref):
        world.store.unlink(ref, world.because())
    mine = world.far.tickets()[0]
    strange = world.far.open("Rotate keys", tracker="eng", by=OURS, marker=Marker("f" * 26, "AI-000009"))
    engine = world.engine()
    assert engine.adopt(item.ref, "eng", mine.ref.key, because=world.because()).warnings == ()
    (warning,) = engine.adopt(item.ref, "eng", strange.key, because=world.because()).warnings
    assert warning == f"{strange.key} is marked as a ticket of another database; while that is in use, both write to it"


def test_a_clone_of_our_ticket_carries_our_marker_once_a_write_to_it_comes_through(world: Any) -> None:
    item = world.add()
    world.sync()
    ours = world.ticket(item.ref)
    clone = world.far.open(ours.title, tracker="eng", body=ours.body, labels=ours.labels)
    world.store.unlink(item.ref, world.because())
    world.far.fail_next("update", Unavailable("503"))
    world.engine().link(item.ref, "eng", clone.key, holder=this_process(), because=world.because())
    for _ in range(2):
        world.clock.sleep(600)
        world.sync()
    assert world.far.ticket(clone).marker == world.link(item.ref).marker


def test_what_somebody_did_before_is_not_taken_for_what_a_ticket_says_when_it_is_linked_again(world: Any) -> None:
    item = world.add()
    world.sync()
    ref = world.link(item.ref).ref
    world.far.move_to(ref, "In Progress", by="mia")
    world.sync()
    world.store.unlink(item.ref, world.because())
    world.edit(item.ref, status=Status.OPEN)
    world.engine().link(item.ref, "eng", ref.key, holder=this_process(), because=world.because())
    world.store.unlink(item.ref, world.because())
    world.far.move_to(ref, "To Do", by="tom")
    world.engine().link(item.ref, "eng", ref.key, holder=this_process(), because=world.because())
    told = [r.told for r in world.store.log([item.ref], action="item.changed") if r.told["actor"]["system"] == "eng"]
    assert [(t["after"], t["actor"]["account"], bool(t["source"]["event"])) for t in told] == [
        ("in_progress", "mia", True),
        ("in_progress", "unknown", False),
        ("open", "tom", True),
    ]
