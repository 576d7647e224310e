"""Stands between the program and its PostgreSQL server, counts the statements, and lets one of them go wrong."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from tests import program
from tests.postgresql import Own

WAYS = ("unsent", "unanswered", "away", "restart")
"""What happens to the statement: it does not arrive; its answer does not; neither, nor anything after; a restart."""

SOCKET = ".s.PGSQL.5432"
_ENDS = (b"Q", b"S")
"""The messages of a client that end what the server is asked at once: a simple query, and a synchronisation."""


@dataclass(frozen=True)
class Cut:
    """What goes wrong at which statement of all that pass; at none where `number` is 0."""

    way: str = ""
    number: int = 0


@contextmanager
def between(server: Own, folder: Path, cut: Cut) -> Iterator[Path]:
    """Pass on what is sent to a socket in `folder`, in a process of its own; gives the file with a byte a statement."""
    listening = socket.socket(socket.AF_UNIX)
    path = folder / SOCKET
    path.unlink(missing_ok=True)
    listening.bind(str(path))
    listening.listen()
    count = folder / "statements"
    count.write_bytes(b"")
    pid = program.fork()
    if pid == 0:
        _serve(server, listening, count, cut)
    listening.close()
    try:
        yield count
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _serve(server: Own, listening: socket.socket, count: Path, cut: Cut) -> NoReturn:
    try:
        Wire(server, count, cut).accept(listening)
    finally:
        os._exit(70)


@dataclass
class Wire:
    """All connections of one program."""

    server: Own
    count: Path
    cut: Cut
    passed: int = 0
    away: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def accept(self, listening: socket.socket) -> None:
        """Connect whoever comes, for ever."""
        while True:
            client, _ = listening.accept()
            if self.away:
                client.close()
            else:
                Line(self, client).begin()

    def is_hit(self) -> bool:
        """Count one more statement; whether it is the one that goes wrong."""
        with self.lock, self.count.open("ab") as count:
            count.write(b".")
            self.passed += 1
            return self.passed == self.cut.number


@dataclass
class Line:
    """One connection to the server."""

    wire: Wire
    client: socket.socket
    server: socket.socket = field(default_factory=lambda: socket.socket(socket.AF_UNIX))
    deaf: bool = False

    def begin(self) -> None:
        """Pass on what is said in either direction until one of them ends."""
        self.server.connect(str(self.wire.server.folder / SOCKET))
        for each in (self._asks, self._answers):
            threading.Thread(target=each, daemon=True).start()

    def _asks(self) -> None:
        with suppress(OSError):
            for message in _messages(self.client):
                if message[:1] in _ENDS and self.wire.is_hit() and not self._wounded():
                    break
                self.server.sendall(message)
            else:
                self._close()

    def _wounded(self) -> bool:
        """Let it go wrong; whether the statement is sent nevertheless."""
        if self.wire.cut.way == "unanswered":
            self.deaf = True
            return True
        if self.wire.cut.way == "restart":
            with self.wire.lock:
                self.wire.server.control("restart", "-m", "immediate")
        self.wire.away = self.wire.cut.way == "away"
        self._close()
        return False

    def _answers(self) -> None:
        with suppress(OSError):
            while data := self.server.recv(65_536):
                if not self.deaf:
                    self.client.sendall(data)
                elif data[-6:-5] == b"Z":
                    break
        self._close()

    def _close(self) -> None:
        """End both sides, but not while the server restarts: nobody is told before that is done."""
        for each in (self.client, self.server):
            with self.wire.lock, suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def _messages(client: socket.socket) -> Iterator[bytes]:
    """What a client says, message by message; the first has no type before its length."""
    held, ahead = b"", 0
    while data := client.recv(65_536):
        held += data
        while len(held) >= ahead + 4:
            size = ahead + int.from_bytes(held[ahead : ahead + 4], "big")
            if len(held) < size:
                break
            yield held[:size]
            held, ahead = held[size:], 1
