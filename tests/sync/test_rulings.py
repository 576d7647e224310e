"""What a field that moved in a ticket leads to."""

from dataclasses import replace
from typing import Any

import pytest

from state.audit import Events, events
from state.lease import this_process
from state.model import Authority, Field, HoldKind, Priority, Status
from state.ticket import Category
from sync.settle import settle


@pytest.mark.parametrize("move", [{"assignee": "mia"}, {"linked_change_open": True}])
def test_work_begun_without_a_change_of_state_names_the_person_who_began_it(world: Any, move: dict[str, Any]) -> None:
    world.tracker.caps = replace(world.tracker.caps, assignment_starts_work=True)
    item = world.add()
    world.sync()
    world.clock.sleep(5)
    world.far.edit(world.link(item.ref).ref, by="mia", **move)
    report = world.sync()
    assert world.item(item.ref).status is Status.IN_PROGRESS
    records = [record.told for record in world.store.log([item.ref])]
    assert [r["actor"]["account"] for r in records if r["field"] == "status"] == ["mia"]
    assert '"in_progress" (Mia)' in report.plan.operations[0].reason


@pytest.mark.parametrize("decide", ["edit", "settle"])
def test_a_state_that_means_nothing_here_yields_to_the_item_whoever_else_has_the_say(world: Any, decide: str) -> None:
    world.authority[Field.STATUS] = Authority.TICKET
    item = world.add()
    world.sync()
    world.far.move_to(world.link(item.ref).ref, "Done", "Cannot Reproduce")
    world.sync()
    (hold,) = world.store.holds(item.ref)
    assert hold.kind is HoldKind.UNMAPPED
    if decide == "edit":
        world.edit(item.ref, status=Status.IN_PROGRESS)
    else:
        settle(world.store, hold, "item", world.because("it can be reproduced"), holder=this_process())
    world.sync()
    assert world.store.holds(item.ref) == []
    wanted = Category.INDETERMINATE if decide == "edit" else Category.NEW
    assert world.ticket(item.ref).state.category is wanted


def told(world: Any, ref: str, name: str) -> list[tuple[str, str, str]]:
    """Who changed a field of an item, by which event, and why, as recorded."""
    records = [record.told for record in world.store.log([ref], action="item.changed")]
    return [(r["actor"]["kind"], r["source"]["event"], r["reason"]) for r in records if r["field"] == name]


@pytest.mark.parametrize("apart", [False, True], ids=["at peace", "while the status waits for a choice"])
def test_a_priority_that_only_the_mapping_reads_anew_is_put_down_to_nobody(world: Any, *, apart: bool) -> None:
    world.authority |= {Field.PRIORITY: Authority.TICKET, Field.STATUS: Authority.BOTH}
    item = world.add(priority=Priority.CRITICAL)
    world.sync()
    ref = world.link(item.ref).ref
    if apart:
        world.edit(item.ref, status=Status.IN_PROGRESS)
        world.far.move_to(ref, "Done", "Done")
    world.clock.sleep(5)
    world.far.edit(ref, priority="High")
    event = world.far.activity(ref)[-1].id
    world.sync()
    world.priority = {Priority.CRITICAL: "High", Priority.HIGH: "Highest"}
    report = world.sync()
    assert world.item(item.ref).priority is Priority.CRITICAL
    assert told(world, item.ref, "priority") == [
        ("human", event, 'MEM-1: priority is now "high"'),
        ("schedule", "", 'MEM-1: its priority is read as "critical" now'),
    ]
    assert world.store.ask(events, item.ref, "eng").taken == {("priority", event)}
    assert world.store.ask(events, item.ref, "another tracker") == Events()
    assert "Mia" not in report.plan.operations[0].reason


def test_what_is_read_anew_of_a_ticket_that_nobody_has_touched_is_put_down_to_nobody(world: Any) -> None:
    world.authority[Field.PRIORITY] = Authority.TICKET
    items = [world.add(f"Encrypt volume {n} of the billing system", priority=Priority.HIGH) for n in range(2)]
    world.sync()
    world.clock.sleep(5)
    world.far.edit(world.link(items[1].ref).ref, by="mia", body="")
    world.priority = {Priority.CRITICAL: "High", Priority.HIGH: "Highest"}
    world.sync()
    assert told(world, items[0].ref, "priority") == [("schedule", "", 'MEM-1: its priority is read as "critical" now')]
    assert told(world, items[1].ref, "priority") == [("unknown", "", 'MEM-2: priority is now "critical"')]


def test_a_real_change_of_which_the_history_tells_nothing_is_put_down_to_somebody_unknown(world: Any) -> None:
    """Its entry is missing or late; the one that was taken in before is shown again in the same second."""
    world.authority[Field.PRIORITY] = Authority.TICKET
    items = [world.add(f"Encrypt volume {n} of the billing system", priority=Priority.CRITICAL) for n in range(2)]
    world.sync()
    refs = [world.link(item.ref).ref for item in items]
    for ref in refs:
        world.far.edit(ref, by="mia", priority="High")
    world.sync()
    world.far.edit(refs[0], by="tom", priority="Low")
    world.far.stored(refs[0]).log.pop()
    world.sync()
    assert told(world, items[0].ref, "priority")[1:] == [("unknown", "", 'MEM-1: priority is now "low"')]
    world.far.edit(refs[1], by="tom", priority="Medium")
    world.far.stored(refs[1]).log.pop()
    world.priority = {Priority.CRITICAL: "Medium", Priority.MEDIUM: "Highest"}
    world.sync()
    assert told(world, items[1].ref, "priority")[1:] == [("unknown", "", 'MEM-2: priority is now "critical"')]


def test_a_value_taken_from_the_ticket_to_settle_a_conflict_is_none_that_is_merely_read_anew(world: Any) -> None:
    world.authority[Field.PRIORITY] = Authority.BOTH
    item = world.add(priority=Priority.HIGH)
    world.sync()
    world.clock.sleep(5)
    world.edit(item.ref, priority=Priority.LOW)
    world.far.edit(world.link(item.ref).ref, by="mia", priority="Medium")
    world.sync()
    [hold] = world.store.holds(item.ref)
    world.clock.sleep(5)
    world.far.comment(world.link(item.ref).ref, "Which of them?", by="tom")
    world.sync()
    settle(world.store, hold, "ticket", world.because("theirs is better"), holder=this_process())
    world.labels = ("compliance",)
    world.sync()
    assert world.item(item.ref).priority is Priority.MEDIUM
    assert [kind for kind, _, _ in told(world, item.ref, "priority")] == ["human", "unknown"]


def test_what_another_mapping_reads_anew_is_put_down_to_nobody_beside_what_is_shown_again(world: Any) -> None:
    world.authority |= {Field.PRIORITY: Authority.TICKET, Field.TITLE: Authority.TICKET}
    item = world.add(priority=Priority.HIGH)
    world.sync()
    ref = world.link(item.ref).ref
    world.far.edit(ref, by="mia", title="Enable MFA for all")
    world.sync()
    world.priority = {Priority.CRITICAL: "High", Priority.HIGH: "Highest"}
    world.sync()
    assert told(world, item.ref, "priority") == [("schedule", "", 'MEM-1: its priority is read as "critical" now')]


def test_what_happened_to_a_change_that_the_ticket_is_linked_with_is_put_down_to_somebody_once(world: Any) -> None:
    """A tracker that shows such a link as it is now tells who made it, and not who closed what it leads to."""
    item = world.add()
    world.sync()
    ref = world.link(item.ref).ref
    world.far.edit(ref, by="mia", linked_change_open=True)
    world.sync()
    log = world.far.stored(ref).log
    world.far.edit(ref, by="tom", linked_change_open=False)
    log[-2:] = [replace(log[-2], after="closed", at=world.link(item.ref).seen_at)]
    world.sync()
    assert world.item(item.ref).status is Status.OPEN
    assert [(kind, event) for kind, event, _ in told(world, item.ref, "status")] == [("human", "e1"), ("unknown", "")]
