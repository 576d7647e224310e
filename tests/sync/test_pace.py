"""The pauses that a tracker asks for."""

from typing import Any


def test_the_wait_for_a_lost_answer_counts_from_when_it_was_last_sent(world: Any) -> None:
    world.wait = 120
    world.add()
    for seconds in (50, 100, 150, 200):
        world.far.limit_rate(seconds)
    world.far.commit_late(100)
    world.sync()
    world.clock.sleep(5)
    world.sync()
    world.clock.sleep(200)
    world.sync()
    assert len(world.far.tickets()) == 1


def test_a_comment_that_had_to_wait_is_not_said_twice(world: Any) -> None:
    world.wait = 120
    item = world.add()
    world.sync()
    world.store.add_comment(item.ref, "olga@acme.example", "Please begin with the admins.", world.because())
    for seconds in (50, 100, 150, 200):
        world.far.limit_rate(seconds, "comment")
    world.far.commit_late(100, "comment")
    world.sync()
    world.clock.sleep(5)
    world.sync()
    world.clock.sleep(200)
    world.sync()
    said = [event.text for event in world.far.activity(world.link(item.ref).ref) if "admins" in event.text]
    assert len(said) == 1
