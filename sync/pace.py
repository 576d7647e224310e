"""How fast a run may write to one tracker: its budget for new content, counted from the journal."""

from datetime import datetime, timedelta

from connectors.base import Tracker
from state.store import Store
from sync.plan import Forecast

_HOUR = timedelta(hours=1)
_APART = timedelta(seconds=1)
_MARGIN = timedelta(seconds=1)
"""What a window is made longer by, since a tracker counts from when a request reaches it."""


def next_at(store: Store, tracker: Tracker, count: int, now: datetime) -> datetime:
    """When (UTC) `count` more creates or comments fit the tracker's budget, at the earliest `now`.

    What was begun before a crash counts too, but nothing begun later than `now`, by a clock that was put back since.
    More than a window may hold is begun when the window is empty.
    """
    caps = tracker.caps
    minute = (caps.content_per_minute, timedelta(minutes=1) + _MARGIN)
    windows = [minute, (caps.content_per_hour, _HOUR + _MARGIN)]
    windows += [(1, _APART)] if caps.content_per_minute is not None else []
    at = now
    for most, window in windows:
        if most is not None:
            begun = store.content_at(tracker.name, now - window, now, max(most - count, 0))
            at = at if begun is None else max(at, begun + window)
    return at


def forecast(store: Store, tracker: Tracker, count: int, now: datetime) -> Forecast | None:
    """When `count` more creates and comments are done if runs go on; `None` where the budget does not matter."""
    most = tracker.caps.content_per_hour
    if most is None or not count:
        return None
    hours, last = divmod(count - 1, most)
    begun = next_at(store, tracker, min(count, most), now)
    done_at = begun + hours * _HOUR + (last + 1) * _APART
    takes_long = begun > now or hours or count > (tracker.caps.content_per_minute or count)
    return Forecast(tracker.name, count, most, done_at) if takes_long else None
