"""The power goes while a sync runs: what was written and not yet synced to the disk is lost, torn or out of order.

strace records what the real program writes, syncs and sends. From that the files are built as they may be found after
the power went between any two syncs; the tracker has all that was sent until then. The program then runs again. Every
request that changes something must find the intention to make it on the disk already, synced.
"""

import os
import random
import re
import sqlite3
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import takewhile
from pathlib import Path

from connectors.sandbox.__main__ import load
from connectors.sandbox.calls import Call as Request
from connectors.sandbox.server import utc_now
from state.model import OperationKind
from tests.campaigns import tracing
from tests.campaigns.places import KINDS, PROCESSES, Place, workshop
from tests.campaigns.sheet import Score
from tests.campaigns.spread import Case, Crew, seconds, spread
from tests.campaigns.syscalls import comes_to_rest, evenly, prepared
from tests.campaigns.tracing import Call
from tests.program import is_consistent

FULL = 100_000
"""More than there are: all of them."""

WATCHED = ("pwrite64", "ftruncate", "fdatasync", "fsync", "unlink", "rename", "sendto")
SURVIVING = ("nothing", "half", "some", "all")
"""How much of what was written and not synced is found on the disk; of `half` and `some` the last write is torn."""
COMMANDS = (
    ("item", "add", "Encrypt the backup bucket of billing"),
    ("item", "edit", "1", "--priority", "critical"),
    ("item", "comment", "1", "The auditor asks for this one first."),
    ("sync",),
)
_SECTOR = 512
_DATABASE = ("counterfoil.db", "counterfoil.db-wal")


@dataclass
class Disk:
    """The database's files: what is safe, and what was done since and may be lost."""

    safe: dict[str, bytes]
    pending: list[Call] = field(default_factory=list)

    def note(self, call: Call) -> None:
        """Take in one call; a sync makes that file's writes safe, one of the folder what was made or removed in it."""
        if call.name not in ("fdatasync", "fsync"):
            self.pending.append(call)
            return
        folder = Path(call.file).name not in _DATABASE
        done = [late for late in self.pending if (late.name == "unlink" if folder else late.file == call.file)]
        self.pending = [late for late in self.pending if late not in done]
        self.safe = _after(self.safe, done)

    def found(self, surviving: str, dice: random.Random) -> dict[str, bytes]:
        """The files as they may be found if the power goes now."""
        match surviving:
            case "nothing":
                return self.safe
            case "all":
                return _after(self.safe, self.pending)
            case "half":
                return _after(self.safe, self.pending[: (len(self.pending) + 1) // 2], torn=True)
            case _:
                some = [call for call in self.pending if dice.random() < 0.5]
                return _after(self.safe, some, torn=True)


def _after(files: Mapping[str, bytes], calls: Sequence[Call], *, torn: bool = False) -> dict[str, bytes]:
    found = dict(files)
    for place, call in enumerate(calls):
        name = Path(call.file or call.path).name
        before = found.get(name, b"")
        match call.name:
            case "unlink":
                found.pop(name, None)
            case "ftruncate":
                size = call.numbers[0]
                found[name] = before[:size].ljust(size, b"\0")
            case _:
                data, at = call.data, call.numbers[1]
                if torn and place == len(calls) - 1:
                    data = data[: len(data) // 2 // _SECTOR * _SECTOR]
                found[name] = before[:at].ljust(at, b"\0") + data + before[at + len(data) :]
    return found


@dataclass(frozen=True)
class Moment:
    """When the power goes, and what is left: the disk after `step` of the calls, `requests` had reached the tracker."""

    step: int
    requests: int
    surviving: str


@dataclass(frozen=True)
class Recording:
    """A command as the disk and the tracker saw it, from an installation `before` it to one after it."""

    before: Place
    after: Place
    calls: tuple[Call, ...]

    @classmethod
    def of(cls, before: Place, words: Sequence[str], folder: Path) -> "Recording":
        """Run a command and record it."""
        after = before.copied(folder)
        with after.served():
            traced = tracing.run(words, after, WATCHED, bytes_shown=1 << 20)
        if traced.ended.code:
            raise RuntimeError(f"{words}: {traced.ended}")
        calls = [call for call in traced.calls if _on_disk(call, after.folder) or call.name == "sendto"]
        return cls(before, after, tuple(calls))

    def disk(self, step: int) -> Disk:
        """The disk after so many of the calls."""
        disk = Disk({name: (self.before.folder / name).read_bytes() for name in _DATABASE[:1]})
        for call in self.calls[:step]:
            if call.name != "sendto":
                disk.note(call)
        return disk

    def moments(self) -> Iterator[Moment]:
        """Right after each sync, and right before the next."""
        sent = 0
        for step, call in enumerate(self.calls):
            sent += self.asks(call)
            if call.name in ("fdatasync", "fsync"):
                yield from (Moment(step, sent, surviving) for surviving in SURVIVING)
                yield Moment(step + 1, sent, "nothing")
        yield from (Moment(len(self.calls), sent, surviving) for surviving in ("nothing", "all"))

    def asks(self, call: Call) -> bool:
        """Whether with this call a request to change something begins."""
        line = re.match(rb"([A-Z]+) (/[^ ?]*)", call.data) if call.name == "sendto" else None
        if line is None:
            return False
        request = Request(line[1].decode(), line[2].decode(), "", {}, b"", utc_now())
        return load(self.before.kind).writes(request)

    def at(self, moment: Moment, dice: random.Random, folder: Path) -> Place:
        """The installation as it is found when the power is back."""
        place = self.before.copied(folder)
        _put(place, self.disk(moment.step).found(moment.surviving, dice))
        lines = self.after.log.read_bytes().splitlines(keepends=True)
        place.log.write_bytes(b"".join(lines[: self.before.writes() + moment.requests]))
        return place


def _on_disk(call: Call, folder: Path) -> bool:
    name = Path(call.file or call.path)
    return call.name != "sendto" and (name.name in _DATABASE or name == folder) and name.is_relative_to(folder)


def _put(place: Place, files: Mapping[str, bytes]) -> None:
    for name in _DATABASE:
        (place.folder / name).unlink(missing_ok=True)
    for name, data in files.items():
        (place.folder / name).write_bytes(data)


def campaign(size: int, seed: int, crew: Crew, only: int | None) -> Iterator[Score]:
    """R14."""
    if why := tracing.usable():
        print(f"R14 was not tried: {why}", file=sys.stderr)
        return
    with workshop() as root:
        recordings = {kind: recorded(root, kind) for kind in KINDS}
        states = [(kind, place) for kind in KINDS for place in range(len(list(recordings[kind].moments())))]
        chosen = [only] if only is not None else evenly(len(states), size)
        cases = list(spread("R14", partial(try_one, root, seed, states), chosen, replace(crew, kept=None), chunk=4))
        again = f"python -m tests.campaigns power --size {size} --seed {seed}"
        names = ["duplicates", "lost", "unlinked", "another end state", "written at rest", "ledger unsound"]
        names += [name for case in cases for name in case.wrong if name not in names]
        wrong = {name: sum(name in case.wrong for case in cases) for name in dict.fromkeys(names)}
        what = "the power goes between any two syncs of a sync; unsynced writes are lost, halved, torn or out of order"
        what += f"; {PROCESSES}"
        syncs = sum(call.name in ("fdatasync", "fsync") for one in recordings.values() for call in one.calls)
        took = seconds(cases)
        yield Score("R14", what, len(cases), wrong, seed, took, again, {"syncs": f"{syncs}"}, len(states))
        asked = [found for one in recordings.values() for found in unannounced(one, root / "announced")]
        what = "each request that changes something finds its intention synced to the disk before it is sent"
        yield Score("R14, requests", what, len(asked), {"unannounced": sum(asked)}, seed, took, again, {}, len(asked))
        told = [(kind, words) for kind in KINDS for words in COMMANDS]
        forgotten = sum(not is_kept(root, kind, words) for kind, words in told)
        what = "what a command did is synced to the disk when it ends"
        yield Score("R14, answers", what, len(told), {"lost": forgotten}, seed, took, again, {}, len(told))


def recorded(root: Path, kind: str) -> Recording:
    """A recording of a sync with every kind of change; each process has its own."""
    return _recorded(root, kind, os.getpid())


@cache
def _recorded(root: Path, kind: str, process: int) -> Recording:
    place, _ = prepared(root, kind)
    return Recording.of(place, ["sync"], root / f"{kind}-{process}-recorded")


def try_one(root: Path, seed: int, states: Sequence[tuple[str, int]], number: int) -> Case:
    """Let the power go once, and see what the program makes of what is left."""
    kind, which = states[number]
    recording, (_, wanted) = recorded(root, kind), prepared(root, kind)
    moment = list(recording.moments())[which]
    place = recording.at(moment, random.Random(f"{seed}/{number}"), root / f"{os.getpid()}-case").tried(number)  # noqa: S311
    with place.served():
        opened = place.run("audit", "verify", "--json")
        wrong = [] if is_consistent(opened) else ["not opened"]
        wrong += comes_to_rest(place, wanted)
    return Case(number, tuple(wrong), story=f"{kind}, {moment}: {opened}")


def unannounced(recording: Recording, folder: Path) -> Iterator[bool]:
    """For each request that changes something, whether it was sent before its intention was safe."""
    for step, call in enumerate(recording.calls):
        if recording.asks(call):
            place = recording.before.copied(folder)
            _put(place, recording.disk(step).safe)
            with place.store() as store:
                intents = store.open_intents()
            body = b"".join(part.data for part in takewhile(lambda part: part.name == "sendto", recording.calls[step:]))
            keys = {intent.key.encode() for intent in intents if intent.kind is not OperationKind.UPDATE}
            yield not (any(key in body for key in keys) or len(keys) < len(intents))


def is_kept(root: Path, kind: str, words: Sequence[str]) -> bool:
    """Whether all that a command did would be there if the power went as it ends."""
    place, _ = prepared(root, kind)
    recording = Recording.of(place, words, root / "told")
    found = recording.before.copied(root / "kept")
    _put(found, recording.disk(len(recording.calls)).safe)
    return _dump(found) == _dump(recording.after)


def _dump(place: Place) -> list[str]:
    with closing(sqlite3.connect(place.database)) as connection:
        return list(connection.iterdump())
