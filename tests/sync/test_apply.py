"""The writing half of a run."""

from typing import Any


def test_words_written_around_the_block_while_a_run_writes_are_kept(world: Any) -> None:
    item = world.add()
    world.sync()
    ref = world.link(item.ref).ref
    world.edit(item.ref, description="Every admin, without exception.")

    def write(point: str) -> None:
        if point == "update.before":
            world.far.edit(ref, body=f"Mine\n\n{world.far.ticket(ref).body}")
            world.crash = lambda _: None

    world.crash = write
    assert world.sync().exit_code == 3
    world.crash = lambda _: None
    assert world.sync().tally.updated == 1
    body = world.far.ticket(ref).body
    assert body.startswith("Mine\n\n")
    assert "without exception" in body
