"""A run that does everything there is to do, killed at each of its named points."""

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from connectors.errors import Unavailable
from state.errors import LeaseLost
from state.lease import Holder
from state.model import Status
from state.store import Store
from sync.plan import Safety
from sync.watched import CRASH_POINTS, STEPS
from tests.databases import Databases
from tests.sync.conftest import Clock, World, new_world

OLD = ("Train every newcomer", "Rotate the access keys", "Encrypt the backup bucket", "Review who may deploy")
NEW = tuple(f"Encrypt volume {n} of the billing system" for n in range(4))


MUCH = b"a world with much to do"


class Killed(Exception):
    pass


def much_to_do(world: Any) -> None:
    """Leave answers lost, changes on both sides, and comments."""
    world.tracker.caps = replace(world.tracker.caps, bulk_create=2)
    edited, moved, said, heard = (world.add(title) for title in OLD)
    world.sync()
    world.clock.sleep(600)
    world.sync()
    world.add(NEW[0])
    world.store.add_comment(said.ref, "olga@acme.example", "Lost", world.because())
    for call in ("create", "comment"):
        world.far.lose_answer(call)
    world.sync()
    for title in NEW[1:]:
        world.add(title)
    world.far.move_to(world.link(moved.ref).ref, "In Progress")
    world.far.edit(world.link(moved.ref).ref, title="nope")
    labelled = world.ticket(heard.ref)
    world.far.edit(labelled.ref, labels=labelled.labels | {"theirs"})
    world.edit(edited.ref, description="Within a month of their first day.")
    world.store.add_comment(moved.ref, "olga@acme.example", "Once", world.because())


def make_trouble(world: World) -> None:
    """Have the tracker ask for long pauses and fail."""
    for pause in range(60, 301, 60):
        world.far.limit_rate(pause, "update")
    world.far.limit_rate(330, "comment")
    world.far.fail_next("create", Unavailable("503"))


@pytest.fixture(scope="module")
def kept() -> dict[str, tuple[Any, ...]]:
    """The clock, the far side, the tracker and the runs of a world with much to do, by kind of database."""
    return {}


@pytest.fixture
def busy(databases: Databases, kept: dict[str, tuple[Any, ...]]) -> Iterator[World]:
    """A world with much to do, which comes about once for each kind of database and is copied, in trouble."""
    if databases.kind not in kept:
        first = new_world(databases.made(), Clock())
        much_to_do(first)
        first.store.close()
        databases.keep(MUCH, first.url)
        kept[databases.kind] = (first.clock, first.far, first.tracker, first.runs)
    lock = vars(kept[databases.kind][1])["_doing"]
    clock, far, tracker, runs = deepcopy(kept[databases.kind], {id(lock): threading.RLock()})
    url = databases.made(lambda _: MUCH)
    world = World(Store.open(url, clock=clock), clock, far, tracker, url=url, runs=runs)
    make_trouble(world)
    yield world
    world.store.close()


def run(world: Any, crash: Callable[[str], None]) -> None:
    world.crash, world.safety, world.audit_hours = crash, Safety(max_creates=1, change_share=1.0), 0.0
    with suppress(Killed):
        world.sync(force="they are all wanted")
    world.crash, world.safety, world.audit_hours = (lambda _: None), Safety(change_share=1.0), 24.0


def kill_at(point: str) -> Callable[[str], None]:
    def crash(name: str) -> None:
        if name == point:
            raise Killed

    return crash


def test_a_run_that_does_everything_passes_every_point(busy: World) -> None:
    passed: list[str] = []
    run(busy, passed.append)
    assert set(passed) == set(CRASH_POINTS)
    assert all(passed.count(f"{step}.before") == passed.count(f"{step}.after") for step in STEPS)


@pytest.mark.parametrize("point", CRASH_POINTS)
def test_a_run_killed_at_any_point_and_resumed_leaves_one_ticket_per_item(busy: World, point: str) -> None:
    run(busy, kill_at(point))
    for _ in range(3):
        busy.clock.sleep(600)
        busy.sync()
    records = busy.records()
    busy.clock.sleep(600)
    assert busy.sync().plan.operations == ()
    assert busy.records() == records
    assert busy.store.verify().ok
    assert busy.store.open_intents(None) == []
    assert sorted(ticket.title for ticket in busy.far.tickets()) == sorted((*OLD, *NEW))
    items = {item.title: item for item in busy.store.list_items()}
    assert items[OLD[1]].status is Status.IN_PROGRESS
    assert "theirs" in busy.ticket(items[OLD[3]].ref).labels
    for title, text in ((OLD[1], "Once"), (OLD[2], "Lost")):
        said = [a for a in busy.far.activity(busy.link(items[title].ref).ref) if a.kind == "comment"]
        assert [text in str(a.text) for a in said] == [True]


@pytest.mark.parametrize("over", [True, False])
def test_a_quiet_run_that_another_took_over_does_not_say_how_things_stand(world: Any, over: bool) -> None:
    world.add()
    world.sync()

    def stand_still(point: str) -> None:
        if point == "feed.after":
            world.clock.sleep(3600)
            theirs = world.store.take_lease(Holder("elsewhere", 1), 600)
            if over:
                world.store.release_lease(theirs)

    world.crash = stand_still
    with pytest.raises(LeaseLost):
        world.sync()


@pytest.mark.parametrize("step", ["update", "comment", "create"])
def test_a_run_that_stood_still_past_its_lease_sends_nothing_when_another_took_over(world: Any, step: str) -> None:
    item = world.add()
    world.sync()
    world.edit(item.ref, title="Another title for the same thing")
    world.store.add_comment(item.ref, "olga@acme.example", "Once", world.because())
    world.add(NEW[0])
    calls: list[int] = []

    def stand_still(point: str) -> None:
        if point == f"{step}.before":
            world.clock.sleep(3600)
            world.store.take_lease(Holder("elsewhere", 1), 600)
            calls.append(world.far.calls)

    world.crash = stand_still
    with pytest.raises(LeaseLost):
        world.sync()
    assert calls == [world.far.calls]
