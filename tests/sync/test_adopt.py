"""A ticket that exists already becomes an item's ticket."""

from typing import Any

import pytest

from sync.adopt import NotAdoptable


def test_an_item_that_may_just_have_got_a_ticket_is_given_no_other(world: Any) -> None:
    world.wait = 120
    item = world.add()
    world.far.commit_late(30)
    world.sync()
    other = world.far.ticket(world.far.open("Made by hand"))
    with pytest.raises(NotAdoptable, match="counterfoil sync"):
        world.engine().adopt(item.ref, "eng", other.ref.key, because=world.because())
