"""Time for several processes: that of the day, or one that passes at once where somebody waits."""

import mmap
import struct
import time
from datetime import UTC, datetime, timedelta, tzinfo

from sync.app import shell


class Clock:
    """The time of the day."""

    def now(self, zone: tzinfo = UTC) -> datetime:
        """What time it is."""
        return datetime.now(zone)

    def govern(self) -> None:
        """Make this the clock of the program that this process is about to become."""


class Shared(Clock):
    """The time of the day and some more, the same for all processes forked after it was made.

    Waiting moves it on for all of them and takes no time.
    """

    def __init__(self) -> None:
        self._ahead = mmap.mmap(-1, 8)

    def now(self, zone: tzinfo = UTC) -> datetime:
        return datetime.now(zone) + timedelta(seconds=self.ahead)

    @property
    def ahead(self) -> float:
        """By how many seconds it is ahead of the day."""
        return float(struct.unpack("d", self._ahead[:8])[0])

    def sleep(self, seconds: float) -> None:
        """Let so much time pass."""
        self._ahead[:8] = struct.pack("d", self.ahead + max(seconds, 0.0))

    def govern(self) -> None:
        vars(time)["sleep"] = self.sleep
        vars(shell)["datetime"] = self


DAY = Clock()
