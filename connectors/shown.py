"""The long texts as we were last shown them, so that what somebody writes meanwhile is not written over."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta

from connectors.errors import Stale
from state.ticket import KEEP, Body, Patch, Ticket

STILL_NEW = timedelta(seconds=5)
"""For how long a text that was read counts as current; to read it again just before writing would gain little."""


class Shown:
    """Remembers each ticket's long text, which trackers take as a whole or not at all, and when it was read."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._known: dict[str, tuple[int, datetime]] = {}

    def note(self, ticket: Ticket) -> Ticket:
        """Remember the text that `ticket` shows, and return the ticket."""
        self._known[ticket.ref.id] = _print(ticket.body), self._clock()
        return ticket

    def guards(self, ticket: str, patch: Patch) -> bool:
        """Whether `patch` writes over a text that we were shown on the ticket of this id a while ago."""
        known = self._known.get(ticket)
        return patch.body is not KEEP and known is not None and self._clock() - known[1] > STILL_NEW

    def compare(self, now: Ticket) -> None:
        """Raise `Stale` if the ticket's text is another now than when it was last shown."""
        if _print(now.body) != self._known[now.ref.id][0]:
            raise Stale(f"the long text of {now.ref.key or now.ref.id} was edited since it was read")


def _print(body: Body) -> int:
    return hash(body if body is None or isinstance(body, str) else json.dumps(body, sort_keys=True))
