"""What a field that moved in a ticket leads to."""

import json
from dataclasses import replace
from typing import Any

import pytest

from state.model import Status


@pytest.mark.parametrize("move", [{"assignee": "mia"}, {"linked_change_open": True}])
def test_work_begun_without_a_change_of_state_names_the_person_who_began_it(world: Any, move: dict[str, Any]) -> None:
    world.tracker.caps = replace(world.tracker.caps, assignment_starts_work=True)
    item = world.add()
    world.sync()
    world.clock.sleep(5)
    world.far.edit(world.link(item.ref).ref, by="mia", **move)
    report = world.sync()
    assert world.item(item.ref).status is Status.IN_PROGRESS
    records = [json.loads(record.body) for record in world.store.log([item.ref])]
    assert [r["actor"]["account"] for r in records if r["field"] == "status"] == ["mia"]
    assert '"in_progress" (Mia)' in report.plan.operations[0].reason
