"""Calls made at once, in threads that end with the last of them, and calls that are not waited for without end."""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from threading import Thread
from typing import TypeVar

from sync.work import in_turn

T = TypeVar("T")


def at_once(calls: Iterator[Callable[[], T]], width: int) -> Generator[T, None, None]:
    """Yield what each call returns as it comes, up to `width` calls being under way; raises what one raises.

    `calls` is asked from the calling thread alone. Once this ends, however it ends, no call is under way any more.
    """
    if width == 1:
        yield from in_turn(calls, width)
        return
    with ThreadPoolExecutor(width, "at-once") as pool:
        under_way: set[Future[T]] = set()
        while True:
            while len(under_way) < width and (call := next(calls, None)) is not None:
                under_way.add(pool.submit(call))
            if not under_way:
                return
            done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()


def in_time(seconds: float, call: Callable[[], T]) -> T:
    """What a call returns, or raises; `TimeoutError` if that takes longer, and it is left to itself then."""
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(call())
        except BaseException as error:  # noqa: BLE001
            done.set_exception(error)

    Thread(target=run, name="in-time", daemon=True).start()
    return done.result(timeout=max(0.0, seconds))
