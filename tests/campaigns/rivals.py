"""Runs that want the same installation: begun at once, one of them asleep past its lease, many of them under a killer.

Each run is the real program in a process of its own, forked or newly started as in the campaign of kills, on the
database of one of its histories: a SQLite file, or moved to PostgreSQL. In storms all are forked, since one that has
to start first would be killed before it does anything.
"""

import os
import random
import re
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path

from sqlalchemy import select
from sqlmodel import SQLModel

from sync.app import runs
from sync.app.shapes import LAST_SYNC
from sync.notary import STEPS
from tests import program
from tests.campaigns.backlog import stir
from tests.campaigns.crashes import History, at_rest, fresh, postgresql, prepared, settled
from tests.campaigns.places import PROCESSES, Place, both_sides, workshop, wrong_with
from tests.campaigns.sheet import Score
from tests.campaigns.spread import Case, Crew, seconds, spread
from tests.postgresql import Server
from tests.program import Process

FULL = 500
"""How often several runs begin at once; runs that stand still, and kills in storms, are two fifths of that."""

_MANY = (2, 3, 8)
_PER_HISTORY = 12
_KILLS = 25
_LOOPS = 3
_LEASE = 600
_HELD = re.compile(r"another run holds the lease: process \d+ on ")
_RUN = re.compile(r"R-\d{8}T\d{6}-[0-9a-f]{6}")
_NAMES = ("duplicates", "lost", "unlinked", "another end state", "ledger unsound", "not at rest", "written at rest")


def campaign(size: int, seed: int, crew: Crew, only: int | None) -> Iterator[Score]:
    """Let runs meet: at once, after standing still, and under a killer; on PostgreSQL too, if it is here."""
    again = f"python -m tests.campaigns rivals --size {size} --seed {seed}"
    with postgresql() as server, workshop() as root:
        for (row, what, cases, more, attempt), (*_, fully, _, _) in zip(
            _rows(size, server), _rows(FULL, server), strict=True
        ):
            chosen = [only] if only is not None else range(cases)
            chunk = 1 if attempt is storm else _PER_HISTORY
            found = list(spread(row, partial(attempt, root, seed), chosen, crew, chunk=chunk))
            score = _score(row, what, found, (*_NAMES, *more), seed, seconds(found), again)
            yield replace(score, full=fully)


def _rows(
    size: int, server: Server | None
) -> Iterator[tuple[str, str, int, tuple[str, ...], Callable[[Path, int, int], Case]]]:
    """The rows: what is done in each, in how many cases, what else may go wrong, and how one case is tried."""
    fewer = max(size * 2 // 5, 1)
    at_the_same_time = f"two, three or eight syncs begun at once; {PROCESSES}"
    asleep = "a sync stopped (SIGSTOP) at a random point past its lease while another takes over, then woken"
    asleep += f"; {PROCESSES}"
    storms = f"storms of {_KILLS} SIGKILLs on three loops of syncs; processes: forked"
    mixed = ("mixed with another run", "refused wrongly")
    late = ("written by the woken run", "more than a request by the woken run", "ended wrongly")
    yield "R9", at_the_same_time, size, mixed, at_once
    yield "R10", asleep, fewer, late, stopped
    yield "R11", storms, max(fewer // _KILLS, 1), ("stalls",), storm
    if server is not None:
        yield "R9, PostgreSQL", at_the_same_time, size, mixed, partial(at_once, server=server)
        yield "R10, PostgreSQL", asleep, fewer, late, partial(stopped, server=server)


def at_once(root: Path, seed: int, number: int, server: Server | None = None) -> Case:
    """Begin several runs at the same moment: each in its turn or not at all, and who is refused says by whom."""
    history = prepared(root, seed, number // _PER_HISTORY)
    with fresh(history, server) as installed:
        place = installed.tried(number)
        begun = [place.start(["sync"], output=f"run-{n}-") for n in range(_MANY[number % len(_MANY)])]
        for process in begun:
            process.go()
        ended = [process.wait() for process in begun]
        refused = [e for e in ended if e.code == 3 and _HELD.search(e.err)]
        wrong = [] if all(e.code in (0, 3, 5) and (e.out or e in refused) for e in ended) else ["refused wrongly"]
        wrong += ["mixed with another run"] if _mixed(place) else []
        history.clock.sleep(150)
        more, story = at_rest(place, history)
    said = [f"{e.code} {e.out.strip()} {e.err.strip()}" for e in ended]
    return Case(number, (*wrong, *more), (("runs", len(ended)), ("refused", len(refused))), "\n".join([*said, *story]))


def stopped(root: Path, seed: int, number: int, server: Server | None = None) -> Case:
    """Stop a run at a random point for longer than its lease, let others end its work, and wake it."""
    history, dice = prepared(root, seed, number // _PER_HISTORY), random.Random(f"{seed}/{number}/stop")  # noqa: S311
    # Signed and handed out is what was recorded once the lease is given back, whoever has it then.
    point = dice.choice(sorted(point for point in history.passes if not point.startswith(STEPS)))
    nth = dice.randint(1, history.passes[point])
    with fresh(history, server) as installed:
        place = installed.tried(number)
        stir(place, history.trouble)
        asleep = place.start(history.words, history.environment, partial(_stop_at, point, nth), "asleep-")
        asleep.go()
        _, status = os.waitpid(asleep.pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            return Case(number, also=(("not reached", 1),))
        history.clock.sleep(_LEASE + 100)
        wrong, story = at_rest(place, history)
        over = point == "release.after"
        before, asked = _content(place, over=over), place.writes()
        os.kill(asleep.pid, signal.SIGCONT)
        woken = asleep.wait()
        late = place.writes() - asked
        wrong += (
            ["written by the woken run"] if point != "lease.before" and _content(place, over=over) != before else []
        )
        wrong += ["more than a request by the woken run"] if late > 1 else []
        wrong += [] if _gave_up(point, woken) else ["ended wrongly"]
        more, again = at_rest(place, history)
    story += [f"{place.kind} {point}:{nth} woken: {woken.code} {woken.out.strip()} {woken.err.strip()}", *again]
    also = (("stopped", 1), ("late requests", late))
    return Case(number, tuple(dict.fromkeys([*wrong, *more])), also, "\n".join(story))


def storm(root: Path, seed: int, number: int) -> Case:
    """Loops that begin one run after the other, a killer among them, and people who go on working."""
    history, dice = prepared(root, seed, number), random.Random(f"{seed}/{number}/storm")  # noqa: S311
    live: dict[int, Process] = {}
    kills = ended = 0
    with fresh(history) as place:
        longest, due = _Stall(place), time.monotonic()
        while kills < _KILLS:
            for loop in {*range(_LOOPS)} - live.keys():
                live[loop] = place.start(["sync"], output=f"loop-{loop}-")
                live[loop].go()
            longest.look()
            if time.monotonic() >= due:
                victim = dice.choice(list(live.values()))
                os.kill(victim.pid, signal.SIGKILL)
                longest.killed(victim.pid)
                kills += 1
                due = time.monotonic() + dice.uniform(0.05, 0.6)
                if kills % 5 == 0:
                    place.run("item", "add", f"Encrypt disk {kills} of the billing system")
            ended += _reap(live)
            time.sleep(0.005)
        for process in live.values():
            process.wait()
        wrong, story = _calm(place, history)
    wrong += ["stalls"] if longest.seconds > _LEASE + 5 else []
    also = (("kills", kills), ("runs ended", ended), ("longest stall in ms", longest.seconds * 1000))
    return Case(number, tuple(wrong), also, "\n".join(story))


class _Stall:
    """For how long nobody had the lease after the one who had it was killed, at the longest."""

    def __init__(self, place: Place) -> None:
        self._place, self._since, self._token = place, 0.0, 0
        self.seconds = 0.0

    def _lease(self) -> tuple[int, int, bool]:
        with closing(sqlite3.connect(self._place.database)) as connection:
            row = connection.execute("SELECT token, pid, expires_at IS NOT NULL FROM lease").fetchone()
        return row or (0, 0, False)

    def killed(self, pid: int) -> None:
        """This process was killed just now."""
        token, holder, held = self._lease()
        if held and holder == pid:
            self._since, self._token = time.monotonic(), token

    def look(self) -> None:
        """See whether somebody has taken it over."""
        if self._since and self._lease()[0] != self._token:
            self.seconds, self._since = max(self.seconds, time.monotonic() - self._since), 0.0


def _reap(live: dict[int, Process]) -> int:
    done = [loop for loop, process in live.items() if os.waitpid(process.pid, os.WNOHANG)[0]]
    for loop in done:
        del live[loop]
    return len(done)


def _calm(place: Place, history: History) -> tuple[list[str], list[str]]:
    story: list[str] = []
    for _ in range(8):
        history.clock.sleep(150)
        ended, nothing = settled(place)
        story.append(f"{ended.code} {ended.out} {ended.err}")
        if nothing:
            wrong = wrong_with(place, both_sides(place))
            said = [Counter(ticket["said"]) for ticket in both_sides(place)["tickets"]]
            return wrong + (["duplicates"] if any(n > 1 for one in said for n in one.values()) else []), story
    return ["not at rest"], story


def _stop_at(point: str, nth: int) -> None:
    """Have this process stop there: by a signal to this very thread, which would else go on for a moment."""
    passes = iter(range(1, 100_000))

    def hook(name: str) -> None:
        if name == point and next(passes) == nth:
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)

    vars(runs)["crash_hook"] = lambda _: hook


def _gave_up(point: str, woken: program.Ended) -> bool:
    """Whether a run that was woken ended as it should: by noticing, unless it had not begun or was done."""
    if point.startswith(("lease.before", "release.")):
        return woken.code in (0, 3, 5)
    return woken.code == 3 and "was taken over by another run" in woken.err


def _content(place: Place, *, over: bool) -> list[str]:
    """All that is kept but whose the lease is; where it is `over`, but what the last run says of itself too."""
    tables = [table for table in SQLModel.metadata.sorted_tables if table.name != "lease"]
    with place.store() as store, store.reading() as connection:
        rows = [f"{table.name} {row}" for table in tables for row in connection.execute(select(table))]
    return sorted(row for row in rows if not (over and row.startswith(f"meta ('{LAST_SYNC}'")))


def _mixed(place: Place) -> bool:
    """Whether the records of two runs stand in each other's midst."""
    with place.store() as store:
        told = [match[0] for record in store.log() if (match := _RUN.search(record.body))]
    names = [name for name, _ in groupby(told)]
    return len(names) != len(set(names))


def _score(
    row: str, what: str, cases: Sequence[Case], names: Sequence[str], seed: int, seconds: float, again: str
) -> Score:
    all_ = dict.fromkeys([*names, *(name for case in cases for name in case.wrong)])
    wrong = {name: sum(name in case.wrong for case in cases) for name in all_}
    also: dict[str, float] = {}
    for case in cases:
        for name, value in case.also:
            also[name] = max(also.get(name, 0), value) if "longest" in name else also.get(name, 0) + value
    return Score(row, what, len(cases), wrong, seed, seconds, again, {n: f"{v:,.0f}" for n, v in also.items()})
