"""What a field that moved in a ticket leads to."""

from dataclasses import replace
from typing import Any

import pytest

from state.lease import this_process
from state.model import Authority, Field, HoldKind, Status
from state.ticket import Category
from sync.settle import settle


@pytest.mark.parametrize("move", [{"assignee": "mia"}, {"linked_change_open": True}])
def test_work_begun_without_a_change_of_state_names_the_person_who_began_it(world: Any, move: dict[str, Any]) -> None:
    world.tracker.caps = replace(world.tracker.caps, assignment_starts_work=True)
    item = world.add()
    world.sync()
    world.clock.sleep(5)
    world.far.edit(world.link(item.ref).ref, by="mia", **move)
    report = world.sync()
    assert world.item(item.ref).status is Status.IN_PROGRESS
    records = [record.told for record in world.store.log([item.ref])]
    assert [r["actor"]["account"] for r in records if r["field"] == "status"] == ["mia"]
    assert '"in_progress" (Mia)' in report.plan.operations[0].reason


@pytest.mark.parametrize("decide", ["edit", "settle"])
def test_a_state_that_means_nothing_here_yields_to_the_item_whoever_else_has_the_say(world: Any, decide: str) -> None:
    world.authority[Field.STATUS] = Authority.TICKET
    item = world.add()
    world.sync()
    world.far.move_to(world.link(item.ref).ref, "Done", "Cannot Reproduce")
    world.sync()
    (hold,) = world.store.holds(item.ref)
    assert hold.kind is HoldKind.UNMAPPED
    if decide == "edit":
        world.edit(item.ref, status=Status.IN_PROGRESS)
    else:
        settle(world.store, hold, "item", world.because("it can be reproduced"), holder=this_process())
    world.sync()
    assert world.store.holds(item.ref) == []
    wanted = Category.INDETERMINATE if decide == "edit" else Category.NEW
    assert world.ticket(item.ref).state.category is wanted
