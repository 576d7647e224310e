"""Many cases at once: each is a number, and runs in one of several processes."""

import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tests.program import end_with


@dataclass(frozen=True)
class Case:
    """What became of one case: `wrong` names what must not happen; `also` counts whatever else is worth a figure."""

    number: int
    wrong: tuple[str, ...] = ()
    also: tuple[tuple[str, float], ...] = ()
    story: str = ""


def spread(
    name: str, try_one: Callable[[int], Case], numbers: Iterable[int], jobs: int, *, chunk: int = 1
) -> Iterator[Case]:
    """Yield every case as it ends, with progress on standard error, and tell the story of each that went wrong.

    `try_one` is a function of a module. A case that raises went wrong as `error`.
    """
    wanted = list(numbers)
    asked = [(try_one, number) for number in wanted]
    console = Console(file=sys.stderr)
    columns = (TextColumn(name), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as shown:
        task = shown.add_task(name, total=len(wanted))
        for case in _cases(asked, jobs, chunk):
            shown.advance(task)
            if case.wrong:
                console.print(f"{name} {case.number}: {', '.join(case.wrong)}\n{case.story}", markup=False)
            yield case


def _cases(asked: list[tuple[Callable[[int], Case], int]], jobs: int, chunk: int) -> Iterator[Case]:
    if jobs <= 1:
        yield from map(_guarded, asked)
        return
    with multiprocessing.get_context("fork").Pool(jobs, end_with, (os.getpid(),)) as pool:
        yield from pool.imap_unordered(_guarded, asked, chunk)


def _guarded(asked: tuple[Callable[[int], Case], int]) -> Case:
    try_one, number = asked
    try:
        return try_one(number)
    except Exception:  # noqa: BLE001
        return Case(number, ("error",), story=traceback.format_exc())
