"""Reading a tracker's feed."""

from datetime import timedelta
from typing import Any

from state.model import Status


def test_an_edit_that_the_index_shows_late_is_not_lost_behind_our_own_write(world: Any) -> None:
    world.wait = 120
    edited, other = world.add("Rotate the access keys"), world.add("Encrypt the backup bucket")
    world.sync()
    world.far.lag = timedelta(seconds=100)
    world.clock.sleep(115)
    world.far.move_to(world.link(edited.ref).ref, "In Progress")
    world.edit(other.ref, title="Encrypt the backup bucket of the billing system")
    world.sync()
    world.clock.sleep(10)
    world.sync()
    world.clock.sleep(1000)
    world.sync()
    assert world.item(edited.ref).status is Status.IN_PROGRESS
