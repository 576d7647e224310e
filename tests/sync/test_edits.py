"""What people do in the tracker is on record, each thing once and by whom, also where no item changes by it."""

import hashlib
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from state import audit
from state.effects import Effects
from state.lease import this_process
from state.model import Priority, Status


def told(world: Any, item: str) -> list[tuple[str, str, Any, Any, str]]:
    """What is on record of what accounts of the tracker did: action, field, values and who."""
    records = (record.told for record in world.store.log([item]))
    return [
        (r["action"], r["field"], r["before"], r["after"], r["actor"]["account"])
        for r in records
        if r["actor"]["system"] == "eng" and r["action"] in ("item.changed", "ticket.edited")
    ]


def test_each_step_between_two_syncs_is_on_record_and_none_twice(world: Any) -> None:
    item = world.add()
    world.sync()
    ref = world.link(item.ref).ref
    for name, by in (("In Progress", "mia"), ("To Do", "tom"), ("In Progress", "mia")):
        world.clock.sleep(10)
        world.far.move_to(ref, name, by=by)
    world.sync()
    assert world.item(item.ref).status is Status.IN_PROGRESS
    steps = [
        ("item.changed", "status", "open", "in_progress", "mia"),
        ("ticket.edited", "status", "In Progress", "To Do", "tom"),
        ("ticket.edited", "status", "To Do", "In Progress", "mia"),
    ]
    assert sorted(told(world, item.ref)) == steps
    events = [r.told["source"]["event"] for r in world.store.log([item.ref]) if r.told["actor"]["system"] == "eng"]
    assert len({*events}) == len(events) == 3
    world.sync()
    world.sync(full=True)
    assert sorted(told(world, item.ref)) == steps


def test_who_wrote_what_the_item_s_side_puts_back_is_on_record(world: Any) -> None:
    item = world.add("Rotate the key", priority=Priority.HIGH)
    world.sync()
    ref = world.link(item.ref).ref
    due = world.item(item.ref).due_date
    world.far.edit(ref, title="nope", by="mia")
    world.far.edit(ref, due_date=date(2026, 11, 30), by="tom")
    world.far.edit(ref, body="mine now", by="mia")
    world.sync()
    assert world.far.ticket(ref).title == "Rotate the key"
    assert ("ticket.edited", "title", "Rotate the key", "nope", "mia") in told(world, item.ref)
    assert ("ticket.edited", "due_date", str(due), "2026-11-30", "tom") in told(world, item.ref)
    (body,) = [after for _, field, _, after, _ in told(world, item.ref) if field == "body"]
    assert body == {"sha256": hashlib.sha256(b"mine now").hexdigest()}


def test_one_that_changes_the_item_is_told_as_that_alone(world: Any) -> None:
    item = world.add()
    world.sync()
    world.far.edit(world.link(item.ref).ref, assignee="tom")
    world.sync()
    assert [(action, field) for action, field, *_ in told(world, item.ref)] == [("item.changed", "owner")]


def test_what_is_quickly_done_to_a_new_ticket_whose_time_of_making_only_we_know_is_on_record(world: Any) -> None:
    item = world.add("Rotate the key")
    world.sync()
    link = world.link(item.ref)
    late = replace(link, linked_at=link.linked_at + timedelta(seconds=5), seen_at=link.linked_at - timedelta(days=1))
    world.far.edit(link.ref, title="nope", by="mia")
    world.store.commit(None, Effects(touched=[late]))
    world.sync()
    assert ("ticket.edited", "title", "Rotate the key", "nope", "mia") in told(world, item.ref)


def test_a_state_called_resolved_in_the_tracker_is_no_reopening_of_the_item(world: Any) -> None:
    item = world.add()
    world.far.workflow["resolved"] = world.far.workflow["In Progress"]
    world.sync()
    ref = world.link(item.ref).ref
    for name in ("resolved", "In Progress"):
        world.clock.sleep(10)
        world.far.move_to(ref, name)
    world.sync()
    assert ("ticket.edited", "status", "To Do", "resolved", "mia") in told(world, item.ref)
    assert world.store.ask(audit.reopened, [item.ref]) == {}


def test_what_was_done_before_a_ticket_was_linked_is_not_the_item_s(world: Any) -> None:
    item = world.add()
    ref = world.far.open("Made by hand")
    world.far.edit(ref, title="Made by a busy hand")
    engine, key = world.engine(), world.far.ticket(ref).ref.key
    engine.link(item.ref, "eng", key, holder=this_process(), because=world.because())
    world.sync()
    assert not [one for one in told(world, item.ref) if one[0] == "ticket.edited"]


def test_what_is_on_record_of_a_ticket_is_not_told_again_when_it_is_linked_anew(world: Any) -> None:
    item = world.add("Rotate the key")
    world.sync()
    ref = world.link(item.ref).ref
    world.far.edit(ref, title="nope", by="mia")
    world.sync()
    once = told(world, item.ref)
    assert [field for action, field, *_ in once] == ["title"]
    world.store.unlink(item.ref, world.because())
    key = world.far.ticket(ref).ref.key
    world.engine().link(item.ref, "eng", key, holder=this_process(), because=world.because())
    world.sync()
    world.sync(full=True)
    assert told(world, item.ref) == once
