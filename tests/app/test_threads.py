"""Several calls at once."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from sync.app.threads import at_once, in_time


def together(barrier: threading.Barrier, number: int) -> Callable[[], int]:
    def call() -> int:
        barrier.wait(timeout=30)
        return number

    return call


def test_as_many_calls_as_allowed_are_under_way_together() -> None:
    barrier = threading.Barrier(3)
    assert sorted(at_once((together(barrier, number) for number in range(6)), 3)) == list(range(6))


def test_a_call_is_asked_for_only_when_there_is_room_for_it_and_by_the_caller() -> None:
    asked: list[tuple[int, int]] = []
    dealt_with = 0

    def calls() -> Iterator[Callable[[], int]]:
        for number in range(10):
            assert threading.current_thread() is threading.main_thread()
            asked.append((number, dealt_with))
            yield lambda: 0

    for _ in at_once(calls(), 4):
        dealt_with += 1
    assert all(number - done < 8 for number, done in asked)
    assert len(asked) == dealt_with == 10


def test_one_at_a_time_is_done_by_the_caller_itself() -> None:
    assert list(at_once(iter([threading.current_thread] * 2), 1)) == [threading.main_thread()] * 2


def test_nothing_is_under_way_once_it_was_left() -> None:
    ended: list[int] = []
    may_end = threading.Event()

    def slow() -> int:
        may_end.wait(timeout=30)
        ended.append(1)
        return 1

    with closing(at_once(iter([lambda: 0, slow, slow]), 2)) as answers:
        assert next(answers) == 0
        may_end.set()
    assert len(ended) in (1, 2)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("at-once")]


def test_what_a_call_raises_is_raised() -> None:
    def fail() -> int:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        list(at_once(iter([fail, fail]), 2))


def test_a_call_that_takes_too_long_is_not_waited_for() -> None:
    may_end, ended = threading.Event(), threading.Event()

    def slow() -> None:
        may_end.wait(timeout=30)
        ended.set()

    with pytest.raises(TimeoutError):
        in_time(0.01, slow)
    assert not ended.is_set()
    may_end.set()
    assert ended.wait(timeout=30)


def test_what_a_call_returns_or_raises_in_time_is_its_own() -> None:
    assert in_time(30, lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        in_time(30, lambda: 1 // 0)
