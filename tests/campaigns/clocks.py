"""Time for several processes: that of the day, or one that passes at once where somebody waits."""

import mmap
import struct
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

from sync.app import shell


class Clock:
    """The time of the day."""

    def now(self, zone: tzinfo = UTC) -> datetime:
        """What time it is."""
        return datetime.now(zone)

    def govern(self) -> None:
        """Make this the clock of the program that this process is about to become."""

    def govern_and(self, more: Callable[[], None]) -> None:
        """Do so, and something more."""
        self.govern()
        more()


class Shared(Clock):
    """The time of the day and some more, which is in a file, the same for all processes that share it.

    Waiting moves it on for all of them and takes no time.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("a+b") as file:
            file.truncate(8)
            self._ahead = mmap.mmap(file.fileno(), 8)

    def __reduce__(self) -> tuple[type["Shared"], tuple[Path]]:
        return Shared, (self._path,)

    def now(self, zone: tzinfo = UTC) -> datetime:
        return datetime.now(zone) + timedelta(seconds=self.ahead)

    @property
    def ahead(self) -> float:
        """By how many seconds it is ahead of the day."""
        return float(struct.unpack("d", self._ahead[:8])[0])

    def sleep(self, seconds: float) -> None:
        """Let so much time pass."""
        self._ahead[:8] = struct.pack("d", self.ahead + max(seconds, 0.0))

    def put(self, at: datetime) -> None:
        """Let it be that time, earlier or later."""
        self._ahead[:8] = struct.pack("d", (at - datetime.now(UTC)).total_seconds())

    def govern(self) -> None:
        vars(time)["sleep"] = self.sleep
        vars(shell)["datetime"] = self


DAY = Clock()
