"""What every write of a run shares: the lease, the count, and what to make of a failure."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from connectors.base import Tracker, looking
from connectors.errors import (
    Ambiguous,
    Denied,
    NotFound,
    RateLimited,
    Rejected,
    Stale,
    TicketLimited,
    TrackerError,
    Unavailable,
)
from mapping.rules import Rules
from state.effects import Because, Effects, Intent, Lease
from state.lease import Holder, lost
from state.model import Comment, OperationKind, Outcome
from state.store import Store
from state.ticket import TicketRef
from sync.keeping import Keeping
from sync.pace import next_at
from sync.watched import Watched

T = TypeVar("T")

DONE = Outcome("done")
LEASE_SECONDS = 600
"""How long a run holds the lease without renewing it."""
FRESH = timedelta(seconds=1)
"""How long ago it may have been noted, when a request goes out, that it does."""
TRIES = 5
"""How often a call that a tracker put off is made again."""

IN_A_ROW = 3
"""So many failures one after the other are the tracker's own, and not those of what was asked."""
_PATIENCE = timedelta(seconds=90)
"""How long a run waits for a tracker: longer than a minute's budget takes to be there again."""
_NAP = timedelta(seconds=60)


class AtOnce(Protocol):
    """Makes calls, so many of them at once, and yields what they return as it comes; `calls` is asked by one thread."""

    def __call__(self, calls: Iterator[Callable[[], T]], width: int) -> Generator[T, None, None]:
        """Yield what each call returns; raises what one raises."""
        ...


def in_turn(calls: Iterator[Callable[[], T]], width: int) -> Generator[T, None, None]:  # noqa: ARG001
    """One call after the other, each made when the one before has been dealt with."""
    for call in calls:
        yield call()


@contextmanager
def leased(store: Store, holder: Holder, crash: Callable[[str], None]) -> Iterator[Lease]:
    """The right to write, here and in the trackers, on a database that was found in order; given back at the end.

    Raises `state.errors.Damaged`, `state.store.LeaseHeld`, and `state.store.LeaseLost` where another run took it over
    before the end, so that nobody is told what was true for that one only.
    """
    store.check_integrity()
    crash("lease.before")
    lease = store.take_lease(holder, LEASE_SECONDS)
    crash("lease.after")
    try:
        yield lease
    except BaseException:
        _give_back(store, lease, crash)
        raise
    if not _give_back(store, lease, crash):
        raise lost(lease)


def _give_back(store: Store, lease: Lease, crash: Callable[[str], None]) -> bool:
    """Give the lease back at the end of a run, and say whether it was ours until then."""
    crash("release.before")
    ours = store.release_lease(lease)
    crash("release.after")
    return ours


@dataclass(slots=True)
class Tally:
    """What a run has done, counted by item."""

    created: int = 0
    recovered: int = 0
    updated: int = 0
    pulled: int = 0
    commented: int = 0
    held: int = 0
    deferred: int = 0
    failed: int = 0


@dataclass(slots=True)
class Work:
    """One run's means of writing.

    `stale` are the items whose ticket moved while we wrote. A tracker in `stopped` takes no more writes in this run,
    for the reason given there. `written` and `unseen` say when (the tracker's time) our writes happened, or on which
    tickets where the answer did not tell. `intents` counts the operations of this lease. `newest` is the number of the
    last record that the run led to, 0 for none, and `recorded` is told it after each step.
    """

    store: Store
    lease: Lease
    trackers: Mapping[str, Tracker]
    rules: Rules
    because: Because
    clock: Callable[[], datetime]
    sleep: Callable[[float], None]
    crash: Callable[[str], None]
    progress: Callable[[str, int, int], None]
    at_once: AtOnce = in_turn
    keeping: Keeping = field(default_factory=Keeping)
    recorded: Callable[[int], None] = lambda _: None
    tally: Tally = field(default_factory=Tally)
    stopped: dict[str, TrackerError] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    stale: set[str] = field(default_factory=set)
    written: dict[str, list[datetime]] = field(default_factory=dict)
    unseen: dict[str, list[TicketRef]] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    intents: int = 0
    newest: int = 0

    def __post_init__(self) -> None:
        self.trackers = {name: Watched(tracker, self.crash, self.keep) for name, tracker in self.trackers.items()}

    def commit(self, step: str, effects: Effects) -> Sequence[Comment]:
        """One transaction under the lease, between the points of its step; returns the comments as stored."""
        self.crash(f"{step}.before")
        self.keep()
        stored = self.store.commit(self.lease, replace(effects, because=effects.because or self.because))
        self.crash(f"{step}.after")
        self.newest = max(self.newest, stored.newest)
        self.recorded(stored.newest)
        return stored.comments

    def ended(self, over: Iterable[tuple[str, str]]) -> dict[str, Because]:
        """The holds that are over, by id, each for the reason given with it."""
        return {id_: replace(self.because, reason=why) for id_, why in over}

    def wait(self, until: datetime) -> None:
        """Sleep until then, and keep the lease meanwhile."""
        while (left := (until - self.clock()).total_seconds()) > 0:
            self.sleep(min(left, _NAP.total_seconds()))
            self.keep()

    def is_soon(self, at: datetime) -> bool:
        """Whether that is so near that a run waits for it."""
        return at - self.clock() <= _PATIENCE

    def keep_pace(self, tracker: Tracker, count: int = 1) -> None:
        """Wait until so many more creates or comments fit the tracker's budget; raises `RateLimited` if not soon."""
        at = next_at(self.store, tracker, count, self.clock())
        if not self.is_soon(at):
            words = f"the {tracker.caps.content_per_hour} creates and comments allowed within an hour are used up"
            raise RateLimited(f"{words}; the rest waits for a later run, from {at:%H:%M} UTC on", at)
        self.wait(at)

    def patiently(self, call: Callable[[], T]) -> T:
        """Make a call again after the pause a tracker asks for, if it is short.

        An error says `partly` if any of the calls wrote something.
        """
        partly, left = False, TRIES
        while True:
            try:
                return call()
            except TrackerError as error:
                error.partly = partly = partly or error.partly
                if not isinstance(error, RateLimited) or not left or not self.is_soon(error.retry_at):
                    raise
                left -= 1
                self.wait(error.retry_at)

    def keep(self) -> None:
        """Hold the lease for longer once half its time is over; raises `LeaseLost` if it is another run's now."""
        if self.lease.expires_at - self.clock() < timedelta(seconds=LEASE_SECONDS / 2):
            self.crash("renewal.before")
            self.lease = self.store.renew_lease(self.lease, LEASE_SECONDS)
            self.crash("renewal.after")

    def intent(self, kind: OperationKind, item: str, tracker: str, key: str, payload: Mapping[str, object]) -> Intent:
        """An operation to be journalled; `key` identifies what it makes in the tracker."""
        self.intents += 1
        name, theirs = f"{self.lease.token}-{self.intents}", self.trackers[tracker].time()
        return Intent(name, self.because.run, kind, item, tracker, key, payload, self.clock(), begun_there=theirs)

    @contextmanager
    def sending(self, *intents: Intent) -> Iterator[None]:
        """Have these intents count from the last request that this thread sends meanwhile.

        A request may go out long after it was intended: after others of the same intent, after pauses that the tracker
        asked for, after files were read. What it did may be seen as late after that as the tracker shows anything.
        """
        noted = min(intent.begun_at for intent in intents)

        def note() -> None:
            nonlocal noted
            if abs(self.clock() - noted) >= FRESH:
                self.crash("sending.before")
                times = {each.id: self.trackers[each.tracker].time() for each in intents}
                self.store.commit(self.lease, Effects(sent=times))
                noted = self.clock()
                self.crash("sending.after")

        with looking(note):
            yield

    def note_failure(self, tracker: str, error: TrackerError) -> None:
        """Stop a tracker that denies us, asks for a long pause, or does not answer several times in a row.

        A pause asked for on one ticket stops no other.
        """
        match error:
            case TicketLimited() | Rejected() | NotFound() | Stale():
                pass
            case Denied() | RateLimited():
                self.stopped[tracker] = error
            case Unavailable() | Ambiguous():
                self.failures[tracker] = self.failures.get(tracker, 0) + 1
                if self.failures[tracker] >= IN_A_ROW:
                    self.stopped[tracker] = error
            case _:
                raise error
        self.refused.append(f"{tracker}: {error}")

    def warn(self, text: str) -> None:
        """Something that somebody should know, and that stops nothing."""
        self.warnings.append(text)

    def went_well(self, tracker: str) -> None:
        """The tracker answers again, so failures before do not count any more."""
        self.failures.pop(tracker, None)
