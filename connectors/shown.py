"""The long texts as we were last shown them, so that what somebody writes meanwhile is not written over."""

import json

from connectors.errors import Stale
from state.ticket import KEEP, Body, Patch, Ticket


class Shown:
    """Remembers each ticket's long text, which trackers take as a whole or not at all."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def note(self, ticket: Ticket) -> Ticket:
        """Remember the text that `ticket` shows, and return the ticket."""
        self._known[ticket.ref.id] = _print(ticket.body)
        return ticket

    def guards(self, ticket: str, patch: Patch) -> bool:
        """Whether `patch` writes over a text that we were shown on the ticket of this id."""
        return patch.body is not KEEP and ticket in self._known

    def compare(self, now: Ticket) -> None:
        """Raise `Stale` if the ticket's text is another now than when it was last shown."""
        if _print(now.body) != self._known.get(now.ref.id):
            raise Stale(f"the long text of {now.ref.key or now.ref.id} was edited since it was read")


def _print(body: Body) -> int:
    return hash(body if body is None or isinstance(body, str) else json.dumps(body, sort_keys=True))
