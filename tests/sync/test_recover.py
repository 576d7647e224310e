"""What becomes of a comment whose answer was lost."""

from typing import Any

import pytest

from state.lease import this_process
from state.model import HoldKind, OperationKind
from sync.settle import settle


def said(world: Any, ref: Any) -> list[str]:
    return [a.text for a in world.far.activity(ref) if a.kind == "comment" and a.by.ours]


@pytest.fixture
def lost(world: Any) -> Any:
    """An item with a comment that stands on its ticket, which we do not know."""
    world.wait = 120
    for n in range(4):
        world.add(f"Encrypt volume {n} of the billing system")
    item = world.add("Rotate the access keys of the build account")
    world.sync()
    world.store.add_comment(item.ref, "olga@acme.example", "Before the audit, please", world.because())
    world.far.lose_answer("comment")
    world.sync()
    return item


def test_a_comment_on_a_ticket_that_was_hidden_for_a_while_is_not_said_again(world: Any, lost: Any) -> None:
    ref = world.link(lost.ref).ref
    world.far.delete(ref)
    for _ in range(4):
        world.clock.sleep(300)
        world.sync(full=True)
    assert [h.kind for h in world.store.holds(lost.ref)] == [HoldKind.GONE]
    world.far.restore(ref)
    for _ in range(3):
        world.clock.sleep(300)
        world.sync(full=True)
    assert len(said(world, ref)) == 1
    assert world.store.holds(None) == world.store.open_intents(None) == []


def test_parting_the_item_from_a_ticket_that_is_gone_ends_the_doubt(world: Any, lost: Any) -> None:
    world.far.delete(world.link(lost.ref).ref)
    for _ in range(3):
        world.clock.sleep(300)
        world.sync(full=True)
    (hold,) = world.store.holds(lost.ref)
    settle(world.store, hold, "item", world.because("make a new one"), holder=this_process())
    for _ in range(3):
        world.clock.sleep(300)
        world.sync()
    assert len(said(world, world.link(lost.ref).ref)) == 1
    assert world.store.open_intents(None) == []


def test_a_persons_comment_is_heard_beside_one_of_ours_that_is_in_doubt(world: Any, lost: Any) -> None:
    ref = world.link(lost.ref).ref
    world.far.comment(ref, "Which audit?", by="mia")
    for _ in range(3):
        world.clock.sleep(300)
        world.sync()
    assert [c.text for c in world.store.comments(lost.ref) if c.inbound] == ["Which audit?"]
    assert [i for i in world.store.open_intents(None) if i.kind is OperationKind.COMMENT] == []
    assert len(said(world, ref)) == 1
