"""Comments after they were carried: edits with both hashes, deletions with the words kept, and no echo."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connectors.sandbox.memory import MemoryTracker
from state.lease import this_process
from state.model import Comment
from state.ticket import ActivityKind, Ticket, TicketRef


class Counting(MemoryTracker):
    """A tracker that says how many comments a ticket has."""

    def _own(self, ticket: Ticket) -> Ticket:
        said = [event for event in self.far_side.activity(ticket.ref) if event.kind is ActivityKind.COMMENT]
        return replace(super()._own(ticket), comments=len(said))


@pytest.fixture(autouse=True)
def counting(world: Any) -> None:
    world.tracker = Counting("eng", far_side=world.far)


def talked(world: Any, *texts: str) -> tuple[str, TicketRef, list[str]]:
    item = world.add()
    world.sync()
    ref = world.link(item.ref).ref
    ids = [world.far.comment(ref, text, by="mia") for text in texts]
    world.sync()
    return item.ref, ref, ids


def said(world: Any, item: str) -> list[Comment]:
    found: list[Comment] = world.store.comments(item)
    return found


def records(world: Any, item: str, action: str) -> list[Any]:
    return [each.told for each in world.store.log([item], action=action)]


def test_an_edited_comment_is_edited_here_and_both_texts_are_on_record(world: Any) -> None:
    item, ref, (first, _) = talked(world, "It is done.", "Thanks.")
    world.clock.sleep(60)
    world.far.edit_comment(ref, first, "It is half done.")
    world.sync()
    world.sync(full=True)
    edited, other = said(world, item)
    assert (edited.text, other.text) == ("It is half done.", "Thanks.")
    assert edited.edited_at is not None
    assert edited.edited_at > edited.at
    (record,) = records(world, item, "comment.edited")
    assert (record["before"]["text"], record["after"]["text"]) == ("It is done.", "It is half done.")
    assert record["actor"]["account"] == "mia"


def test_a_deleted_comment_keeps_its_words_and_is_marked(world: Any) -> None:
    item, ref, (first, second) = talked(world, "Forget it.", "Never mind.")
    world.far.delete_comment(ref, first)
    assert "1 comment(s) changed or deleted" in world.plan().operations[0].reason
    world.sync()
    world.sync(full=True)
    gone, stays = said(world, item)
    assert (gone.text, gone.remote_id, stays.remote_id) == ("Forget it.", first, second)
    assert (gone.deleted_at is not None, stays.deleted_at) == (True, None)
    assert len(records(world, item, "comment.deleted")) == 1


def test_nothing_counts_as_deleted_where_not_every_comment_is_told(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    item, ref, _ = talked(world, "One", "Two")
    tell = world.tracker.activity
    monkeypatch.setattr(world.tracker, "activity", lambda *asked: [a for a in tell(*asked) if a.text != "One"])
    world.far.comment(ref, "Three")
    world.sync()
    assert [(c.text, c.deleted_at) for c in said(world, item)] == [("One", None), ("Two", None), ("Three", None)]


def test_a_comment_that_is_taken_from_the_public_is_no_longer_shown_as_standing_and_can_come_back(world: Any) -> None:
    item, ref, (first,) = talked(world, "The vendor is Initech.")
    log = world.far.stored(ref).log
    log[:] = [replace(e, text="", confined=True) if e.id == first else e for e in log]
    world.far.edit(ref, title="Touched")
    world.sync()
    (hidden,) = said(world, item)
    assert (hidden.text, hidden.deleted_at is not None) == ("The vendor is Initech.", True)
    log = world.far.stored(ref).log
    log[:] = [replace(e, text="The vendor is Initech.", confined=False) if e.id == first else e for e in log]
    world.far.edit(ref, title="Touched again")
    world.sync()
    assert said(world, item)[0].deleted_at is None
    assert len(records(world, item, "comment.restored")) == 1


def test_what_was_said_before_a_ticket_was_adopted_is_carried_as_long_as_it_is_for_everybody(world: Any) -> None:
    item, other = world.add(), world.far.ticket(world.far.open("Admins have no MFA", tracker="eng"))
    first = world.far.comment(other.ref, "The vendor is Initech.")
    world.far.whisper(other.ref, "The password is swordfish.")
    world.clock.sleep(60)
    world.engine().link(item.ref, "eng", other.ref.key, holder=this_process(), because=world.because())
    world.sync()
    assert [(c.text, c.deleted_at) for c in said(world, item.ref)] == [("The vendor is Initech.", None)]
    log = world.far.stored(other.ref).log
    log[:] = [replace(e, text="", confined=True) if e.id == first else e for e in log]
    world.far.edit(other.ref, title="Touched")
    world.sync()
    assert said(world, item.ref)[0].deleted_at is not None


def test_a_comment_that_is_not_for_everybody_is_not_carried(world: Any) -> None:
    item, ref, _ = talked(world)
    world.far.whisper(ref, "The password is swordfish.")
    world.sync()
    assert said(world, item) == []
    world.sync()


def test_our_own_comment_that_somebody_deletes_is_marked_and_not_said_again(world: Any) -> None:
    item, ref, _ = talked(world)
    world.store.add_comment(item, "olga@acme.example", "The auditor asks.", world.because())
    world.sync()
    world.sync()
    (ours,) = said(world, item)
    world.far.delete_comment(ref, ours.remote_id)
    world.far.comment(ref, "Why me?")
    world.sync()
    world.sync()
    gone, _ = said(world, item)
    assert gone.deleted_at is not None
    assert [a.text for a in world.far.activity(ref) if a.kind is ActivityKind.COMMENT] == ["Why me?"]


@pytest.mark.parametrize("behind", [timedelta(0), timedelta(hours=1)])
def test_what_was_said_on_a_former_ticket_was_not_deleted_from_the_one_after_it(world: Any, behind: timedelta) -> None:
    world.far.clock = lambda: world.clock() - behind
    item, _, _ = talked(world, "It is done.")
    world.store.add_comment(item, "olga@acme.example", "Thanks.", world.because())
    world.sync()
    world.store.unlink(item, world.because("a mistake"))
    world.sync()
    world.far.comment(world.link(item).ref, "Here as well.", by="mia")
    world.sync(full=True)
    told = [(each.text, each.deleted_at) for each in said(world, item)]
    assert sorted(told) == [("Here as well.", None), ("It is done.", None), ("Thanks.", None)]
    assert records(world, item, "comment.deleted") == []
