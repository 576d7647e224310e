"""Where a tracker's change feed is to be read from: never behind what others did and we have not read."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from connectors.base import Tracker
from state.effects import Feed
from state.store import Store
from state.ticket import Cursor, Ticket

CROWD = 90
"""How many writes of ours within one second make that second too full to be read at once."""
AHEAD = timedelta(days=1)
"""How far a tracker's clock may run ahead of ours, or ours behind, for its times to be believed."""


def advanced(feed: Feed, newest: Cursor | None, written: Sequence[datetime], now: datetime, lag: timedelta) -> Feed:
    """The feed's stand after a run that read up to `newest` and wrote to tickets at `written` (the tracker's times).

    A time that lies far ahead is not believed: what changes until then would never be read. What is young is read
    once more, after `lag`. A second that is crowded with our own writes is then read, not at
    once, since a quiet run would else read all of them again.
    """
    if newest is not None and newest.at - now > AHEAD:
        newest = Cursor(now)
    written = [at for at in written if at - now <= AHEAD]
    points = [c for c in (newest, feed.fresh) if c is not None]
    top = max(points, key=lambda c: c.at, default=None)
    if written and (top is None or max(written) > top.at):
        second = max(written).replace(microsecond=0)
        crowded = sum(second <= at for at in written) > CROWD
        top = Cursor(second + timedelta(seconds=1) if crowded else max(written))
    if top is None:
        return feed
    settled, pause = feed.settled or Cursor(min([*written, top.at]) - lag), max(lag, timedelta(seconds=2))
    if feed.settle_at is None and top.at > settled.at:
        return replace(feed, settled=settled, fresh=top, settling=top, settle_at=now + pause)
    if feed.settle_at is not None and feed.settle_at - now > pause:
        # Our clock was put back.
        return replace(feed, settled=settled, fresh=top, settle_at=now + pause)
    return replace(feed, settled=settled, fresh=top)


def located(store: Store, tracker: Tracker, feed: Feed, now: datetime, lag: timedelta) -> Feed:
    """The feed's stand; where a first mirror was cut short, as if it had ended with the last link that it stored.

    Others can change a ticket of ours only once it is there, so nothing before the first is missed; what they did
    before the last one was there is read when the feed settles. The tracker's own times of these two count, and
    without both of them all is still to be read; one that was missed before is not asked for again.
    """
    if feed.fresh is not None or not store.has_links(tracker.name):
        return feed
    refs = list(store.link_refs(tracker.name))
    if None in (refs[0][1], refs[-1][1]):
        return feed
    ends = {ref.id: ref for ref, _ in (refs[0], refs[-1])}
    there = {t.ref.id: t.created for t in tracker.fetch([*ends.values()]) if isinstance(t, Ticket)}
    made = [there[id_] for id_ in ends if id_ in there]
    whole = len(made) == len(ends) and made == sorted(made)
    return advanced(feed, None, made, now, lag) if whole else feed
