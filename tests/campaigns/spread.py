"""Many cases at once: each is a number, and runs in one of several processes."""

import json
import multiprocessing
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import groupby
from math import inf
from pathlib import Path
from time import monotonic

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tests.program import end_with


@dataclass(frozen=True)
class Case:
    """What became of one case: `wrong` names what must not happen; `also` counts whatever else is worth a figure.

    `seconds` are of wall time, since the case that ended before it: those of all cases add up to what they took.
    """

    number: int
    wrong: tuple[str, ...] = ()
    also: tuple[tuple[str, float], ...] = ()
    story: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Crew:
    """So many processes, and the folder where they keep what became of each case, so that others can go on later.

    The folder is of one commit and one seed: there a row's name and a number tell the same case again. No case is begun
    after `until`, a time of `monotonic`.
    """

    jobs: int = 1
    kept: Path | None = None
    until: float = inf


def spread(
    name: str, try_one: Callable[[int], Case], numbers: Iterable[int], crew: Crew, *, chunk: int = 1
) -> Iterator[Case]:
    """Yield every case as it ends, with progress on standard error, and tell the story of each that went wrong.

    `try_one` is a function of a module. A case that raises went wrong as `error`. What was tried in the crew's folder
    before is yielded first, and not tried again. Each `chunk` of numbers is tried by one process, in their order.
    """
    wanted = list(numbers)
    console = Console(file=sys.stderr)
    columns = (TextColumn(name), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as shown:
        task = shown.add_task(name, total=len(wanted))
        for case in _kept(name, try_one, wanted, crew, chunk):
            shown.advance(task)
            if case.wrong:
                console.print(f"{name} {case.number}: {', '.join(case.wrong)}\n{case.story}", markup=False)
            yield case


def _kept(name: str, try_one: Callable[[int], Case], wanted: list[int], crew: Crew, chunk: int) -> Iterator[Case]:
    if crew.kept is None:
        yield from _timed(_cases(try_one, wanted, crew, chunk))
        return
    crew.kept.mkdir(parents=True, exist_ok=True)
    left = dict.fromkeys(wanted)
    with (crew.kept / f"{name}.jsonl").open("a+", encoding="utf-8", buffering=1) as file:
        file.seek(0)
        line = "\n"
        for line in file:
            case = _read(line)
            if case is not None and case.number in left:
                del left[case.number]
                yield case
        if not line.endswith("\n"):
            file.write("\n")
        for case in _timed(_cases(try_one, left, crew, chunk)):
            file.write(json.dumps(asdict(case)) + "\n")
            yield case


def _read(line: str) -> Case | None:
    """A case that was kept; `None` where whoever wrote it was stopped in the middle of it."""
    try:
        body = json.loads(line)
    except ValueError:
        return None
    return Case(**body | {"wrong": tuple(body["wrong"]), "also": tuple((k, n) for k, n in body["also"])})


def seconds(cases: Iterable[Case]) -> float:
    """What these cases took together, in wall time."""
    return sum(case.seconds for case in cases)


def _timed(cases: Iterator[Case]) -> Iterator[Case]:
    since = monotonic()
    for case in cases:
        now = monotonic()
        yield replace(case, seconds=now - since)
        since = now


def _cases(try_one: Callable[[int], Case], numbers: Iterable[int], crew: Crew, chunk: int) -> Iterator[Case]:
    try_in_time = partial(_in_time, try_one, crew.until)
    if crew.jobs <= 1:
        yield from filter(None, map(try_in_time, numbers))
        return
    chunks = [[*each] for _, each in groupby(numbers, lambda number: number // chunk)]
    with multiprocessing.get_context("fork").Pool(crew.jobs, end_with, (os.getpid(),)) as pool:
        for cases in pool.imap_unordered(partial(_each, try_in_time), chunks):
            yield from filter(None, cases)


def _each(try_one: Callable[[int], Case | None], numbers: Sequence[int]) -> list[Case | None]:
    return [try_one(number) for number in numbers]


def _in_time(try_one: Callable[[int], Case], until: float, number: int) -> Case | None:
    """What became of a case; nothing if it is too late to try it."""
    if monotonic() >= until:
        return None
    try:
        return try_one(number)
    except Exception:  # noqa: BLE001
        return Case(number, ("error",), story=traceback.format_exc())
