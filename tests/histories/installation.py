"""An installation with two trackers, on a database that is wiped clean for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from connectors.base import Capabilities
from connectors.sandbox.memory import CAPS
from mapping.rules import Route, Rules, TrackerRules
from state.effects import Because, Effects, ItemChange
from state.lease import Holder
from state.model import ActionItem, Actor, Agent, Authority, Field, ItemDraft, Link, Person, Priority
from state.store import Store
from sync.app.reaching import tracker_rules
from sync.engine import Engine, Report
from sync.plan import Safety
from tests.histories.signing import Safe
from tests.histories.slate import Slate
from tests.histories.weather import Clock, Far, Kind, Tracker

OFFICER = Agent(Actor.HUMAN, "counterfoil", "olga@acme.example", "Olga")
CRON = Agent(Actor.SCHEDULE, "counterfoil", "cron")
PEOPLE = (Person("mia@acme.example", {"memory": "mia"}), Person("tom@acme.example", {"memory": "tom"}))
WAIT = 120
BY_PRIORITY = (Route("ops", {"priority": ("critical",)}), Route("eng"))


@dataclass
class Configuration:
    """What people may change between runs."""

    labels: tuple[str, ...] = ()
    status: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    priority: Mapping[Priority, str] = field(default_factory=dict)
    authority: dict[Field, Authority] = field(default_factory=dict)
    people: tuple[Person, ...] = PEOPLE
    routes: tuple[Route, ...] = BY_PRIORITY

    def tables(self) -> Mapping[str, object]:
        """What decides how a ticket reads, by the item's field; whose an account is may decide the status too."""
        state = self.status, self.people
        return {"priority": self.priority, "owner": self.people, "status": state, "claim": state}


@dataclass
class Installation:
    """A store, two trackers and what is configured; each run makes its engine anew, as the program does.

    `tables` are those by which each run read its tickets, by the item's field.
    """

    store: Store
    clock: Clock
    fars: Mapping[str, Far]
    trackers: Mapping[str, Tracker]
    safe: Safe
    config: Configuration = field(default_factory=Configuration)
    runs: int = 0
    tables: dict[str, Mapping[str, object]] = field(default_factory=dict)

    @staticmethod
    def begin(slate: Slate, kinds: Mapping[str, Kind]) -> "Installation":
        """Begin anew, with trackers of these kinds."""
        clock = Clock()
        slate.wipe(clock)
        fars = {name: Far(clock, kind) for name, kind in kinds.items()}
        trackers = {name: Tracker(name, far_side=far, caps=_caps(far.kind), page_size=2) for name, far in fars.items()}
        return Installation(slate.store, clock, fars, trackers, slate.safe)

    def rules(self) -> Rules:
        """The tables as they are configured now."""
        tables = {name: self._table(name, tracker) for name, tracker in self.trackers.items()}
        return Rules(tables, self.config.routes, self.config.people)

    def _table(self, name: str, tracker: Tracker) -> TrackerRules:
        config = self.config
        return tracker_rules(
            tracker,
            labels=config.labels,
            status=config.status,
            priority=config.priority,
            authority=config.authority,
        )

    def authority(self, tracker: str, name: Field) -> Authority:
        """Who may change a field."""
        return self.rules().trackers[tracker].authority[name]

    def engine(self, crash: Callable[[str], None] = lambda _: None) -> Engine:
        """What a run of the program works with."""
        names = list(self.trackers)
        return Engine(
            self.store,
            self.trackers,
            self.rules(),
            Safety(max_creates=1000, change_share=1.0),
            dict.fromkeys(names, WAIT),
            dict.fromkeys(names, 1e6),
            self.clock,
            self.clock.sleep,
            crash=crash,
        )

    def sync(self, holder: Holder, *, full: bool = False, crash: Callable[[str], None] = lambda _: None) -> Report:
        """One run."""
        self.runs += 1
        self.tables[f"run-{self.runs}"] = self.config.tables()
        with self.safe.signing(self.store, self.clock, crash) as notary:
            engine = replace(self.engine(crash), recorded=notary.watch)
            return engine.sync(f"run-{self.runs}", holder=holder, agent=CRON, full=full, force="histories")

    def because(self, reason: str = "") -> Because:
        """A person on our side acts."""
        return Because(OFFICER, reason=reason)

    def add(self, title: str, **values: object) -> ActionItem:
        """A person adds an item."""
        draft = ItemDraft(title=title, **{"controls": (), "risks": (), **values})  # type: ignore[arg-type]
        return self.store.add_items([(draft, date(2026, 12, 20), draft.priority or Priority.HIGH)], self.because())[0]

    def edit(self, ref: str, **values: object) -> None:
        """A person gives an item other values."""
        self.store.commit(None, Effects(changes=[ItemChange(ref, values, self.because("asked for"))]))

    def linked(self) -> list[Link]:
        """Every link, in the order of items."""
        refs = [item.ref for item in self.store.list_items()]
        return sorted(self.store.links(refs).values(), key=lambda link: link.item)


def _caps(kind: Kind) -> Capabilities:
    return replace(
        CAPS,
        bulk_create=kind.bulk,
        stale_feed=kind.lag > 0,
        assignment_starts_work=kind.starts_work,
    )
