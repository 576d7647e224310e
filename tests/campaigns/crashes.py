"""Runs killed at every named point, once or several times in a row, and resumed until they come to rest.

Each run is the real program in a process of its own, over HTTP to an embedded tracker in another, on a SQLite file or
on PostgreSQL. It is forked from a process that has imported the program and compiled what is asked of a file, which
saves the start-up and nothing else; in each twentieth case it is newly started instead. Time is one clock for all
processes of a case: where the program waits, that clock moves on, so that minutes pass between runs in no time.
"""

import json
import pickle
import random
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, partial
from pathlib import Path
from typing import Any, cast

from sync.app import keys, runs
from sync.app.crashing import POINTS, VARIABLE
from tests.campaigns.backlog import is_ending, much_to_do, stir, trouble
from tests.campaigns.clocks import Shared
from tests.campaigns.places import KINDS, PROCESSES, Place, both_sides, workshop, wrong_with
from tests.campaigns.sheet import Score
from tests.campaigns.spread import Case, Crew, seconds, spread
from tests.postgresql import Absent, Server, running
from tests.program import Ended

FULL = 200
"""How many histories there are. Each is killed once at each point, and five times in a row of two or three kills.
Of the first, a tenth are repeated on PostgreSQL."""

_ROWS = 5
_FEWER = 10
_RUNS = 8
_NAMES = (
    "duplicates",
    "lost",
    "unlinked",
    "evidence twice",
    "asked for twice",
    "two standing comments",
    "another end state",
    "ledger unsound",
    "not at rest",
)


@dataclass(frozen=True)
class History:
    """An installation with much to do, how its tracker will behave, and what an undisturbed run makes of it.

    `passes` says how often that run passes each point, and `wanted` how both sides look in the end.
    """

    place: Place
    clock: Shared
    at: datetime
    trouble: Sequence[Mapping[str, Any]]
    words: Sequence[str]
    environment: Mapping[str, str]
    passes: Mapping[str, int]
    wanted: Mapping[str, Any]
    code: int


def campaign(size: int, seed: int, crew: Crew, only: int | None) -> Iterator[Score]:
    """Kill runs: once at each point, then several times in a row; what is left at rest is a row of its own."""
    again = f"python -m tests.campaigns crashes --size {size} --seed {seed}"
    quiet: list[Case] = []
    many = 0
    with postgresql() as server, workshop() as root:
        for (row, what, attempt, histories, each), (*_, fully, _) in zip(
            _rows(size, server), _rows(FULL, server), strict=True
        ):
            chosen = [only] if only is not None else range(histories * each)
            cases = list(spread(row, partial(attempt, root, seed), chosen, crew, chunk=each))
            score = _score(row, what, cases, _NAMES, seed, seconds(cases), again)
            yield replace(score, full=fully * each)
            quiet += cases
            many += fully * each
    what = "one more run after each of these came to rest"
    still = [Case(c.number, tuple({*c.wrong} & {"written at rest"})) for c in quiet]
    yield replace(_score("R8", what, still, ("written at rest",), seed, seconds(quiet), again), full=many)


def _rows(size: int, server: Server | None) -> Iterator[tuple[str, str, Callable[[Path, int, int], Case], int, int]]:
    """The rows: what is done in each, how one case is tried, with how many histories, and how many cases of each."""
    at_each = f"SIGKILL at each of {len(POINTS)} points of a sync, then resumed; {PROCESSES}"
    in_a_row = f"SIGKILL two or three times in a row at random points, recovery included; {PROCESSES}"
    yield "R1", at_each, killed_once, size, len(POINTS)
    yield "R2", in_a_row, killed_often, size, _ROWS
    if server is not None:
        yield "R1, PostgreSQL", at_each, partial(killed_once, server=server), max(size // _FEWER, 1), len(POINTS)


@contextmanager
def postgresql() -> Iterator[Server | None]:
    """A server, or nothing where there is none, which is said."""
    with ExitStack() as stack:
        server = None
        try:
            server = stack.enter_context(running())
        except Absent as absent:
            print(f"no rows for PostgreSQL: {absent}", file=sys.stderr)
        yield server


@contextmanager
def fresh(history: "History", server: Server | None = None) -> Iterator[Place]:
    """The history's installation, served, as it was before anything was done; on the server if there is one."""
    history.clock.put(history.at)
    place = history.place.copied(history.place.folder.with_name("case"))
    with place.served():
        if server is None:
            yield place
            return
        url = server.empty()
        try:
            yield place.moved(url)
        finally:
            server.drop(url)


def killed_once(root: Path, seed: int, number: int, server: Server | None = None) -> Case:
    """Kill a history's run at one point, at a pass drawn by its number; at another if it does not get there."""
    which, at = divmod(number, len(POINTS))
    history, dice = prepared(root, seed, which), random.Random(f"{seed}/{number}")  # noqa: S311
    point = POINTS[at] if POINTS[at] in history.passes else dice.choice(sorted(history.passes))
    return _killed(history, number, [f"{point}:{dice.randint(1, history.passes[point])}"], server)


def killed_often(root: Path, seed: int, number: int) -> Case:
    """Kill a history's run at a random point, and the next one or two too."""
    history, dice = prepared(root, seed, number // _ROWS), random.Random(f"{seed}/{number}/often")  # noqa: S311
    points = dice.choices(sorted(history.passes), k=dice.choice((2, 3)))
    nth = dice.randint(1, history.passes[points[0]])
    return _killed(history, number, [f"{points[0]}:{nth}", *(f"{point}:1" for point in points[1:])])


def _killed(history: History, number: int, orders: Sequence[str], server: Server | None = None) -> Case:
    dice = random.Random(number)  # noqa: S311
    story, kills = [f"{history.place.kind}: {' '.join(history.words)} {dict(history.environment)}"], Counter[str]()
    with fresh(history, server) as installed:
        place = installed.tried(number)
        stir(place, history.trouble)
        for order in orders:
            ended = place.run(*history.words, environment={**history.environment, VARIABLE: order})
            kills[order.partition(":")[0]] += ended.code == -signal.SIGKILL
            story.append(f"{order}: {ended.code} {ended.err.strip()}")
            history.clock.sleep(dice.choice((150, 900) if is_ending(history.at) else (1, 150, 900)))
        wrong, told = at_rest(place, history)
    story += told
    return Case(number, tuple(wrong), tuple(kills.items()), "\n".join(story))


def at_rest(place: Place, history: History) -> tuple[list[str], list[str]]:
    """What is wrong once the program ran again, undisturbed, until it found nothing to do; and what it said."""
    told: list[str] = []
    for _ in range(_RUNS):
        before = place.writes(), place.records()
        ended, nothing = settled(place)
        told.append(f"sync: {ended.code} {ended.out.strip()} {ended.err.strip()}")
        history.clock.sleep(150)
        if nothing and ended.code == history.code:
            wrong = wrong_with(place, history.wanted)
            return wrong + (["written at rest"] if (place.writes(), place.records()) != before else []), told
    return ["not at rest"], told


def settled(place: Place) -> tuple[Ended, bool]:
    """How one more run ended, and whether it found nothing to do, now or later, nor a write in doubt or a pull due."""
    doubts, pulls = place.in_doubt(), place.whole_pulls()
    ended = place.run("sync", "--json")
    if ended.code not in (0, 3, 5):
        return ended, False
    told = json.loads(ended.out) if ended.out else {"operations": [ended.err]}
    work = (told["operations"], *(told.get(name) for name in ("deferred", "recovered", "problems")))
    return ended, not (doubts or any(work) or place.whole_pulls() > pulls)


@cache
def prepared(root: Path, seed: int, which: int) -> History:
    """One of the histories, made once for all rows of a campaign; only one process at a time may use it."""
    prepared.cache_clear()
    folder = root / f"history-{which}"
    kept = folder / "history"
    if not kept.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        kept.write_bytes(pickle.dumps(_made(folder, seed, which)))
    return cast("History", pickle.loads(kept.read_bytes()))  # noqa: S301


def _made(folder: Path, seed: int, which: int) -> History:
    dice = random.Random(f"{seed}/{which}")  # noqa: S311
    kind, clock = KINDS[which % len(KINDS)], Shared(folder / "clock")
    place = Place.made(folder / "before", kind, clock)
    config = place.folder / "counterfoil.toml"
    wait = dice.choice((0, 120))
    config.write_text(config.read_text().replace("visibility_wait_seconds = 0", f"visibility_wait_seconds = {wait}"))
    much_to_do(place, clock, dice)
    forced = dice.random() < 0.3
    words = ["sync", "--force", "they are all wanted"] if forced else ["sync"]
    environment = {"COUNTERFOIL_SAFETY__MAX_CREATES": "0"} if forced else {}
    faults, at = trouble(kind, dice), clock.now()
    whole = place.copied(folder / "whole")
    with whole.served():
        stir(whole, faults)
        passed = _passes(whole, words, environment)
        code = 0
        for _ in range(_RUNS):
            clock.sleep(150)
            ended, nothing = settled(whole)
            code = ended.code
            if nothing:
                break
    wanted = both_sides(whole)
    if wrong := wrong_with(whole, wanted):
        raise RuntimeError(f"history {which} ends wrongly by itself: {', '.join(wrong)}")
    shutil.rmtree(whole.folder)
    return History(place, clock, at, faults, words, environment, passed, wanted, code)


def _passes(place: Place, words: Sequence[str], environment: Mapping[str, str]) -> dict[str, int]:
    """How often an undisturbed run passes each point."""
    notes = place.folder / "points"

    def before() -> None:
        file = notes.open("a", buffering=1)
        for each in (keys, runs):
            vars(each)["crash_hook"] = lambda _: lambda point: print(point, file=file)

    process = place.start(words, environment, before)
    process.go()
    ended = process.wait()
    if ended.code not in (0, 3, 5):
        raise RuntimeError(str(ended))
    passed = notes.read_text().split()
    return {point: passed.count(point) for point in dict.fromkeys(passed)}


def _score(
    row: str, what: str, cases: Sequence[Case], names: Sequence[str], seed: int, seconds: float, again: str
) -> Score:
    all_ = [*names, *(name for case in cases for name in case.wrong if name not in names)]
    wrong = {name: sum(name in case.wrong for case in cases) for name in dict.fromkeys(all_)}
    if row != "R8":
        wrong.pop("written at rest", None)
    kills = Counter[str]()
    for case in cases:
        kills.update({point: int(number) for point, number in case.also})
    also = {"kills": f"{kills.total():,}", "points": f"{len(+kills)} of {len(POINTS)}"} if kills else {}
    return Score(row, what, len(cases), wrong, seed, seconds, again, also)
