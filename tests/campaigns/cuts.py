"""A sync on PostgreSQL whose connection is cut, or whose server is restarted, at each of its statements in turn.

The connection is cut before the statement arrives or before its answer does, and may stay cut until the run has ended.
In half of the cases the next run is cut as well, at a random statement. Afterwards the program runs undisturbed, and
must come to the end state of a run to which nothing happened.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy.engine import make_url

from tests.campaigns.places import KINDS, PROCESSES, Place, both_sides, busy, workshop
from tests.campaigns.sheet import Score
from tests.campaigns.spread import Case, Crew, seconds, spread
from tests.campaigns.syscalls import comes_to_rest
from tests.campaigns.wire import Cut, between
from tests.postgresql import Own, own
from tests.program import Ended

FULL = 6_220
"""Twenty cuts at each of at most 311 statements of a sync, the kinds of tracker in turn; and two restarts at each."""

CUT = ("unsent", "unanswered", "away")
_LATER = 3
_CUT_AT, _OF = "cut at", "statements on"
_KEPT = ExitStack()


@dataclass(frozen=True)
class Bench:
    """A server of this process's own, an installation on it with work to do, and how all looks once that is done."""

    server: Own
    place: Place
    wanted: Mapping[str, Any]
    statements: int


def campaign(size: int, seed: int, crew: Crew, only: int | None) -> Iterator[Score]:
    """R13."""
    for row, what, ways in (
        ("R13, connection cut", f"the connection to PostgreSQL cut at each statement of a sync; {PROCESSES}", CUT),
        ("R13, server restart", f"PostgreSQL restarted at a statement of a sync; {PROCESSES}", ("restart",)),
    ):
        with workshop() as root:
            chosen = [only] if only is not None else range(size if len(ways) > 1 else max(1, size // 10))
            cases = list(spread(row, partial(try_one, root, seed, ways), chosen, crew))
        again = f"python -m tests.campaigns cuts --size {size} --seed {seed}"
        score = _score(row, what, cases, seed, seconds(cases), again)
        yield replace(score, full=FULL if len(ways) > 1 else FULL // 10)


def try_one(root: Path, seed: int, ways: Sequence[str], number: int) -> Case:
    """Let one statement of a sync go wrong, or two of two, and look at what the next runs make of it."""
    chance = Random(f"{seed} {number}")  # noqa: S311
    kind = KINDS[number % len(KINDS)]
    bench = prepared(root, kind)
    cuts = [Cut(chance.choice(ways), number // len(KINDS) % bench.statements + 1)]
    if chance.random() < 0.5:
        cuts.append(Cut(chance.choice(ways), chance.randrange(bench.statements) + 1))
    place = _copied(bench, root / f"{kind}-on-server-{os.getpid()}-case").tried(number)
    with place.served():
        ended = [_cut(bench.server, place, cut) for cut in cuts]
        wrong = [name for each in ended for name in _unsaid(each)]
        wrong += comes_to_rest(place, bench.wanted)
    bench.server.drop(place.url)
    also = [(f"exit code {each.code}", 1.0) for each in ended]
    also += [(f"{_CUT_AT} {kind} {cuts[0].number}", 1.0), (f"{_OF} {kind}", float(bench.statements))]
    return Case(number, tuple(wrong), tuple(also), f"{kind}: {cuts}: {ended}")


def _cut(server: Own, place: Place, cut: Cut) -> Ended:
    """One sync whose statements pass by somebody who lets one of them go wrong."""
    passing = make_url(place.url).set(query={"host": str(place.folder)}).render_as_string(hide_password=False)
    with between(server, place.folder, cut):
        return replace(place, url=passing).run("sync")


def _unsaid(ended: Ended) -> Iterator[str]:
    """What is wrong with how a run told that its database went away."""
    if ended.code not in (0, _LATER):
        yield f"exit code {ended.code}"
    if "Traceback" in ended.err + ended.out:
        yield "traceback"
    if ended.code and "See that the server runs" not in ended.err:
        yield "cause not told"


def prepared(root: Path, kind: str) -> Bench:
    """A bench with one kind of tracker; each process has its own."""
    return _prepared(root / f"{kind}-on-server-{os.getpid()}", kind)


@cache
def _prepared(folder: Path, kind: str) -> Bench:
    server = _server(os.getpid())
    place = Place.made(folder, kind, url=server.empty())
    busy(place)
    bench = Bench(server, place, {}, 0)
    whole = _copied(bench, folder.with_name(f"{folder.name}-whole"))
    with whole.served():
        if (ended := _cut(server, whole, Cut())).code:
            raise RuntimeError(f"a sync to which nothing happens fails: {ended}")
    return Bench(server, place, both_sides(whole), (whole.folder / "statements").stat().st_size)


@cache
def _server(_process: int) -> Own:
    """A server that ends with this process."""
    return _KEPT.enter_context(own())


def _copied(bench: Bench, folder: Path) -> Place:
    """The same installation in another folder, on a database of its own."""
    return bench.place.copied(folder, bench.server.copy(bench.place.url))


def _score(row: str, what: str, cases: Sequence[Case], seed: int, seconds: float, again: str) -> Score:
    names = ["duplicates", "lost", "unlinked", "another end state", "written at rest", "ledger unsound", "traceback"]
    names += [name for case in cases for name in case.wrong if name not in names]
    wrong = {name: sum(name in case.wrong for case in cases) for name in dict.fromkeys(names)}
    seen = Counter(name for case in cases for name, _ in case.also)
    cut = [number for name, number in seen.items() if name.startswith(_CUT_AT)]
    every = sum({name: int(number) for case in cases for name, number in case.also if name.startswith(_OF)}.values())
    also = {"statements": f"{len(cut)} of {every}", "the least often": f"{min(cut) if len(cut) >= every else 0} times"}
    also |= {name: f"{number:,}" for name, number in sorted(seen.items()) if name.startswith("exit code")}
    return Score(row, what, len(cases), wrong, seed, seconds, again, also)
