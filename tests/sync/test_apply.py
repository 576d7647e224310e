"""The writing half of a run."""

import json
from datetime import timedelta
from typing import Any

from connectors.errors import TicketLimited, Unavailable
from state.model import HoldKind, Priority, Status
from state.ticket import Category


def test_words_written_around_the_block_while_a_run_writes_are_kept(world: Any) -> None:
    item = world.add()
    world.sync()
    ref = world.link(item.ref).ref
    world.edit(item.ref, description="Every admin, without exception.")

    world.crash = _before_each_update(world, ref, times=1)
    report = world.sync()
    assert (report.exit_code, report.tally.updated, report.tally.deferred) == (0, 1, 0)
    body = world.far.ticket(ref).body
    assert body.startswith("Mine\n\n")
    assert "without exception" in body


def test_a_ticket_that_moves_again_and_again_waits_for_the_next_run(world: Any) -> None:
    item = world.add()
    world.sync()
    ref = world.link(item.ref).ref
    world.edit(item.ref, description="Every admin, without exception.")
    world.crash = _before_each_update(world, ref, times=2)
    report = world.sync()
    assert (report.exit_code, report.tally.updated, report.tally.deferred) == (3, 0, 1)
    world.crash = lambda _: None
    assert world.sync().tally.updated == 1


def _before_each_update(world: Any, ref: Any, times: int) -> Any:
    """Lets somebody write around the block just before we do."""
    left = iter(range(times))

    def write(point: str) -> None:
        if point == "update.before" and next(left, None) is not None:
            world.far.edit(ref, body=f"Mine\n\n{world.far.ticket(ref).body}")

    return write


def test_a_request_stays_open_until_the_answer_to_it_is_written(world: Any) -> None:
    item = world.add()
    world.sync()
    world.far.move_to(world.link(item.ref).ref, "Done", "Won't Do", by="tom")
    world.sync()
    world.edit(item.ref, status=Status.IN_PROGRESS)
    world.far.fail_next("update", Unavailable("no route"))
    world.sync()
    assert [h.kind for h in world.store.holds(item.ref)] == [HoldKind.ACCEPTANCE_REQUESTED]
    world.edit(item.ref, status=Status.OPEN)
    world.sync()
    assert [h.kind for h in world.store.holds(item.ref)] == [HoldKind.ACCEPTANCE_REQUESTED]
    world.edit(item.ref, status=Status.IN_PROGRESS)
    world.sync()
    assert world.store.holds(item.ref) == []
    assert world.ticket(item.ref).state.category is Category.INDETERMINATE


def test_a_person_whom_the_tracker_refused_is_not_recorded_as_assigned(world: Any) -> None:
    item = world.add()
    world.sync()
    world.far.people = frozenset({"mia"})
    world.edit(item.ref, owner="tom@acme.example", priority=Priority.LOW)
    world.sync()
    bodies = [json.loads(r.body) for r in world.store.log([item.ref], action="ticket.changed")]
    assert sorted(b["field"] for b in bodies) == ["body", "priority"]


def test_a_ticket_that_takes_no_more_writes_for_now_waits_and_the_others_do_not(world: Any) -> None:
    items = [world.add(f"Encrypt volume {n} of the billing system") for n in range(6)]
    world.sync()
    for item in items:
        world.edit(item.ref, description="Every volume, without exception.")
    at = world.clock.now + timedelta(minutes=5)
    for _ in range(4):
        world.far.fail_next("update", TicketLimited("update: 429", at))
    report = world.sync()
    assert (report.tally.updated, report.tally.deferred, report.exit_code) == (2, 4, 3)
    assert world.sync().tally.updated == 4
