"""The writing half of a run."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connectors.base import MARK
from connectors.errors import TicketLimited, Unavailable
from connectors.sandbox.memory import OURS, MemoryTracker
from state.model import Authority, Field, HoldKind, Priority, Status
from state.ticket import Category, Patch, Ticket, TicketRef


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


class Silent(MemoryTracker):
    """Does not tell how a ticket is once it was written to; `meanwhile` happens before it is read again."""

    meanwhile: Callable[[], None] = staticmethod(lambda: None)

    def _own(self, ticket: Ticket) -> Ticket:
        return replace(super()._own(ticket), comments=0)

    def update(self, ref: TicketRef, patch: Patch, *, seen: str) -> None:
        super().update(ref, patch, seen=seen)
        self.meanwhile()


def _silent(world: Any, count: int) -> list[Any]:
    world.tracker = Silent("eng", far_side=world.far)
    items = [world.add(f"Rotate key {n}") for n in range(count)]
    world.sync()
    for item in items:
        world.edit(item.ref, title=f"{item.title} today")
    return items


def test_tickets_that_were_written_to_untold_are_read_back_together(world: Any) -> None:
    items = _silent(world, 120)
    before = world.tracker.requests
    world.plan()
    reading, before = world.tracker.requests - before, world.tracker.requests
    assert world.sync(force="all at once").tally.updated == 120
    assert world.tracker.requests - before == reading + 120 + 2
    assert [world.link(i.ref).ticket_revision for i in items] == [world.ticket(i.ref).revision for i in items]
    assert world.sync().plan.steps == ()


@pytest.mark.parametrize("change", [{"title": "Theirs"}, {"labels": frozenset({MARK, "theirs"})}])
def test_what_somebody_does_before_a_written_ticket_is_read_back_is_seen(world: Any, change: dict[str, Any]) -> None:
    (item,) = _silent(world, 1)
    world.authority = {Field.TITLE: Authority.BOTH}
    world.edit(item.ref, priority=Priority.LOW)
    world.tracker.meanwhile = lambda: world.far.edit(world.link(item.ref).ref, **change)
    world.sync()
    world.tracker.meanwhile = lambda: None
    world.sync()
    assert world.store.item(item.ref).title == change.get("title", f"{item.title} today")
    assert world.sync().plan.steps == ()


def test_what_a_tracker_makes_of_a_value_is_agreed_on_when_it_is_read_back(world: Any) -> None:
    (item,) = _silent(world, 1)
    ref = world.link(item.ref).ref
    world.tracker.meanwhile = lambda: world.far.edit(ref, by=OURS, title="Rotate key 0")
    world.sync()
    assert world.sync().plan.steps == ()


def test_a_ticket_that_cannot_be_read_back_is_looked_at_by_the_next_run(world: Any) -> None:
    (item,) = _silent(world, 1)
    world.tracker.meanwhile = lambda: world.far.fail_next("fetch", Unavailable("no route"))
    report = world.sync()
    assert (report.exit_code, report.tally.updated, world.link(item.ref).ticket_revision) == (3, 1, "")
    world.tracker.meanwhile = lambda: None
    assert world.sync().plan.steps == ()
    assert world.link(item.ref).ticket_revision == world.ticket(item.ref).revision


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


@pytest.mark.parametrize("shows", [True, False])
def test_a_person_is_left_on_the_ticket_of_an_item_without_an_owner_and_nothing_is_written(
    world: Any, shows: bool
) -> None:
    if not shows:
        world.tracker = Silent("eng", far_side=world.far)
    world.authority[Field.ASSIGNEE] = Authority.ITEM
    item = world.add()
    world.sync()
    world.far.edit(world.link(item.ref).ref, assignee="mia")
    report = world.sync()
    assert (report.plan.operations, report.tally.updated, world.ticket(item.ref).assignee) == ((), 0, "mia")
    assert world.link(item.ref).baseline[Field.ASSIGNEE].theirs == "mia@acme.example"


@pytest.mark.parametrize("shows", [True, False])
def test_a_person_whom_the_tracker_refused_is_not_recorded_as_assigned(world: Any, shows: bool) -> None:
    if not shows:
        world.tracker = Silent("eng", far_side=world.far)
    item = world.add()
    world.sync()
    world.far.people = frozenset({"mia"})
    world.edit(item.ref, owner="tom@acme.example", priority=Priority.LOW)
    world.sync()
    bodies = [r.told for r in world.store.log([item.ref], action="ticket.changed")]
    assert sorted(b["field"] for b in bodies) == ["body", "priority"]


def test_a_person_whom_the_tracker_refused_twice_leaves_the_owner_as_we_said(world: Any) -> None:
    world.tracker = Silent("eng", far_side=world.far)
    item = world.add(owner="mia@acme.example")
    world.sync()
    world.far.people = frozenset({"mia"})
    world.edit(item.ref, owner="tom@acme.example", title="Enable MFA for all admins")
    world.crash = _dies_at("updated.before")
    with pytest.raises(KeyboardInterrupt):
        world.sync()
    world.crash = lambda _: None
    for _ in range(3):
        world.clock.sleep(300)
        world.sync()
    assert (world.item(item.ref).owner, world.ticket(item.ref).assignee) == ("tom@acme.example", "mia")
    assert world.sync().plan.steps == ()


@pytest.mark.parametrize("shows", [True, False])
def test_whom_somebody_assigns_while_the_tracker_refuses_ours_is_followed(world: Any, shows: bool) -> None:
    if not shows:
        world.tracker = Silent("eng", far_side=world.far)
    item = world.add()
    world.sync()
    world.far.people = frozenset({"mia"})
    world.edit(item.ref, owner="tom@acme.example")
    world.crash = _at_the_first("update.before", lambda: world.far.edit(world.link(item.ref).ref, assignee="mia"))
    world.sync()
    world.clock.sleep(300)
    world.sync()
    assert world.item(item.ref).owner == "mia@acme.example"


def _dies_at(name: str) -> Callable[[str], None]:
    def crash(point: str) -> None:
        if point == name:
            raise KeyboardInterrupt

    return crash


def _at_the_first(name: str, act: Callable[[], None]) -> Callable[[str], None]:
    left = iter([act])

    def crash(point: str) -> None:
        if point == name:
            next(left, lambda: None)()

    return crash


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
