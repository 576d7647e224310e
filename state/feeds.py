"""Feeds as rows: where each tracker's change feed stands."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select, update

from state.effects import Feed
from state.rows import feed_columns, feed_of
from state.tables import FeedRow

FEED = FeedRow.__table__  # type: ignore[attr-defined]


_ONE = select(FEED).where(FEED.c.tracker == bindparam("of_tracker"))
_MOVE = (
    update(FEED)
    .where(FEED.c.tracker == bindparam("of_tracker"))
    .values({column.name: bindparam(column.name) for column in FEED.c})
)
_KEEP = insert(FEED)


def feed(connection: Connection, tracker: str) -> Feed:
    """Where a tracker's feed stands; at its beginning if it was never read."""
    row = connection.execute(_ONE, {"of_tracker": tracker}).first()
    return Feed(tracker) if row is None else feed_of(row)


def last_stored(connection: Connection) -> dict[str, datetime]:
    """When each tracker's feed was last read to where it stands."""
    return {row.tracker: row.stored_at for row in connection.execute(select(FEED.c.tracker, FEED.c.stored_at))}


def put(connection: Connection, feeds: Iterable[Feed], now: datetime) -> None:
    """Store where feeds stand."""
    for each in feeds:
        columns = feed_columns(each, now)
        if connection.execute(_MOVE, {**columns, "of_tracker": each.tracker}).rowcount == 0:
            connection.execute(_KEEP, dict(columns))
