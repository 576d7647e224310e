"""The ordered operations of a run."""

from typing import Any


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
