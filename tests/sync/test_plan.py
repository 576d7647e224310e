"""The ordered operations of a run."""

from dataclasses import replace
from typing import Any

import pytest

from state.model import Field, OperationKind
from sync.plan import FieldMove, Operation, Safety, Step, brake


def test_after_an_update_in_doubt_the_approved_plan_is_the_one_applied(world: Any) -> None:
    item = world.add()
    world.sync()
    world.edit(item.ref, title="Enable MFA for every admin")
    world.far.lose_request("update")
    world.sync()
    assert world.sync(expect=world.plan().digest).tally.updated == 1


def test_a_few_deleted_tickets_are_not_an_empty_tracker(world: Any) -> None:
    items = [world.add(f"Rotate the key of account {number}") for number in range(12)]
    world.sync()
    for item in items[:2]:
        world.far.delete(world.link(item.ref).ref)
        world.edit(item.ref, description="Within the week.")
    assert world.sync().plan.refused is None
    world.sync()
    assert len(world.store.holds()) == 2


def _steps(world: Any, tracker: str, count: int) -> list[Step]:
    item = world.add()
    moved = (FieldMove(Field.STATUS, "open", "resolved"),)
    return [
        Step(
            replace(item, ref=f"AI-{n:06}"), tracker, (Operation(OperationKind.PULL, f"AI-{n:06}", tracker, "", moved),)
        )
        for n in range(count)
    ]


@pytest.mark.parametrize(
    ("small", "large", "refused"),
    [(4, 0, "change_share"), (3, 0, None), (3, 30, None), (0, 31, "change_share")],
)
def test_changes_are_judged_by_tracker_and_all_together(
    world: Any, small: int, large: int, refused: str | None
) -> None:
    steps = [*_steps(world, "small", small), *_steps(world, "large", large)]
    found = brake(steps, links={"small": 10, "large": 100}, sightings=(), safety=Safety(change_share=0.30))
    assert (found.name if found else None) == refused


def test_trackers_too_small_to_judge_alone_are_judged_together(world: Any) -> None:
    steps = [*_steps(world, "one", 9), *_steps(world, "two", 9)]
    assert brake(steps, links={"one": 9, "two": 9}, sightings=(), safety=Safety(change_share=0.30)) is not None
    assert brake(steps[:9], links={"one": 9}, sightings=(), safety=Safety(change_share=0.30)) is None
