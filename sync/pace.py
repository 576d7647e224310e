"""How fast a run may write to one tracker: its budget for new content, counted from the journal."""

from datetime import datetime, timedelta

from connectors.base import Tracker
from state.store import Store

_APART = timedelta(seconds=1)
_MARGIN = timedelta(seconds=1)
"""What a window is made longer by, since a tracker counts from when a request reaches it."""


def next_at(store: Store, tracker: Tracker, count: int, now: datetime) -> datetime:
    """When (UTC) `count` more creates or comments fit the tracker's budget, at the earliest `now`.

    What was begun before a crash counts too. More than a window may hold is begun when the window is empty.
    """
    caps = tracker.caps
    minute = (caps.content_per_minute, timedelta(minutes=1) + _MARGIN)
    windows = [minute, (caps.content_per_hour, timedelta(hours=1) + _MARGIN)]
    windows += [(1, _APART)] if caps.content_per_minute is not None else []
    at = now
    for most, window in windows:
        if most is not None:
            begun = store.content_at(tracker.name, now - window, max(most - count, 0))
            at = at if begun is None else max(at, begun + window)
    return at
