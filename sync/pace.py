"""How fast a run may write to one tracker: its budget for new content, and the pauses it asks for."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from connectors.base import Tracker
from connectors.errors import RateLimited
from state.store import Store

T = TypeVar("T")

_PATIENCE = timedelta(seconds=60)
_TRIES = 5
_HOUR = timedelta(hours=1)
_MINUTE = timedelta(minutes=1)
_SECOND = timedelta(seconds=1)


@dataclass(slots=True)
class Pace:
    """The clock by which a run writes: `sleep` takes seconds."""

    store: Store
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    _sent: dict[str, deque[datetime]] = field(default_factory=dict)

    def keep(self, tracker: Tracker) -> None:
        """Wait until one more create or comment fits the minute's budget.

        Raises `RateLimited` when the hour's is used up; that is not waited for.
        """
        caps = tracker.caps
        now = self.clock()
        if caps.content_per_hour is not None:
            used = self.store.content_count(tracker.name, now - _HOUR)
            if used >= caps.content_per_hour:
                words = f"{used} creates and comments within the hour, of {caps.content_per_hour} allowed"
                raise RateLimited(f"{words}; the rest waits for a later run", now + _HOUR / 6)
        if caps.content_per_minute is not None:
            sent = self._sent.setdefault(tracker.name, deque(maxlen=caps.content_per_minute))
            self._pause(sent, now, full=len(sent) == caps.content_per_minute)
            sent.append(self.clock())

    def _pause(self, sent: deque[datetime], now: datetime, *, full: bool) -> None:
        wanted = [sent[-1] + _SECOND] if sent else []
        wanted += [sent[0] + _MINUTE] if full else []
        until = max(wanted, default=now)
        if until > now:
            self.sleep((until - now).total_seconds())

    def patiently(self, call: Callable[[], T], again: Callable[[], object] = lambda: None) -> T:
        """Make a call again after the pause a tracker asks for, if it is short; such a refusal did nothing.

        `again` is called before each further call.
        """
        for _ in range(_TRIES):
            try:
                return call()
            except RateLimited as limit:
                pause = limit.retry_at - self.clock()
                if pause > _PATIENCE:
                    raise
                self.sleep(max(pause.total_seconds(), 0.0))
                again()
        return call()
