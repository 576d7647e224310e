"""A tracker that people and the weather get at, and a clock that only tests move."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.base import Page
from connectors.errors import Denied, Rejected, Stale, TrackerError, Unavailable
from connectors.sandbox.far_side import OURS, FarSide, Stored
from connectors.sandbox.memory import MemoryTracker
from state.ticket import ActivityKind, Created, Cursor, Draft, Keep, NotCreated, Patch, Ticket, TicketRef

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
ASKING = "risk-accept"
"""The label that asks for acceptance, and goes with the state."""

WRITES = ("create", "update", "comment")
READS = ("changes", "fetch", "find", "activity")


class Killed(BaseException):
    """Stands for the end of the process."""


@dataclass
class Clock:
    """Ticks with every look at it; `tick` of nothing is a frozen clock.

    Ours may be `behind` the true time, which the trackers have. Each of `due` says when something is yet to happen at
    the latest at a time, and of `happen` lets it happen.
    """

    now: datetime = START
    tick: timedelta = timedelta(milliseconds=10)
    behind: timedelta = timedelta(0)
    due: list[Callable[[datetime], datetime | None]] = field(default_factory=list)
    happen: list[Callable[[], None]] = field(default_factory=list)

    def __call__(self) -> datetime:
        return self.true() - self.behind

    def true(self) -> datetime:
        self.now += self.tick
        return self.now

    def sleep(self, seconds: float) -> None:
        until = self.now + timedelta(seconds=seconds)
        while times := [at for due in self.due if (at := due(until)) is not None]:
            self.now = max(self.now, min(times))
            for happen in self.happen:
                happen()
        self.now = until


@dataclass(frozen=True)
class Kind:
    """What kind of tracker a history meets.

    `counts`: tells how many comments a ticket has. `coarse`: its times and revisions are whole seconds, so that it
    cannot refuse an update that comes late over a body that somebody edited meanwhile. `lag`: how long
    its index lags, so that its feed is stale. `told`: the answer to a create or an update shows the ticket. `repeats`:
    its feed shows tickets twice.
    """

    counts: bool = True
    coarse: bool = False
    lag: int = 0
    starts_work: bool = False
    told: bool = True
    repeats: bool = False
    bulk: int = 3


class Far(FarSide):
    """A far side that writes down which calls were made, and can be told to kill its caller.

    `written` are the fields that our updates changed, each with the item whose ticket it is. `choosy` says that it
    ever let only some people be assigned.
    """

    def __init__(self, clock: Clock, kind: Kind) -> None:
        super().__init__(clock.true)
        self._time = clock
        self.kind = kind
        self.lag = timedelta(seconds=kind.lag)
        self.asked: list[str] = []
        self.written: list[tuple[str, str]] = []
        self.killed = False
        self.choosy = False
        self.slow = 0
        self.weather: Callable[[str], None] = lambda _: None
        clock.due.append(self._due)
        clock.happen.append(self.catch_up)

    def _due(self, until: datetime) -> datetime | None:
        """When the next work is done whose answer did not come in time, if that is before `until`."""
        return min((at for at, _ in self._late if at <= until), default=None)

    def around(self, call: str, work: Callable[[], Any]) -> Any:
        self.asked.append(call)
        self.weather(call)
        try:
            return super().around(call, work)
        except Killed:
            self.killed = True
            raise
        finally:
            seconds, self.slow = self.slow, 0
            if seconds:
                self._time.sleep(seconds)

    def pass_time(self, seconds: float) -> None:
        """Take so long over the call that is under way."""
        self._time.sleep(seconds)

    def kill_next(self, call: str, *, after: bool) -> None:
        self.fail_next(call, Killed(), after=after)  # type: ignore[arg-type]

    def calm(self) -> None:
        """No more faults, but what was sent late still arrives."""
        self._faults.clear()
        self.denied = self.killed = False
        self.slow = 0
        self.weather = lambda _: None

    def made(self, id_: str) -> bool:
        """Whether the ticket was created by us."""
        return self._stored[id_].creator == OURS

    def everything(self) -> list[Stored]:
        self.catch_up()
        return list(self._stored.values())

    def view(self, stored: Stored, ticket: Ticket | None = None) -> Ticket:
        shown = super().view(stored, ticket)
        said = sum(a.kind is ActivityKind.COMMENT and a.at <= shown.updated for a in stored.log)
        if self.kind.coarse:
            at = shown.updated.replace(microsecond=0)
            shown = replace(shown, updated=at, revision=f"{at.isoformat()}/{said:06d}")
        return replace(shown, comments=said) if self.kind.counts else shown


class Tracker(MemoryTracker):
    """A tracker in memory with the habits of `Kind`."""

    far_side: Far

    def changes(self, cursor: Cursor | None) -> Iterator[Page]:
        for page in super().changes(cursor):
            yield page
            if self.far_side.kind.repeats and page.tickets:
                yield page

    def create(self, drafts: Sequence[Draft]) -> Iterator[Created | NotCreated]:
        for result in super().create(drafts):
            told = self.far_side.kind.told or not isinstance(result, Created)
            yield result if told else replace(result, ticket=None)  # type: ignore[arg-type]

    def update(self, ref: TicketRef, patch: Patch, *, seen: str) -> Ticket | None:
        ticket = super().update(ref, patch, seen=seen)
        return ticket if self.far_side.kind.told else None

    def _updated(self, ref: TicketRef, patch: Patch, seen: str) -> Ticket:
        ticket = super()._updated(ref, patch, seen)
        item = ticket.marker.item if ticket.marker else ""
        asked = {n: getattr(patch, n) for n in ("title", "body", "priority", "assignee", "due_date")}
        names = [n for n, value in asked.items() if not isinstance(value, Keep)]
        labels = {*patch.add_labels, *patch.remove_labels} - {ASKING}
        names += ["labels"] * bool(labels) + ["status"] * (patch.state is not None)
        self.far_side.written += [(item, name) for name in names]
        return ticket


def fault(far: Far, call: str, kind: str, seconds: int) -> None:
    """Let one thing go wrong with the next call of that name."""
    errors: dict[str, TrackerError] = {
        "unavailable": Unavailable(f"{call}: no route"),
        "conflict": Stale(f"{call}: 409"),
        "refused": Rejected(f"{call}: 400"),
        "denied": Denied(f"{call}: 401"),
    }
    match kind:
        case "lost answer":
            far.lose_answer(call)
        case "lost request":
            far.lose_request(call)
        case "late":
            far.commit_late(seconds, call)
        case "limited":
            far.limit_rate(seconds, call)
        case "slow before":
            far.pass_time(seconds)
        case "slow after":
            far.slow = seconds
        case "killed before" | "killed after":
            far.kill_next(call, after=kind.endswith("after"))
        case _:
            far.fail_next(call, errors[kind])


WRITE_FAULTS = (
    "lost answer",
    "lost request",
    "late",
    "limited",
    "unavailable",
    "conflict",
    "refused",
    "denied",
    "killed before",
    "killed after",
)
READ_FAULTS = ("limited", "unavailable", "denied", "killed before")
