"""New tickets, several requests of them at once."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from connectors.sandbox.memory import CAPS, MemoryTracker
from state.ticket import Created, Draft, NotCreated
from sync.app.threads import at_once


def many(world: Any, count: int) -> None:
    world.tracker = MemoryTracker("eng", far_side=world.far, caps=replace(CAPS, bulk_create=5, parallel=4))
    world.at_once = at_once
    for number in range(count):
        world.add(f"Encrypt volume {number}")


def test_requests_at_once_make_one_ticket_each_item(world: Any) -> None:
    many(world, 48)
    report = world.sync()
    assert (report.tally.created, len(world.far.tickets())) == (48, 48)
    assert world.sync().plan.operations == ()


def test_a_short_pause_holds_all_requests_back_and_loses_none(world: Any) -> None:
    many(world, 40)
    for _ in range(3):
        world.far.limit_rate(20)
    began = world.clock.now
    report = world.sync()
    assert (report.tally.created, report.tally.deferred, len(world.far.tickets())) == (40, 0, 40)
    assert (world.clock.now - began).total_seconds() < 100


def test_a_long_pause_stops_the_requests_that_have_not_begun(world: Any) -> None:
    many(world, 48)
    world.far.limit_rate(3_000)
    report = world.sync()
    assert report.tally.deferred >= 5
    assert report.tally.created == len(world.far.tickets()) <= 43
    assert world.sync().tally.created == 48 - report.tally.created
    assert len(world.far.tickets()) == 48


def test_an_answer_lost_among_others_stays_open_and_is_found(world: Any) -> None:
    many(world, 48)
    world.far.lose_answer()
    report = world.sync()
    assert (report.tally.created, report.tally.deferred) == (43, 5)
    assert world.sync().tally.recovered == 5
    assert len(world.far.tickets()) == 48


def runs_on(world: Any, soon: float) -> None:
    """A run, one soon after it, and three more a minute apart."""
    world.sync()
    for pause in (soon, 60, 60, 60):
        world.clock.sleep(pause)
        world.sync()


class OneByOne(MemoryTracker):
    """Finds out with the first drafts that its server takes one to a request, each of which takes 4 seconds.

    Of its requests the `late`-th has no answer, and is done a minute later.
    """

    late, sent = 0, 0

    def create(self, drafts: Sequence[Draft]) -> Iterator[Created | NotCreated]:
        self.caps = replace(self.caps, bulk_create=1)
        for draft in drafts:
            self.sent += 1
            self.far_side.clock.sleep(4)  # type: ignore[attr-defined]
            if self.sent == self.late:
                self.far_side.commit_late(60)
            yield from super().create([draft])


@pytest.fixture
def slow(world: Any) -> Any:
    world.wait, world.tracker = 120, OneByOne("eng", far_side=world.far, caps=replace(CAPS, bulk_create=40))
    for number in range(40):
        world.add(f"Encrypt volume {number}")
    return world


def test_each_ticket_of_many_that_are_made_one_by_one_counts_from_its_own_request(slow: Any) -> None:
    slow.tracker.late = 40
    runs_on(slow, 5)
    assert len(slow.far.tickets()) == 40
    assert slow.store.open_intents(None) == []


def test_a_server_that_takes_one_to_a_request_is_given_one_as_soon_as_that_is_known(slow: Any) -> None:
    slow.tracker.caps = replace(CAPS, bulk_create=10)
    slow.tracker.late = 10
    begun = []
    slow.crash = lambda point: begun.append(slow.store.open_intents(None)) if point == "creating.after" else None
    slow.sync()
    assert [len(intents) for intents in begun] == [10, *([2] * 30)]
    assert len(slow.far.tickets()) == 40


class Grudging(MemoryTracker):
    """Takes 100 seconds to refuse a person, and does what is then asked for a minute after that was lost."""

    sent = 0

    def create(self, drafts: Sequence[Draft]) -> Iterator[Created | NotCreated]:
        self.sent += 1
        if self.sent == 2:
            self.far_side.commit_late(60)
        found = list(super().create(drafts))
        if self.sent == 1:
            self.far_side.clock.sleep(100)  # type: ignore[attr-defined]
        yield from found


def test_a_ticket_sent_again_without_the_person_that_was_refused_counts_from_then(world: Any) -> None:
    world.far.people = {"tom"}
    world.wait, world.tracker = 120, Grudging("eng", far_side=world.far, caps=replace(CAPS, bulk_create=1))
    world.add(owner="mia@acme.example")
    runs_on(world, 25)
    assert len(world.far.tickets()) == 1
    assert world.store.open_intents(None) == []
