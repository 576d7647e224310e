"""What went wrong with a tracker, named by what the caller does next.

TrackerError
    Denied         credentials or permission: stop using this tracker
    NotFound       gone or hidden: hold the link, a person decides
    Rejected       understood and refused: park the operation, repeating cannot help
        NoWay      no sequence of transitions leads to the wanted state
        Unassignable   the tracker does not let this person be assigned: ask again without
    Stale          the ticket moved since we looked: plan this item again, once
    Unavailable    certainly did nothing: retry, then defer
        RateLimited    the same, not before `retry_at`
            TicketLimited   the same of this ticket alone: others may be written
    Ambiguous      may have happened: leave the intent open and look for it
"""

from datetime import datetime


class TrackerError(Exception):
    """Something that a tracker or the way to it did. Its text holds no secret and fits one line.

    `status` is the HTTP status behind it, 0 where there was no answer. `answer` is the tracker's own JSON, or `None`.
    `partly` says that of the same update something was written before, so that it did not do nothing.
    """

    status: int = 0
    answer: object = None
    partly: bool = False


class Denied(TrackerError):
    """Credentials or permission: nothing will work on this tracker until a person mends it."""


class NotFound(TrackerError):
    """The thing is gone, or hidden from us, which looks the same from outside."""


class Rejected(TrackerError):
    """The tracker understood and refused; the same request would be refused again."""


class NoWay(Rejected):
    """The workflow has no path to the wanted state; `reachable` names the states one step away."""

    def __init__(self, message: str, reachable: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.reachable = reachable


class Unassignable(Rejected):
    """The tracker does not let this person be assigned; nothing else is known to be wrong."""


class Stale(TrackerError):
    """The ticket changed since it was last seen; nothing was written."""


class Unavailable(TrackerError):
    """The request certainly did nothing and may be sent again."""


class RateLimited(Unavailable):
    """The tracker asks us to come back at `retry_at` (UTC); the request did nothing."""

    def __init__(self, message: str, retry_at: datetime) -> None:
        super().__init__(message)
        self.retry_at = retry_at


class TicketLimited(RateLimited):
    """The limit is of one ticket; the tracker takes writes to others."""


class Ambiguous(TrackerError):
    """The request may have happened: no answer, or none that can be read."""
