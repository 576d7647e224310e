"""What the ledger tells of a period, as frozen values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from state.proof import EvidencePolicy

UNFINISHED = frozenset({"open", "in_progress"})
OURS = "counterfoil"


def midnight(day: date) -> datetime:
    """When a day begins, in UTC."""
    return datetime.combine(day, time(), UTC)


@dataclass(frozen=True, slots=True)
class Period:
    """The days that are shown, both included; what happened after them counts as not known."""

    first: date
    last: date

    @property
    def begin(self) -> datetime:
        """When it begins."""
        return midnight(self.first)

    @property
    def end(self) -> datetime:
        """When the day after it begins."""
        return midnight(self.last + timedelta(days=1))

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1

    def has(self, at: datetime) -> bool:
        """Whether a time lies in it."""
        return self.begin <= at < self.end


@dataclass(frozen=True, slots=True)
class Who:
    """Who did something: the kind of agent, the system in which they did it, their account there, their name."""

    kind: str
    system: str
    account: str
    name: str

    def __str__(self) -> str:
        """What people call them."""
        return self.name or self.account


@dataclass(frozen=True, slots=True)
class Event:
    """One record of the ledger: what happened to what, when (UTC), by whom, and what told of it.

    A `strange` one says something else than this program writes, so that no story is read from it.
    """

    seq: int
    at: datetime
    recorded: datetime
    about: str
    action: str
    field: str
    before: Any
    after: Any
    reason: str
    who: Who
    run: str
    event: str
    strange: bool = False

    def said(self, name: str, default: Any = "") -> Any:
        """One of the things that the record says of what is now."""
        found = self.after.get(name) if isinstance(self.after, Mapping) else None
        return default if found is None else found


@dataclass(frozen=True, slots=True)
class Span:
    """A status that something had, from when until when (UTC; `None` is still so), and why."""

    status: str
    since: datetime
    until: datetime | None
    why: str = ""
    seq: int = 0

    def days(self, period: Period) -> range:
        """The days of a period that it touches, as ordinals."""
        until = period.end if self.until is None else min(self.until, period.end)
        since = max(self.since, period.begin)
        end = until.date().toordinal() + (until.time() != time())
        return range(since.date().toordinal(), end) if since < until else range(0)


def status_at(spans: tuple[Span, ...], at: datetime) -> str:
    """The status that was so at a time, nothing before the first."""
    return next((each.status for each in reversed(spans) if each.since <= at), "")


@dataclass(frozen=True, slots=True)
class TicketLine:
    """A ticket that an item has or had: since when, until when, and whether it was not found at the end."""

    tracker: str
    id: str
    key: str
    url: str
    since: datetime
    until: datetime | None = None
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Decided:
    """One decision about an acceptance as it was recorded, and what became of the comment that it was taken in."""

    event: Event
    comment: str = ""

    def said(self, name: str) -> str:
        """One of the things that the record says of it."""
        return str(self.event.said(name))


@dataclass(frozen=True, slots=True)
class AcceptanceStory:
    """A request to live with a risk, on its last terms, and what became of it; `state` is that on the last day."""

    ref: str
    item: str
    state: str
    terms: Mapping[str, Any]
    asked: Event
    decisions: tuple[Decided, ...]
    began: Event | None = None
    ended: Event | None = None

    @property
    def until(self) -> date | None:
        """The last day on which it holds."""
        return None if self.terms.get("until") is None else date.fromisoformat(self.terms["until"])

    @property
    def approvals(self) -> tuple[Decided, ...]:
        """The decisions that approve it."""
        return tuple(each for each in self.decisions if each.said("verdict") == "approve")

    @property
    def by_requester(self) -> bool:
        """Whether somebody who asked for it, or had a hand in that, is among those who approved it."""
        askers = {str(each).casefold() for each in (self.terms["requester"], *self.terms["editors"])}
        return any(each.said(who).casefold() in askers for each in self.approvals for who in ("by", "typed_by"))


@dataclass(frozen=True, slots=True)
class Piece:
    """One version of a piece of evidence, what was found of it, and whether it counted on the last day.

    `why_not` says why it did not count any more, `lacks` why it did not yet, by the policy of the day of the report.
    """

    ref: str
    version: int
    items: tuple[str, ...]
    controls: tuple[str, ...]
    values: Mapping[str, Any]
    event: Event
    reviews: tuple[Event, ...] = ()
    check: Event | None = None
    why_not: str = ""
    lacks: str = ""

    @property
    def doubt(self) -> str:
        """Why it did not count; nothing where it did."""
        return self.why_not or self.lacks


@dataclass(frozen=True, slots=True)
class ItemStory:
    """An item from its beginning on; `values` are what it last had, `description` is known only if its hash fits."""

    ref: str
    made: Event
    values: Mapping[str, Any]
    events: tuple[Event, ...]
    spans: tuple[Span, ...]
    tickets: tuple[TicketLine, ...]
    resolved_at: datetime | None
    evidence: tuple[Piece, ...] = ()
    acceptances: tuple[AcceptanceStory, ...] = ()
    description: str | None = None

    @property
    def title(self) -> str:
        """What is to be done."""
        return str(self.values["title"])

    @property
    def priority(self) -> str:
        """How urgent it is."""
        return str(self.values["priority"])

    @property
    def status(self) -> str:
        """How it stands on the last day."""
        return self.spans[-1].status

    @property
    def due_date(self) -> date:
        """When it was to be done, as it was last decided."""
        return date.fromisoformat(self.values["due_date"])

    @property
    def due_changes(self) -> Iterator[Event]:
        """Each time it was given another due date."""
        return (e for e in self.events if e.action == "item.changed" and e.field == "due_date")

    def is_late(self, on: date) -> bool:
        """Whether it was done after its due date, or was not done yet on a day after that."""
        if self.resolved_at is not None:
            return self.resolved_at.date() > self.due_date
        return self.status in UNFINISHED and self.due_date < on

    def is_in(self, period: Period) -> bool:
        """Whether something happened to it in a period, or it was not over when that began."""
        before = status_at(self.spans, period.begin)
        return before not in ("", "resolved") or any(period.has(event.at) for event in self.events)


@dataclass(frozen=True, slots=True)
class ControlStory:
    """A control and how it stood; its title is the register's, as the ledger holds none of it."""

    id: str
    framework: str
    code: str
    title: str
    owner: str
    spans: tuple[Span, ...]
    items: tuple[str, ...] = ()
    exemption: Event | None = None

    @property
    def status(self) -> str:
        """How it stands on the last day."""
        return self.spans[-1].status

    def days_as(self, status: str, period: Period) -> int:
        """How many days of a period it had a status, in whole or in part."""
        return len({day for span in self.spans if span.status == status for day in span.days(period)})


@dataclass(frozen=True, slots=True)
class RiskStory:
    """A risk and its scores of each kind, oldest first; `statement` is known only if its hash fits."""

    id: str
    values: Mapping[str, Any]
    statement: str | None
    scores: Mapping[str, tuple[Event, ...]]
    items: tuple[str, ...] = ()

    def score(self, kind: str, before: datetime | None = None) -> tuple[int, int] | None:
        """Likelihood and impact as last rated, if so before a time."""
        found = [e for e in self.scores.get(kind, ()) if before is None or e.at < before]
        return (found[-1].said("likelihood"), found[-1].said("impact")) if found else None

    @property
    def before(self) -> tuple[int, int] | None:
        """How it was rated without treatment, or as first rated where nobody did that."""
        first = self.scores.get("current", ())[:1]
        return self.score("inherent") or next(((e.said("likelihood"), e.said("impact")) for e in first), None)


@dataclass(frozen=True, slots=True)
class Right:
    """Something that only some may do, who they are, and under which rule."""

    what: str
    who: str
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the configuration says on the day of the report.

    It says who may do what, the days that work may take, and which evidence is asked for.
    """

    rights: tuple[Right, ...] = ()
    due_days: Mapping[str, int] = field(default_factory=dict)
    evidence: EvidencePolicy = field(default_factory=EvidencePolicy)


@dataclass(frozen=True, slots=True)
class TrackerRead:
    """How a tracker was read in a period: so many times, the `last` time, and when all of it was looked at, the last
    time as well (`whole`, `None` for never).

    Of that time: so many tickets were `there` on each page, `linked` once the run was over, which items' tickets were
    not found (`missing`), and how many marked tickets were of no item.
    """

    tracker: str
    count: int
    last: Event
    whole: Event | None
    there: tuple[int, ...] = ()
    linked: int = 0
    missing: tuple[str, ...] = ()
    of_no_item: int = 0


@dataclass(frozen=True, slots=True)
class Book:
    """A period as the ledger tells it up to record `position`, whose hash is `head`.

    `items` are all that there were by its end, in the order of their refs. Without a `framework` or a `tracker` that it
    is confined to, `events` are all the records of what happened by then; `later` counts those of what happened after,
    and `left_out` the items that it is not confined to.
    `strange` are all records, of whatever time, that this program does not write so. `known` is the day on which the
    newest record was written, and `reads` is how each tracker was read in the period.
    """

    period: Period
    position: int
    head: str
    items: tuple[ItemStory, ...]
    controls: tuple[ControlStory, ...]
    risks: tuple[RiskStory, ...]
    acceptances: tuple[AcceptanceStory, ...]
    evidence: tuple[Piece, ...]
    events: tuple[Event, ...]
    policy: Policy
    later: int = 0
    strange: tuple[Event, ...] = ()
    framework: str = ""
    tracker: str = ""
    known: date | None = None
    reads: tuple[TrackerRead, ...] = ()
    left_out: int = 0

    @property
    def open_end(self) -> str:
        """What to know of a period that goes on after the newest record; nothing of any other."""
        if not self.provided:
            return ""
        return (
            f"The newest record is of {self.known}, and the period goes on until {self.period.last}: what is not "
            "recorded yet is not known. What is told of its end, and each number of days until then, is what it will "
            "be if nothing else happens."
        )

    @property
    def provided(self) -> str:
        """On what condition what is told of the last day holds, in words that go behind it; nothing for none."""
        goes_on = self.known is not None and self.known < self.period.last
        return f", if nothing happens after {self.known}" if goes_on else ""

    @property
    def told(self) -> tuple[ItemStory, ...]:
        """The items whose story belongs to the period."""
        return tuple(each for each in self.items if each.is_in(self.period))
