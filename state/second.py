"""A second process that looks at shares of a long ledger, so that checking it takes less time."""

import fcntl
import gc
import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager, suppress
from select import select
from typing import IO, Any

from sqlalchemy import Connection

from state import audit
from state.database import Database
from state.errors import StateError
from state.stored import PAGE, Heard, InDatabase, make_room
from state.verifying import Second, Share, share

_OURS = 5
"""How many pages are looked at here between two shares of the second process."""
_MORE = 1.2
"""So much larger are its shares, since the tree is grown here over all of them, and what was signed is read here."""
_LONG = 5
"""From so many times `_OURS` on a second process is worth its start."""
_AHEAD = 3
"""So many times `_OURS` before its first share it is asked for that: that is how long it takes to start."""
_ROOM = 1 << 20
"""A pipe holds a whole share where the system allows it, so that the next is begun before somebody reads it."""
_FEW = 300
"""So many numbers fit into any pipe, however small."""
_PATIENCE = 30
"""For so many seconds nothing may come of it before it is given up."""
_HASH = 64


@contextmanager
def second(connection: Connection, ours: int = _OURS) -> Iterator[Second | None]:
    """Somebody who looks at shares of a ledger, if it has many of them and there is a processor for it; else `None`.

    It has a connection of its own, and is given up once it cannot vouch for a share, for whatever reason. On a server
    it sees the moment that this connection sees; in a file, what stands there by then of the same records.
    """
    count = audit.head(connection)[0]
    if not isinstance(count, int) or count < _LONG * ours * PAGE or processors() < 2 or not sys.executable:
        yield None
        return
    moment = None
    if connection.dialect.name == "postgresql":
        moment = connection.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one()
    there = [__file__, connection.engine.url.render_as_string(hide_password=False), moment]
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-I", "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        _widen(process.stdout)
        try:
            yield _Process(process, there, count, ours)
        finally:
            process.kill()
            with suppress(OSError):  # of what it did not take
                process.stdin.close()  # type: ignore[union-attr]


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Process:
    """One that was started for this; it ends once nobody can ask it any more."""

    def __init__(self, process: "subprocess.Popen[bytes]", there: list[Any], count: int, ours: int) -> None:
        self.ours, self.pages = ours, round(ours * _MORE)
        self._process = process
        self._there, self._count = there, count
        self._asked = deque[int]()
        self._next: int | None = None
        self._more = b""

    def share(self, after: int, wanted: Collection[int]) -> Share | None:
        """The share after this number; it was asked for that before, and has another to go on with meanwhile."""
        if self._next is None:
            self._next = after + _AHEAD * self.ours * PAGE
            self._ask(wanted)
            self._ask(wanted)
        if not self._asked or after != self._asked[0]:
            return None
        answer = _read(self._line())
        self._asked.popleft()
        if answer is None:
            self._asked.clear()
            self._next = self._count
        self._ask(wanted)
        return answer

    def _ask(self, wanted: Collection[int]) -> None:
        """Ask for the next share, if there is one; not so much at once that nobody may take it yet."""
        after = self._next
        if after is None or after >= self._count:
            return
        some = [number for number in wanted if after <= number < after + self.pages * PAGE]
        if self._asked and len(some) > _FEW:
            return
        with suppress(OSError):
            _say(self._process.stdin, [*self._there, after, self._count, self.pages, some])
            self._asked.append(after)
            self._next = after + (self.pages + self.ours) * PAGE

    def _line(self) -> bytes:
        """What it says next, all of it; else nothing."""
        pipe = self._process.stdout.fileno()  # type: ignore[union-attr]
        said, some = [self._more], self._more
        while b"\n" not in some:
            come, _, _ = select([pipe], [], [], _PATIENCE)
            some = os.read(pipe, _ROOM) if come else b""
            if not some:
                return b""
            said.append(some)
        line, _, self._more = b"".join(said).partition(b"\n")
        return line


def _read(line: bytes) -> Share | None:
    """A share from what was said of it; `None` for anything else."""
    try:
        prev, joined, first, told, last, backdated, redacted = json.loads(line)
        hashes = [joined[at : at + _HASH] for at in range(0, len(bytes.fromhex(joined)) * 2, _HASH)]
        heard = Heard(tuple(first), dict(told), tuple(last), backdated)
        return Share(prev, hashes, heard, [str(each) for each in redacted])
    except (ValueError, TypeError):
        return None


def _say(pipe: IO[bytes] | None, what: Any) -> None:
    if pipe is not None:
        pipe.write(json.dumps(what).encode() + b"\n")
        pipe.flush()


def _look(program: str, url: str, moment: str | None, *asked: Any) -> list[Any] | None:
    """What is said of a share by the same program as asks."""
    if program != __file__:
        return None
    after, upto, many, wanted = asked
    with suppress(StateError), closing(Database(url)) as database, database.reading() as connection:
        if moment is not None:
            connection.exec_driver_sql(f"SET TRANSACTION SNAPSHOT '{moment}'")
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_PATIENCE // 2}s'")
        make_room(connection)
        if found := share(InDatabase(connection), after, upto, many, frozenset(wanted)):
            first, told, last, backdated = found.heard
            return [found.prev, "".join(found.hashes), first, [*told.items()], last, backdated, [*found.redacted]]
    return None


def _widen(pipe: IO[bytes] | None) -> None:
    """Have a pipe hold as much as a whole share, if the system knows how to and lets us."""
    with suppress(OSError, AttributeError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _ROOM)  # type: ignore[arg-type]


def main() -> None:
    """Look at the share that each line of standard input asks for, until that ends."""
    gc.set_threshold(50_000)  # As good as nothing of what is read is garbage before its share is told.
    for line in sys.stdin.buffer:
        _say(sys.stdout.buffer, _look(*json.loads(line)))


if __name__ == "__main__":
    main()
