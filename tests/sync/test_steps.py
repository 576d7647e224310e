"""What one item and its ticket call for, run by run."""

from typing import Any

import pytest

from connectors.errors import Rejected
from mapping.rules import Route
from state.model import Field, HoldKind, OperationKind, Priority, Status


def open_holds(world: Any) -> list[tuple[HoldKind, Field | None]]:
    return [(hold.kind, hold.field) for hold in world.store.holds()]


def test_a_refusal_of_several_fields_is_over_for_each_that_has_moved(world: Any) -> None:
    item = world.add()
    world.sync()
    world.far.fail_next("update", Rejected("this priority may not be set"))
    world.edit(item.ref, title="Enable MFA for all", priority=Priority.LOW)
    world.sync()
    refused = {Field.TITLE, Field.BODY, Field.PRIORITY}
    assert set(open_holds(world)) == {(HoldKind.REJECTED, field) for field in refused}
    world.edit(item.ref, title="Enable MFA for everybody")
    world.sync()
    assert world.ticket(item.ref).title == "Enable MFA for everybody"
    assert set(open_holds(world)) == {(HoldKind.REJECTED, field) for field in refused - {Field.TITLE}}
    world.edit(item.ref, description="Phones count.")
    world.sync()
    assert "Phones count." in world.ticket(item.ref).body
    assert open_holds(world) == [(HoldKind.REJECTED, Field.PRIORITY)]
    assert world.sync().plan.operations == ()


def test_a_request_that_takes_the_place_of_another_ends_it_and_its_claim(world: Any) -> None:
    item = world.add()
    world.sync()
    ref = world.link(item.ref).ref
    for resolution, kind in (
        ("Won't Do", HoldKind.ACCEPTANCE_REQUESTED),
        ("Duplicate", HoldKind.DUPLICATE),
        ("Won't Do", HoldKind.ACCEPTANCE_REQUESTED),
        ("Cannot Reproduce", HoldKind.UNMAPPED),
    ):
        world.clock.sleep(60)
        world.far.move_to(ref, "Done", resolution)
        world.sync()
        assert open_holds(world) == [(kind, Field.STATUS)]
        assert (world.item(item.ref).claim is not None) == (kind is HoldKind.ACCEPTANCE_REQUESTED)
    assert world.sync().plan.operations == ()


@pytest.mark.parametrize("kind", [HoldKind.NO_ROUTE, HoldKind.REJECTED])
def test_what_kept_a_finished_item_from_a_ticket_is_over(world: Any, kind: HoldKind) -> None:
    if kind is HoldKind.NO_ROUTE:
        world.routes = ()
    else:
        world.far.fail_next("create", Rejected("the screen has no such field"))
    item = world.add()
    assert world.sync().exit_code == 5
    assert open_holds(world) == [(kind, None)]
    world.edit(item.ref, status=Status.RESOLVED)
    report = world.sync()
    assert [o.kind for o in report.plan.operations] == [OperationKind.RELEASE]
    assert (report.exit_code, open_holds(world), list(world.store.dirty_items())) == (0, [], [])
    world.routes = (Route("eng"),)
    world.edit(item.ref, status=Status.OPEN)
    assert world.sync().tally.created == 1


def test_items_that_no_route_takes_are_written_down_together_and_compared_again_when_item_or_routes_change(
    world: Any,
) -> None:
    world.routes = (Route("eng", {"controls": ("CC6*",)}),)
    items = [world.add(f"Rotate key {number}") for number in range(3)]
    commits: list[str] = []
    world.crash = commits.append
    assert world.sync().tally.held == 3
    assert commits.count("pull.after") == 1
    assert open_holds(world) == [(HoldKind.NO_ROUTE, None)] * 3
    assert list(world.store.dirty_items()) == []
    world.edit(items[0].ref, controls=("CC6.1",))
    assert world.sync().tally.created == 1
    world.routes = (Route("eng", {"controls": ("CC6*",)}), Route("eng", {"owner": ("mia*",)}))
    records = world.records()
    assert world.sync().plan.operations == ()
    assert world.records() == records
    assert world.sync().plan.steps == ()
    world.edit(items[1].ref, owner="mia@acme.example")
    assert world.sync().tally.created == 1
    world.routes = (Route("eng"),)
    assert world.sync().tally.created == 1
    assert (open_holds(world), world.sync().exit_code) == ([], 0)


@pytest.mark.parametrize("refused", [True, False])
def test_an_item_that_a_new_route_takes_is_no_longer_held_for_want_of_one_whatever_becomes_of_it(
    world: Any, refused: bool
) -> None:
    routes, world.routes = world.routes, ()
    world.add()
    world.sync()
    world.routes = routes
    if refused:
        world.far.fail_next("create", Rejected("the screen has no such field"))
    else:
        world.far.lose_answer("create")
    then = [(HoldKind.REJECTED, None)] if refused else []
    world.sync()
    assert open_holds(world) == then
    world.clock.sleep(600)
    world.sync()
    assert (open_holds(world), world.sync().plan.operations) == (then, ())
    assert len(world.far.tickets()) == (not refused)


def test_a_block_that_stands_twice_is_not_called_removed_and_is_kept_in_step_once_it_stands_alone(world: Any) -> None:
    item = world.add()
    world.sync()
    ref, body = world.link(item.ref).ref, world.ticket(item.ref).body
    world.far.edit(ref, body=f"{body}\n\nAs it was:\n{body}")
    assert world.sync().tally.commented == 1
    (said,) = [a.text for a in world.far.activity(ref) if a.kind == "comment"]
    assert "not once and whole" in said
    assert "removed" not in said
    world.edit(item.ref, description="Phones count.")
    assert world.sync().tally.commented == 1
    assert "Phones count." not in world.ticket(item.ref).body
    world.far.edit(ref, body=f"Only once:\n{body}")
    world.sync()
    assert world.ticket(item.ref).body.startswith("Only once:")
    assert "Phones count." in world.ticket(item.ref).body
    assert world.sync().plan.operations == ()
