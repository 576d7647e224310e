"""A second process that looks at shares of a long ledger, so that checking all of it takes half as long."""

import json
import os
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager, suppress
from typing import IO, Any

from sqlalchemy import Connection

from state import audit
from state.database import Database
from state.errors import StateError
from state.stored import PAGE, Heard, InDatabase
from state.verifying import Second, Share, share

_PAGES = 10
"""How many pages are looked at by one of two that share the work."""
_LONG = 5
"""From so many shares on a second process is worth its start."""
_AHEAD = 3
"""So many shares before the first that it is asked for: that is how long it takes to start."""
_HASH = 64


@contextmanager
def second(connection: Connection, pages: int = _PAGES) -> Iterator[Second | None]:
    """Somebody who looks at shares of a ledger, if it has many of them and there is a processor for it; else `None`.

    It has a connection of its own, and so sees what is written from now on; what it cannot vouch for, for that or any
    other reason, is to be looked at by whoever asks.
    """
    count = audit.head(connection)[0]
    if count < _LONG * pages * PAGE or (os.cpu_count() or 1) < 2 or not sys.executable:
        yield None
        return
    url = connection.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-P", "-m", __name__]
    with subprocess.Popen(  # noqa: S603
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield _Process(process, url, count, pages)
        finally:
            process.kill()
            with suppress(OSError):  # of what it did not take
                process.stdin.close()  # type: ignore[union-attr]


class _Process:
    """One that was started for this, and ends with the process that started it."""

    def __init__(self, process: "subprocess.Popen[bytes]", url: str, count: int, pages: int) -> None:
        self.pages = pages
        self._process = process
        self._url, self._count = url, count
        self._asked: int | None = None
        self._begun = False

    def share(self, after: int, wanted: Collection[int]) -> Share | None:
        """The share after this number, which it is asked for two shares before, once it has started."""
        if not self._begun:
            self._begun = True
            self._ask(after + _AHEAD * self.pages * PAGE, wanted)
        if after != self._asked:
            return None
        answer = self._answer()
        self._ask(after + 2 * self.pages * PAGE, wanted)
        return answer

    def _ask(self, after: int, wanted: Collection[int]) -> None:
        self._asked = after if after < self._count else None
        if self._asked is not None:
            some = [number for number in wanted if after <= number < after + self.pages * PAGE]
            with suppress(OSError):
                _say(self._process.stdin, [self._url, after, self._count, self.pages, some])

    def _answer(self) -> Share | None:
        line = self._process.stdout.readline() if self._process.stdout else b""
        told = json.loads(line) if line else None
        if told is None:
            return None
        prev, joined, first, said, last, backdated = told
        hashes = [joined[at : at + _HASH] for at in range(0, len(joined), _HASH)]
        return Share(prev, hashes, Heard(tuple(first), dict(said), tuple(last), backdated))


def _say(pipe: IO[bytes] | None, what: Any) -> None:
    if pipe is not None:
        pipe.write(json.dumps(what).encode() + b"\n")
        pipe.flush()


def main() -> None:
    """Look at the share that each line of standard input asks for, until that ends."""
    for line in sys.stdin.buffer:
        url, after, upto, many, wanted = json.loads(line)
        found: Share | None = None
        with suppress(StateError), closing(Database(url)) as database, database.reading() as connection:
            found = share(InDatabase(connection), after, upto, many, frozenset(wanted))
        if found is None or not found.hashes:
            _say(sys.stdout.buffer, None)
        else:
            first, told, last, backdated = found.heard
            _say(sys.stdout.buffer, [found.prev, "".join(found.hashes), first, [*told.items()], last, backdated])


if __name__ == "__main__":
    main()
