"""Where the feed is read from after a first mirror that was cut short."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connectors.sandbox.memory import CAPS, MemoryTracker
from state.model import HoldKind, Status
from sync.position import located


def cut_short(world: Any, meddle: Callable[[], None] = lambda: None) -> list[str]:
    """Three items of which the third has its ticket made only by a later run; `meddle` happens after the first."""
    world.tracker = MemoryTracker("eng", far_side=world.far, caps=replace(CAPS, bulk_create=1))
    items = [world.add(f"Encrypt volume {n}").ref for n in range(3)]

    def die(point: str) -> None:
        if point == "created.after":
            if len(world.far.tickets()) == 1:
                meddle()
            if len(world.far.tickets()) == 2:
                raise KeyboardInterrupt

    world.crash = die
    with pytest.raises(KeyboardInterrupt):
        world.sync()
    world.crash = lambda _: None
    return items


def test_what_others_did_before_and_after_a_first_mirror_was_cut_short_is_read_in_time(world: Any) -> None:
    def begin() -> None:
        world.far.move_to(world.far.tickets()[0].ref, "In Progress")

    first, second, third = cut_short(world, begin)
    world.far.move_to(world.link(second).ref, "In Progress")
    world.sync()
    assert world.item(second).status is Status.IN_PROGRESS
    assert world.link(third)
    world.clock.sleep(1000)
    world.sync()
    assert world.item(first).status is Status.IN_PROGRESS


def test_a_first_mirror_that_was_cut_short_is_not_read_from_its_beginning(world: Any) -> None:
    _, second, _ = cut_short(world)
    feed = located(world.store, world.tracker, world.store.feed("eng"), world.clock(), timedelta(0))
    assert feed.fresh is not None
    assert feed.fresh.at == world.ticket(second).created


def test_all_is_read_where_an_end_of_what_was_linked_is_gone(world: Any) -> None:
    first, _, _ = cut_short(world)
    world.far.delete(world.link(first).ref)
    feed = located(world.store, world.tracker, world.store.feed("eng"), world.clock(), timedelta(0))
    assert (feed.settled, feed.fresh) == (None, None)


def test_a_quiet_run_asks_nothing_but_the_feed_although_the_only_ticket_was_gone_before_the_feed_was_read(
    world: Any,
) -> None:
    item = world.add()
    world.crash = _dies_after_creating
    with pytest.raises(KeyboardInterrupt):
        world.sync()
    world.crash = lambda _: None
    world.far.delete(world.link(item.ref).ref)
    for _ in range(3):
        world.clock.sleep(300)
        world.sync(full=True)
    assert [h.kind for h in world.store.holds(item.ref)] == [HoldKind.GONE]
    before = world.tracker.requests
    world.sync()
    assert world.tracker.requests - before == 1


def _dies_after_creating(point: str) -> None:
    if point == "created.after":
        raise KeyboardInterrupt
