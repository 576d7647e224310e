"""New tickets, several requests of them at once."""

from dataclasses import replace
from typing import Any

from connectors.sandbox.memory import CAPS, MemoryTracker
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
