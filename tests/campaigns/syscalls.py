"""A sync of every kind of change, killed at each system call that matters, and with each of them failing in turn.

What matters is each write, sync, truncation and removal of a file of the installation, and each connection, sending
and receiving. A run is forked from a process that has imported the program, or in each twentieth case newly started;
strace does the rest. The tracker is another process. Afterwards the program runs again, undisturbed, and must come to
the end state of a run to which nothing happened.
"""

import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from tests.campaigns import tracing
from tests.campaigns.places import KINDS, PROCESSES, Place, both_sides, busy, workshop, wrong_with
from tests.campaigns.sheet import Score
from tests.campaigns.spread import Case, Crew, seconds, spread
from tests.campaigns.tracing import Call, Traced

FULL = 100_000
"""More than there are: all of them."""

DISK = ("pwrite64", "pwritev", "write", "writev", "fdatasync", "fsync", "ftruncate", "fallocate", "unlink", "rename")
NET = ("connect", "sendto", "sendmsg", "recvfrom")
FAILURES = {"EIO": DISK + NET, "ENOSPC": DISK, "ECONNRESET": NET}
_OUTPUT = ("stdout", "stderr")
_RUNS = 3
"""Runs after which everything is at rest, and the last of them wrote nothing."""


@dataclass(frozen=True)
class Wound:
    """What is done to one system call of a sync with one kind of tracker: killed at it, or an error from it."""

    kind: str
    call: str
    number: int
    error: str = ""

    @property
    def order(self) -> str:
        """The same, as strace wants it."""
        return f"{self.call}:{f'error={self.error}' if self.error else 'signal=KILL'}:when={self.number}"


def campaign(size: int, seed: int, crew: Crew, only: int | None) -> Iterator[Score]:
    """R3 and R4."""
    if why := tracing.usable():
        print(f"R3 and R4 were not tried: {why}", file=sys.stderr)
        return
    with workshop() as root:
        calls = {kind: calls_of(root, kind) for kind in KINDS}
        kills = [Wound(kind, call.name, call.number) for kind in KINDS for call in calls[kind]]
        fails = [
            replace(wound, error=error) for error, names in FAILURES.items() for wound in kills if wound.call in names
        ]
        again = f"python -m tests.campaigns syscalls --size {size} --seed {seed}"
        told = ", ".join(f"{len(found)} on {kind}" for kind, found in calls.items())
        rows = {"R3": (f"SIGKILL at each system call of a sync that writes, sends or receives; {PROCESSES}", kills)}
        rows["R4"] = (f"EIO, ENOSPC and ECONNRESET from each of these calls; {PROCESSES}", fails)
        for row, (what, wounds) in rows.items():
            chosen = [only] if only is not None else evenly(len(wounds), size)
            cases = list(spread(row, partial(try_one, root, wounds), chosen, replace(crew, kept=None), chunk=4))
            yield replace(_score(row, what, cases, seed, seconds(cases), again, told), full=len(wounds))


def evenly(many: int, size: int) -> list[int]:
    """At most `size` of the numbers below `many`, spread over all of them."""
    return sorted({number * many // size for number in range(size)}) if size < many else list(range(many))


def calls_of(root: Path, kind: str) -> list[Call]:
    """The system calls of a sync that matter; where several threads make the n-th, the first to come to it counts."""
    place, _ = prepared(root, kind)
    whole = place.copied(root / f"{kind}-whole")
    with whole.served():
        traced = tracing.run(["sync"], whole, DISK + NET, bytes_shown=8)
    found = [call for call in traced.calls if _matters(call, whole.folder)]
    return list({(call.name, call.number): call for call in reversed(found)}.values())[::-1]


def _matters(call: Call, folder: Path) -> bool:
    if call.name in NET:
        return call.file.startswith("TCP")
    name = call.file or call.path
    return name.startswith(str(folder)) and not name.endswith(_OUTPUT)


def prepared(root: Path, kind: str) -> tuple[Place, Mapping[str, Any]]:
    """An installation with work to do, and how both sides look once that is done; each process has its own."""
    return _prepared(root / f"{kind}-{os.getpid()}", kind)


@cache
def _prepared(folder: Path, kind: str) -> tuple[Place, Mapping[str, Any]]:
    place = Place.made(folder, kind)
    busy(place)
    whole = place.copied(folder.with_name(f"{folder.name}-whole"))
    with whole.served():
        whole.ask("sync")
    return place, both_sides(whole)


def try_one(root: Path, wounds: Sequence[Wound], number: int) -> Case:
    """Let one thing go wrong, and look at what is left behind and what the next runs make of it."""
    wound = wounds[number]
    template, wanted = prepared(root, wound.kind)
    place = template.copied(template.folder.with_name(f"{template.folder.name}-case")).tried(number)
    with place.served():
        traced = tracing.run(["sync"], place, DISK + NET, inject=wound.order)
        wrong = [] if _whole(place) else ["database damaged"]
        wrong += _unsaid(traced, place, wanted) if wound.error else ()
        wrong += comes_to_rest(place, wanted)
    return Case(number, tuple(wrong), ((_outcome(traced), 1.0),), f"{wound}: {traced.ended}")


def _outcome(traced: Traced) -> str:
    if not traced.injected:
        return "not reached"
    match traced.ended.code:
        case 0:
            return "absorbed"
        case -9:
            return "killed"
        case code:
            return f"exit code {code}"


def _whole(place: Place) -> bool:
    """Whether the database is in order, looked at in a copy so that the program finds it as it was left."""
    aside = place.folder / "aside"
    aside.mkdir()
    for file in place.folder.glob("counterfoil.db*"):
        if not file.name.endswith("-shm"):
            shutil.copy(file, aside)
    with closing(sqlite3.connect(aside / "counterfoil.db")) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def _unsaid(traced: Traced, place: Place, wanted: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with how a failure was told, if it was one."""
    code, said = traced.ended.code, traced.ended.out + traced.ended.err
    if code == 0 and both_sides(place) != wanted:
        yield "called in order, and was not"
    if code < 0:
        yield "died"
    if code == 1:
        yield "called a bug"
    if "Traceback" in said:
        yield "traceback"
    if code and not said.strip():
        yield "failed silently"


def comes_to_rest(place: Place, wanted: Mapping[str, Any]) -> list[str]:
    """What is wrong once the program ran again, undisturbed, while its tracker is served."""
    wrote, code = True, 0
    for _ in range(_RUNS):
        before = place.writes(), place.records()
        code = place.run("sync").code
        if not (wrote := (place.writes(), place.records()) != before):
            break
    wrong = wrong_with(place, wanted)
    wrong += [f"exit code {code} at rest"] if code else []
    return wrong + (["written at rest"] if wrote else [])


def _score(row: str, what: str, cases: Sequence[Case], seed: int, seconds: float, again: str, told: str) -> Score:
    names = ["duplicates", "lost", "unlinked", "another end state", "written at rest", "ledger unsound"]
    names += [name for case in cases for name in case.wrong if name not in names]
    wrong = {name: sum(name in case.wrong for case in cases) for name in dict.fromkeys(names)}
    also: dict[str, int] = {}
    for case in cases:
        for name, value in case.also:
            also[name] = also.get(name, 0) + int(value)
    shown = {"calls": told} | {name: f"{value:,}" for name, value in sorted(also.items())}
    return Score(row, what, len(cases), wrong, seed, seconds, again, shown)
