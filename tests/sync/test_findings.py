from datetime import date, timedelta
from typing import Any

import pytest

from state.model import OperationKind, Status
from sync.plan import Safety
from tests.sync.conftest import World

LATE = "overdue since 2026-12-21"


def months_later(world: World) -> None:
    world.clock.now += timedelta(days=40)


def test_a_ticket_says_in_one_line_since_when_it_is_overdue_and_says_it_once(world: Any) -> None:
    item = world.add()
    world.sync()
    assert "overdue" not in world.ticket(item.ref).body
    months_later(world)
    report = world.sync()
    assert [o.kind for o in report.plan.operations] == [OperationKind.UPDATE]
    assert world.ticket(item.ref).body.count(LATE) == 1
    months_later(world)
    assert world.plan().operations == ()


def test_the_plan_tells_of_it_and_writes_nothing(world: Any) -> None:
    item = world.add()
    world.sync()
    months_later(world)
    assert world.plan().digest == world.plan().digest
    assert not world.item(item.ref).overdue
    assert world.sync(expect=world.plan().digest).tally.updated == 1


def test_a_new_due_date_starts_over(world: Any) -> None:
    item = world.add()
    world.sync()
    months_later(world)
    world.sync()
    world.edit(item.ref, due_date=date(2027, 2, 1))
    world.sync()
    assert "overdue" not in world.ticket(item.ref).body
    months_later(world)
    world.sync()
    assert "overdue since 2027-02-02" in world.ticket(item.ref).body


def test_what_is_finished_is_not_overdue(world: Any) -> None:
    item, late = world.add("Write the log policy"), world.add("Rotate the keys")
    world.sync()
    world.edit(item.ref, status=Status.RESOLVED)
    world.sync()
    months_later(world)
    assert [o.item for o in world.sync().plan.operations] == [late.ref]
    world.edit(late.ref, status=Status.RESOLVED)
    world.sync()
    assert "overdue" not in world.ticket(late.ref).body


def test_an_item_whose_date_had_passed_before_it_had_a_ticket_is_overdue_from_the_first(world: Any) -> None:
    months_later(world)
    item = world.add()
    world.sync()
    assert LATE in world.ticket(item.ref).body
    world.sync()
    assert world.plan().operations == ()


def test_a_day_on_which_everything_falls_due_is_no_reason_to_brake(world: Any) -> None:
    world.safety = Safety()
    for number in range(12):
        world.add(f"Rotate key {number}")
    world.sync()
    months_later(world)
    report = world.sync()
    assert report.plan.refused is None
    assert report.tally.updated == 12


def test_a_crash_after_the_calendar_was_looked_at_loses_no_line(world: Any) -> None:
    item = world.add()
    world.sync()
    months_later(world)
    seen: list[str] = []

    def crash(point: str) -> None:
        seen.append(point)
        if point == "refresh.after":
            raise KeyboardInterrupt

    world.crash = crash
    with pytest.raises(KeyboardInterrupt):
        world.sync()
    world.crash = lambda _: None
    assert "refresh.after" in seen
    assert "overdue" not in world.ticket(item.ref).body
    world.sync()
    assert LATE in world.ticket(item.ref).body
