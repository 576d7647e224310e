"""What one item and its ticket call for, run by run."""

from typing import Any

from connectors.errors import Rejected
from state.model import Field, HoldKind, Priority


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
