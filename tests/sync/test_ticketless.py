from datetime import date
from typing import Any

from state.grouping import Grouping, GroupRule
from state.model import ActionItem, HoldKind, ItemDraft, OperationKind, Priority, SourceKind, Status
from state.store import Batch

BY_CHECK = Grouping((GroupRule("check"),))


def found(world: Any, *names: str) -> list[ActionItem]:
    """Take in new findings of one check, and give their items."""
    drafts = [
        ItemDraft(f"Close {name}", source_kind=SourceKind.AUTOMATED_TEST, source_ref="ssh_open", fingerprint=name)
        for name in names
    ]
    batch = Batch(added=[(draft, date(2026, 12, 20), Priority.HIGH) for draft in drafts], grouping=BY_CHECK)
    return [world.item(item.ref) for item in world.store.take_in(batch, world.because()).added]


def rests(world: Any) -> bool:
    """Whether a run soon has nothing left to do on either side."""
    world.sync()
    return not world.plan().operations


def test_a_group_has_the_one_ticket_and_its_items_none(world: Any) -> None:
    first, second = found(world, "port 22", "port 23")
    report = world.sync()
    assert [step.item.ref for step in report.plan.steps if step.draft] == [first.part_of]
    assert world.store.links([first.ref, second.ref]) == {}
    assert world.store.holds() == []
    body = world.ticket(first.part_of).body
    assert f"- [ ] **{first.ref}** Close port 22, due 2026-12-20" in body
    assert f"- [ ] **{second.ref}** Close port 23" in body
    assert rests(world)


def test_a_new_finding_joins_the_ticket_that_is_there(world: Any) -> None:
    [first] = found(world, "port 22")
    world.sync()
    [second] = found(world, "port 23")
    report = world.sync()
    assert [o.kind for o in report.plan.operations] == [OperationKind.UPDATE]
    assert f"- [ ] **{second.ref}** Close port 23" in world.ticket(first.part_of).body
    assert rests(world)


def test_an_item_that_ends_ticks_its_box_in_the_ticket(world: Any) -> None:
    first, second = found(world, "port 22", "port 23")
    world.sync()
    world.edit(first.ref, status=Status.RESOLVED)
    world.sync()
    ticket = world.ticket(first.part_of)
    assert f"- [x] **{first.ref}** Close port 22, resolved" in ticket.body
    assert ticket.state.name == "To Do"
    world.edit(second.ref, status=Status.RESOLVED)
    world.sync()
    assert world.ticket(first.part_of).state.name == "Done"
    assert rests(world)


def test_closing_the_ticket_as_done_says_so_of_every_item_that_is_left(world: Any) -> None:
    first, second = found(world, "port 22", "port 23")
    world.sync()
    world.far.move_to(world.link(first.part_of).ref, "Done", "Done")
    world.sync()
    assert {world.item(each.ref).status for each in (first, second)} == {Status.RESOLVED}
    assert rests(world)
    assert f"- [x] **{second.ref}**" in world.ticket(first.part_of).body


def test_risks_of_a_group_are_accepted_one_by_one(world: Any) -> None:
    [item] = found(world, "port 22")
    world.sync()
    world.far.move_to(world.link(item.part_of).ref, "Done", "Won't Do")
    world.sync()
    [hold] = world.store.holds()
    assert hold.kind is HoldKind.UNMAPPED
    assert "accepted one by one" in hold.detail
    assert world.item(item.ref).status is Status.OPEN


def test_an_item_that_joins_a_group_waits_for_no_route_any_more(world: Any) -> None:
    world.routes = ()
    [item] = found(world, "port 22")
    world.sync()
    assert [hold.item for hold in world.store.holds()] == [item.part_of]
