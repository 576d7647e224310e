"""A tracker's budget for new content, and the pauses that it asks for."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from connectors.sandbox.memory import CAPS, MemoryTracker
from state.errors import LeaseHeld
from state.lease import Holder
from state.model import Priority
from tests.sync.conftest import Clock

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def slow(world: Any, *, minute: int, hour: int, items: int) -> None:
    caps = replace(CAPS, bulk_create=1, content_per_minute=minute, content_per_hour=hour)
    world.tracker = MemoryTracker("eng", far_side=world.far, caps=caps)
    for number in range(items):
        world.add(f"Encrypt volume {number}")


def created(world: Any) -> list[datetime]:
    return sorted(ticket.created for ticket in world.far.tickets())


def most_within(times: Sequence[datetime], window: timedelta) -> int:
    return max(sum(start <= at < start + window for at in times) for start in times)


def test_new_tickets_are_a_second_apart_and_within_the_minutes_budget(world: Any) -> None:
    slow(world, minute=8, hour=1_000, items=25)
    assert world.sync().tally.created == 25
    times = created(world)
    assert min(after - before for before, after in pairwise(times)) >= timedelta(seconds=1)
    assert most_within(times, MINUTE) == 8


class Still(Clock):
    """Stands still unless somebody sleeps: requests that take next to no time."""

    def __call__(self) -> datetime:
        return self.now


def test_a_minutes_budget_smaller_than_a_request_is_waited_for_and_ends_no_run(world: Any) -> None:
    world.clock = world.store._clock = world.far.clock = Still()
    slow(world, minute=30, hour=1_000, items=120)
    world.tracker.caps = replace(world.tracker.caps, bulk_create=50)
    assert world.sync().tally.created == 120


def test_the_hours_budget_is_used_up_and_no_more_by_runs_on_a_schedule(world: Any) -> None:
    slow(world, minute=80, hour=40, items=130)
    began = world.clock.now
    for _ in range(12):
        world.sync()
        world.clock.now = began = began + timedelta(minutes=15)
    times = created(world)
    assert most_within(times, HOUR) == 40
    assert len(times) >= 0.95 * 40 * 3


def test_what_was_begun_before_a_crash_counts(world: Any) -> None:
    slow(world, minute=8, hour=20, items=30)

    def die(point: str) -> None:
        if point == "created.after" and len(world.far.tickets()) == 6:
            raise KeyboardInterrupt

    world.crash = die
    with pytest.raises(KeyboardInterrupt):
        world.sync()
    world.crash = lambda _: None
    assert world.sync().tally.created == 14
    times = created(world)
    assert (most_within(times, MINUTE), len(times)) == (8, 20)


def test_the_most_urgent_go_first_where_not_all_can(world: Any) -> None:
    slow(world, minute=80, hour=3, items=5)
    urgent = [world.add("Rotate the root key", priority=Priority.CRITICAL).ref for _ in range(3)]
    world.sync()
    assert [ref for ref in urgent if world.store.link(ref) is None] == []


def test_the_lease_is_kept_through_all_pauses(world: Any) -> None:
    slow(world, minute=2, hour=1_000, items=6)
    for _ in range(4):
        world.far.limit_rate(59)
    asleep, tried = world.clock.sleep, []

    def sleep(seconds: float) -> None:
        asleep(seconds)
        with pytest.raises(LeaseHeld):
            tried.append(world.store.take_lease(Holder("elsewhere", 1), 60))

    world.clock.sleep = sleep
    assert world.sync().tally.created == 6
    assert tried == []


def test_the_wait_for_a_lost_answer_counts_from_when_it_was_last_sent(world: Any) -> None:
    world.wait = 120
    world.add()
    for seconds in (50, 100, 150, 200):
        world.far.limit_rate(seconds)
    world.far.commit_late(100)
    world.sync()
    world.clock.sleep(5)
    world.sync()
    world.clock.sleep(200)
    world.sync()
    assert len(world.far.tickets()) == 1


def test_a_comment_that_had_to_wait_is_not_said_twice(world: Any) -> None:
    world.wait = 120
    item = world.add()
    world.sync()
    world.store.add_comment(item.ref, "olga@acme.example", "Please begin with the admins.", world.because())
    for seconds in (50, 100, 150, 200):
        world.far.limit_rate(seconds, "comment")
    world.far.commit_late(100, "comment")
    world.sync()
    world.clock.sleep(5)
    world.sync()
    world.clock.sleep(200)
    world.sync()
    said = [event.text for event in world.far.activity(world.link(item.ref).ref) if "admins" in event.text]
    assert len(said) == 1


def test_a_plan_foretells_when_all_is_there_if_the_hours_budget_does_not_do(world: Any) -> None:
    slow(world, minute=80, hour=10, items=25)
    (told,) = world.plan().forecasts
    assert (told.tracker, told.count, told.per_hour) == ("eng", 25, 10)
    assert timedelta(hours=2) <= told.done_at - world.clock.now <= timedelta(hours=2, minutes=1)
    report = world.sync()
    assert report.tally.deferred == 15
    assert "within an hour are used up" in report.problems[0]
    (rest,) = world.plan().forecasts
    assert abs(rest.done_at - told.done_at) < timedelta(minutes=1)


def test_a_plan_foretells_too_what_takes_more_than_a_minute(world: Any) -> None:
    slow(world, minute=80, hour=500, items=100)
    (told,) = world.plan().forecasts
    assert timedelta(seconds=99) <= told.done_at - world.clock.now <= timedelta(minutes=2)


def test_what_a_budget_takes_at_once_needs_no_forecast(world: Any) -> None:
    slow(world, minute=80, hour=10, items=10)
    assert world.plan().forecasts == ()


@pytest.mark.parametrize("asked", [50.0, 5.0, 1.0])
def test_a_limit_at_every_fiftieth_write_costs_little_more_than_the_wait_that_it_asks_for(
    world: Any, asked: float
) -> None:
    world.tracker = MemoryTracker("eng", far_side=world.far, caps=replace(CAPS, bulk_create=1))
    for number in range(110):
        world.add(f"Encrypt volume {number}")
    written, asleep, slept = 0, world.clock.sleep, []

    def limit(point: str) -> None:
        nonlocal written
        begun = point in ("creating.after", "sending.after")
        written += begun
        if begun and written % 50 == 0:
            world.far.limit_rate(asked)

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        asleep(seconds)

    world.crash, world.clock.sleep = limit, sleep
    assert world.sync().tally.created == 110
    assert written == 112
    assert sum(slept) <= 1.2 * 2 * asked
