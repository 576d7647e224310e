"""A person's decision, and the runs around it."""

from typing import Any

import pytest

from connectors.errors import Rejected
from state import links
from state.acceptance import Terms
from state.errors import LeaseHeld
from state.lease import Holder, this_process
from state.model import Authority, Field, HoldKind, Status
from sync.settle import Undecidable, settle
from tests.sync.test_accepting import OTTO, RUTH, TERMS, deciding
from tests.sync.test_backing import POLICY, closed


def conflict(world: Any) -> Any:
    world.authority[Field.TITLE] = Authority.BOTH
    item = world.add()
    world.sync()
    world.far.edit(world.link(item.ref).ref, title="Theirs")
    world.edit(item.ref, title="Ours and nothing else")
    world.sync()
    (hold,) = world.store.holds(item.ref)
    return hold


def test_a_decision_made_during_a_run_is_refused_and_not_lost(world: Any) -> None:
    hold = conflict(world)
    world.far.comment(world.link(hold.item).ref, "Which one is right?")
    told: list[LeaseHeld] = []

    def decide(point: str) -> None:
        if point == "pull.before":
            with pytest.raises(LeaseHeld) as refused:
                settle(world.store, hold, "ticket", world.because("agreed"), holder=Holder("elsewhere", 1))
            told.append(refused.value)

    world.crash = decide
    world.sync()
    world.crash = lambda _: None
    assert len(told) == 1
    settle(world.store, hold, "ticket", world.because("agreed"), holder=this_process())
    world.sync()
    assert world.item(hold.item).title == "Theirs"
    assert world.store.holds(None) == []


def test_what_is_settled_cannot_be_settled_again(world: Any) -> None:
    hold = conflict(world)
    settle(world.store, hold, "ticket", world.because("agreed"), holder=this_process())
    with pytest.raises(Undecidable, match="already"):
        settle(world.store, hold, "item", world.because("no, the other"), holder=this_process())


def test_a_decision_about_a_ticket_that_is_gone_is_kept_as_a_whole_or_not_at_all(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = world.add()
    world.sync()
    world.far.delete(world.link(item.ref).ref)
    for _ in range(2):
        world.sync(full=True)
    (hold,) = world.store.holds(None)

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(links, "unlink", dies)
        with pytest.raises(KeyboardInterrupt):
            settle(world.store, hold, "item", world.because("make a new one"), holder=this_process())
    assert (world.store.holds(None), world.store.link(item.ref) is None) == ([hold], False)
    settle(world.store, hold, "item", world.because("make a new one"), holder=this_process())
    assert (world.store.holds(None), world.store.link(item.ref) is None) == ([], True)


def test_a_refused_comment_is_held_alone_and_said_again_only_when_a_person_says_so(world: Any) -> None:
    item = world.add()
    world.sync()
    world.edit(item.ref, title="Another title for the same thing")
    for words in ("First", "Second"):
        world.store.add_comment(item.ref, "olga@acme.example", words, world.because())
    world.far.fail_next("comment", Rejected("comments are closed"))
    world.sync()
    (hold,) = world.store.holds(None)
    assert (hold.kind, hold.field) == (HoldKind.COMMENT_REFUSED, None)
    assert world.ticket(item.ref).title == "Another title for the same thing"
    world.sync()
    assert world.sync().plan.operations == ()
    settle(world.store, hold, "item", world.because("opened again"), holder=this_process())
    assert world.sync().tally.commented == 2
    said = [a.text for a in world.far.activity(world.link(item.ref).ref) if a.kind == "comment"]
    assert ["First" in said[0], "Second" in said[1]] == [True, True]


def test_refusing_a_request_that_was_made_by_a_label_takes_the_label_off_so_that_a_closing_is_seen(world: Any) -> None:
    item = world.add()
    world.sync()
    ref = world.link(item.ref).ref
    world.far.edit(ref, labels=world.ticket(item.ref).labels | {"risk-accept", "theirs"})
    world.sync()
    (hold,) = world.store.holds(item.ref)
    for side in ("item", "ticket"):
        with pytest.raises(Undecidable, match="accept reject"):
            settle(world.store, hold, side, world.because("not this one"), holder=this_process())
    deciding(world).reject(item.ref, "not this one", RUTH, world.because())
    world.sync()
    assert world.ticket(item.ref).labels == {"counterfoil", "theirs"}
    world.far.move_to(ref, "Done", "Done")
    world.sync()
    assert world.item(item.ref).status is Status.RESOLVED


def test_what_was_missing_of_an_accepted_risk_is_no_more_to_be_settled_and_the_next_sync_ends_it(world: Any) -> None:
    world.resolution = POLICY
    item = closed(world)
    [hold] = world.store.holds(item.ref)
    deciding(world).request(item.ref, TERMS, RUTH, world.because())
    deciding(world).approve(item.ref, Terms(""), OTTO, world.because("we can bear it"))
    with pytest.raises(Undecidable, match=f"{hold.id} ends with the next sync"):
        settle(world.store, hold, "item", world.because("not done"), holder=this_process())
    world.sync()
    assert world.store.holds(item.ref) == []
