"""What every write of a run rests on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from state.lease import this_process
from state.store import Store
from tests.databases import on_sqlite, statements


@on_sqlite
def test_a_file_that_is_not_as_we_left_it_is_checked_before_anything_is_written_here_or_there(world: Any) -> None:
    """A ticket is linked on the strength of it, and what a killed run left open is looked for."""
    item, lost = world.add(), world.add("Rotate the root key")
    other = world.far.ticket(world.far.open("Made by hand", tracker="eng"))

    def first(act: Callable[[], object]) -> str:
        world.store.close()
        path = Path(make_url(world.url).database or "")
        path.write_bytes(path.read_bytes())
        world.store = Store.open(world.url, clock=world.clock)
        with statements() as said:
            act()
        return next(one for one in said if one.startswith(("PRAGMA integrity_check", "INSERT", "UPDATE", "DELETE")))

    def link() -> None:
        world.engine().link(item.ref, "eng", other.ref.key, holder=this_process(), because=world.because())

    assert first(link).startswith("PRAGMA")
    world.far.lose_answer("create")
    world.sync()
    assert [i.item for i in world.store.open_intents()] == [lost.ref]
    assert first(world.sync).startswith("PRAGMA")
    assert not world.store.open_intents()
