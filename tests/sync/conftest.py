"""A whole world in memory: a real store, trackers without a wire, and a clock that only tests move."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest

from connectors.sandbox.memory import CAPS, FarSide, MemoryTracker
from mapping.rules import Route, Rules
from state.acceptance import AcceptancePolicy
from state.effects import Because, Effects, ItemChange
from state.lease import Holder, this_process
from state.model import ActionItem, Actor, Agent, Authority, Field, ItemDraft, Link, Person, Priority
from state.proof import Demand, EvidencePolicy, ResolutionPolicy
from state.store import Store
from state.ticket import Draft, Ticket
from sync.app.reaching import tracker_rules
from sync.engine import Engine, Report
from sync.plan import Plan, Safety
from sync.work import AtOnce, in_turn
from tests.databases import Databases

OFFICER = Agent(Actor.HUMAN, "counterfoil", "olga@acme.example", "Olga")
PEOPLE = (Person("mia@acme.example", {"memory": "mia"}), Person("tom@acme.example", {"memory": "tom"}))

NOTHING = ResolutionPolicy(EvidencePolicy(dict.fromkeys(Priority, Demand(0))))
"""What "done" is backed by where a test is not about that: by its word alone."""


@dataclass
class Clock:
    now: datetime = datetime(2026, 11, 20, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=10)
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class World:
    """`sync` runs the engine once; `crash` may be set to a callable that raises at a named point."""

    store: Store
    clock: Clock
    far: FarSide
    tracker: MemoryTracker
    authority: dict[Field, Authority] = field(default_factory=dict)
    routes: tuple[Route, ...] = (Route("eng"),)
    safety: Safety = field(default_factory=lambda: Safety(change_share=1.0))
    wait: int = 0
    audit_hours: float = 24.0
    labels: tuple[str, ...] = ()
    status: dict[str, tuple[str, ...]] = field(default_factory=dict)
    priority: dict[Priority, str] = field(default_factory=dict)
    mentions: bool = False
    crash: Callable[[str], None] = lambda _: None
    at_once: AtOnce = in_turn
    resolution: ResolutionPolicy = NOTHING
    policy: AcceptancePolicy = field(default_factory=AcceptancePolicy)
    people: tuple[Person, ...] = PEOPLE
    runs: int = 0
    url: str = ""

    def rules(self) -> Rules:
        table = tracker_rules(
            self.tracker,
            labels=self.labels,
            status=self.status,
            priority=self.priority,
            mentions=self.mentions,
            authority=self.authority,
        )
        return Rules({"eng": table}, self.routes, self.people)

    def engine(self) -> Engine:
        return Engine(
            self.store,
            {"eng": self.tracker},
            self.rules(),
            self.safety,
            {"eng": self.wait},
            {"eng": self.audit_hours},
            self.clock,
            self.clock.sleep,
            crash=self.crash,
            at_once=self.at_once,
            resolution=self.resolution,
            policy=self.policy,
        )

    def plan(self, *, full: bool = False) -> Plan:
        return self.engine().plan("run-plan", full=full)

    def sync(
        self, *, full: bool = False, expect: str | None = None, force: str | None = None, holder: Holder | None = None
    ) -> Report:
        self.runs += 1
        return self.engine().sync(
            f"run-{self.runs}",
            holder=holder or this_process(),
            agent=Agent(Actor.SCHEDULE, "counterfoil", "cron"),
            full=full,
            expect=expect,
            force=force,
        )

    def because(self, reason: str = "") -> Because:
        return Because(OFFICER, reason=reason)

    def add(self, title: str = "Enable MFA for admins", **values: object) -> ActionItem:
        draft = ItemDraft(title=title, **{"controls": (), "risks": (), **values})  # type: ignore[arg-type]
        return self.store.add_items([(draft, date(2026, 12, 20), draft.priority or Priority.HIGH)], self.because())[0]

    def edit(self, ref: str, **values: object) -> None:
        self.store.commit(None, Effects(changes=[ItemChange(ref, values, self.because("asked for"))]))

    def link(self, ref: str) -> Link:
        link = self.store.link(ref)
        assert link is not None
        return link

    def ticket(self, ref: str) -> Ticket:
        return self.far.ticket(self.link(ref).ref)

    def make_another(self, ticket: Ticket) -> None:
        """Create a second ticket with the same marker."""
        assert ticket.marker is not None
        labels = tuple(ticket.labels)
        draft = Draft(ticket.marker, ticket.title, ticket.body, ticket.priority, None, None, labels)
        self.far.add("eng", draft)

    def item(self, ref: str) -> ActionItem:
        return self.store.item(ref)

    def records(self) -> int:
        return self.store.verify().records


@pytest.fixture
def clock() -> Clock:
    return Clock()


def new_world(url: str, clock: Clock) -> World:
    """A world in which nothing happened yet; whoever asks for it closes its store."""
    far = FarSide(clock)
    return World(Store.open(url, clock=clock), clock, far, MemoryTracker("eng", far_side=far, caps=CAPS), url=url)


@pytest.fixture
def world(databases: Databases, clock: Clock) -> Iterator[World]:
    made = new_world(databases.made(), clock)
    yield made
    made.store.close()
