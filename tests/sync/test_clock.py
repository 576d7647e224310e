"""Our clock is wrong, by an hour or by a year, or a tracker's is: nothing is doubled, and nothing is lost for long."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.sandbox.memory import MemoryTracker
from state.effects import Feed
from state.errors import LeaseHeld, LeaseLost
from state.lease import Holder, this_process
from state.model import Status
from state.ticket import Cursor
from sync.position import advanced

HOUR, YEAR = timedelta(hours=1), timedelta(days=365)
WRONG = pytest.mark.parametrize(
    "by", [HOUR, -HOUR, YEAR, -YEAR], ids=["hour ahead", "hour behind", "year ahead", "year behind"]
)


class Watch:
    """Our own clock, `off` by so much from the one the tracker goes by."""

    def __init__(self, right: Any) -> None:
        self.right, self.off = right, timedelta(0)

    def __call__(self) -> datetime:
        now: datetime = self.right()
        return now + self.off

    def sleep(self, seconds: float) -> None:
        self.right.sleep(seconds)


@pytest.fixture
def off(world: Any) -> Any:
    """A world with some linked items, whose own clock may go wrong; it waits two minutes for lost answers."""
    world.clock = world.store._clock = Watch(world.clock)
    world.wait = 120
    for n in range(3):
        world.add(f"Encrypt volume {n}")
    world.sync()
    world.clock.sleep(1000)
    world.sync()
    return world


def rest(world: Any) -> None:
    for _ in range(4):
        world.clock.sleep(300)
        world.sync()
    assert world.sync().plan.operations == ()
    assert world.store.open_intents(None) == []


@WRONG
@pytest.mark.parametrize("mended", [True, False])
def test_a_lost_create_and_a_lost_comment_are_found_and_not_sent_again(off: Any, by: timedelta, mended: bool) -> None:
    off.clock.off = by
    off.add("Rotate the access keys")
    off.store.add_comment("AI-000001", "olga", "Before the audit", off.because())
    off.far.lose_answer("create")
    off.far.lose_answer("comment")
    off.sync()
    off.clock.off = timedelta(0) if mended else by
    rest(off)
    assert len(off.far.tickets()) == 4
    assert off.store.link("AI-000004")
    assert len([a for a in off.far.activity(off.link("AI-000001").ref) if a.kind == "comment"]) == 1


def test_what_arrives_late_while_our_clock_is_put_forward_is_neither_sent_nor_said_again(off: Any) -> None:
    off.wait = 600
    off.add("Rotate the access keys")
    off.store.add_comment("AI-000001", "olga", "Before the audit", off.because())
    off.far.commit_late(400, "create")
    off.far.commit_late(400, "comment")
    off.sync()
    off.clock.off = HOUR
    for _ in range(3):
        off.clock.sleep(60)
        off.sync()
    assert len(off.store.open_intents(None)) == 2
    rest(off)
    assert len(off.far.tickets()) == 4
    assert len([a for a in off.far.activity(off.link("AI-000001").ref) if a.kind == "comment"]) == 1
    assert off.store.holds(None) == []


def test_two_hosts_whose_clocks_differ_take_turns_and_make_nothing_twice(off: Any) -> None:
    off.wait = 600
    off.add("Rotate the access keys")
    off.far.commit_late(400, "create")
    for ahead, pause in ((HOUR, 30), (timedelta(0), 30), (HOUR, 30), (timedelta(0), 600)):
        off.clock.off = ahead
        off.tracker = MemoryTracker("eng", far_side=off.far, caps=off.tracker.caps)
        off.sync()
        off.clock.sleep(pause)
    rest(off)
    assert len(off.far.tickets()) == 4


@pytest.mark.parametrize("by", [HOUR, YEAR])
def test_a_budget_used_while_the_clock_was_ahead_is_there_again_an_hour_after_it_is_right(
    off: Any, by: timedelta
) -> None:
    caps = replace(off.tracker.caps, content_per_minute=80, content_per_hour=1)
    off.tracker = MemoryTracker("eng", far_side=off.far, caps=caps)
    off.clock.off = by
    off.add("Rotate the access keys")
    off.sync()
    off.clock.off = timedelta(0)
    off.clock.sleep(3700)
    off.add("Close the port")
    off.sync()
    off.clock.sleep(3700)
    off.sync()
    assert len(off.far.tickets()) == 5


@WRONG
def test_a_create_that_never_arrived_is_sent_once_the_clock_is_right_again(off: Any, by: timedelta) -> None:
    off.clock.off = by
    off.add("Rotate the access keys")
    off.far.lose_request("create")
    off.sync()
    off.clock.off = timedelta(0)
    rest(off)
    assert len(off.far.tickets()) == 4


@WRONG
def test_what_people_do_is_seen_while_the_clock_is_wrong_and_after(off: Any, by: timedelta) -> None:
    off.clock.off = by
    off.sync()
    off.far.move_to(off.link("AI-000001").ref, "In Progress")
    off.sync()
    assert off.item("AI-000001").status is Status.IN_PROGRESS
    off.clock.off = timedelta(0)
    off.sync()
    off.far.move_to(off.link("AI-000002").ref, "In Progress")
    off.sync()
    assert off.item("AI-000002").status is Status.IN_PROGRESS
    rest(off)


def test_after_a_year_ahead_every_ticket_is_looked_at_again(off: Any) -> None:
    off.clock.off = YEAR
    off.sync(full=True)
    off.clock.off = timedelta(0)
    off.far.delete(off.link("AI-000003").ref)
    off.sync()
    off.sync()
    assert [h.item for h in off.store.holds(None)] == ["AI-000003"]


def test_a_time_from_the_year_9999_moves_no_cursor_past_what_is_to_come() -> None:
    now, absurd = datetime(2026, 11, 20, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    feed = advanced(Feed("eng"), Cursor(absurd), [absurd, now - HOUR], now, HOUR)
    assert feed.fresh == Cursor(now)
    assert feed.settled is not None
    assert feed.settled.at < now


class Slow(MemoryTracker):
    """Takes five minutes for each request."""

    clock: Any

    def _call(self, call: str, work: Any) -> Any:
        self.clock.sleep(300)
        return super()._call(call, work)


def slow(world: Any) -> None:
    world.tracker = Slow("eng", far_side=world.far, caps=world.tracker.caps, page_size=1)
    world.tracker.clock = world.clock


def test_a_long_reading_keeps_the_lease(off: Any) -> None:
    for n in range(3):
        off.far.move_to(off.link(f"AI-00000{n + 1}").ref, "In Progress")
    slow(off)
    began, tried = off.clock(), 0

    def other(*_: Any) -> None:
        nonlocal tried
        tried += 1
        with pytest.raises(LeaseHeld):
            off.store.take_lease(Holder("elsewhere", 7), 600)

    engine = replace(off.engine(), progress=other)
    report = engine.sync("long", holder=this_process(), agent=off.because().agent)
    assert (report.tally.pulled, tried >= 3, off.clock() - began > HOUR / 4) == (3, True, True)


def test_a_reading_that_outlasted_its_lease_stops_once_another_run_has_it(off: Any) -> None:
    off.far.move_to(off.link("AI-000001").ref, "In Progress")
    slow(off)

    def taken(*_: Any) -> None:
        off.clock.sleep(1000)
        off.store.take_lease(Holder("elsewhere", 7), 600)

    engine = replace(off.engine(), progress=taken)
    with pytest.raises(LeaseLost):
        engine.sync("late", holder=this_process(), agent=off.because().agent)
    assert off.item("AI-000001").status is Status.OPEN
