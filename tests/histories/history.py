"""What people and the weather do to an installation, and what is known of who changed what."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from connectors.errors import TrackerError
from mapping import block as blocks
from mapping.render import desired
from state.acceptance import Authorities, Decider, Terms
from state.effects import Effects
from state.errors import LeaseHeld, LeaseLost
from state.lease import Holder, this_process
from state.model import Authority, Field, Hold, Link, Priority
from state.proof import EvidenceDraft, EvidenceKind, ResolutionPolicy
from state.ticket import BodyFormat, TicketRef
from sync.accepting import Deciding, NotDecided
from sync.adopt import NotAdoptable
from sync.engine import Report
from sync.resolving import NotResolved, Resolving
from sync.settle import Side, Undecidable, settle
from tests.histories.books import Books
from tests.histories.installation import Installation
from tests.histories.slate import Slate
from tests.histories.weather import ASKING, WRITES, Far, Killed, Kind

PAST_LEASE = 700
"""More seconds than a run holds the lease without renewing it."""

ELSEWHERE = Holder("elsewhere", 1)
"""Somebody at another machine, who cannot see whether a process of ours lives."""

RISK_OWNERS = tuple(Decider(f"{name}@acme.example") for name in ("ruth", "otto", "lena"))
OWNERS = Authorities(risk_owners=dict.fromkeys(Priority, frozenset(each.email for each in RISK_OWNERS)))

_HOLDER = this_process()


@dataclass
class History:
    """An installation, what people did in it, and the faults that are to come.

    `outside` is what people wrote around our block, by ticket, `theirs` the labels they gave it, and `said` the values
    of an item that nobody but us may have changed since; `once_shared` are the fields that were ever read otherwise.
    `unseen` says that something happened which no feed shows, and `left` that a run died with the lease in its hand.
    """

    world: Installation
    books: Books
    killed: int = 0
    left: bool = False
    leased: bool = False
    unseen: bool = False
    outside: dict[TicketRef, str] = field(default_factory=dict)
    theirs: dict[TicketRef, set[str]] = field(default_factory=dict)
    said: dict[str, dict[str, object]] = field(default_factory=dict)
    once_shared: set[str] = field(default_factory=set)
    deliveries: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    @staticmethod
    def begin(slate: Slate, eng: Kind, ops: Kind) -> "History":
        """Begin anew, with two trackers of these kinds."""
        world = Installation.begin(slate, {"eng": eng, "ops": ops})
        return History(world, Books(world.store, world.fars, world.tables, world.clock))

    # Runs.

    def sync(self, *, full: bool = False, at: Callable[[str], None] = lambda _: None) -> Report | None:
        """One run, which may die or be taken over; `at` is called with each crash point. `None` if it did not end."""

        def crash(point: str) -> None:
            if self._is_killed():
                raise Killed
            self.leased = point == "lease.after" or (self.leased and point != "release.after")
            try:
                at(point)
            except Killed:
                next(iter(self.world.fars.values())).killed = True
                raise

        self.leased = False
        mortal = replace(_HOLDER, started=f"life {self.killed}")
        try:
            report = self.world.sync(mortal, full=full, crash=crash)
        except Killed:
            self.killed += 1
            self.left = True
            self._revive()
            return None
        except LeaseLost:
            return None
        self.left = False
        return report

    def second_run(self, point: str) -> None:
        """Another machine begins a run while one stands at this point: it is refused where that holds the lease."""
        try:
            self.world.sync(ELSEWHERE)
        except LeaseHeld:
            assert self.leased or self.left, f"nobody holds the lease at {point}"
        except Killed:
            self._bury()
        else:
            assert not self.leased, f"a second run began at {point}"

    def take_over(self, point: str) -> Callable[[], None]:
        """The run stands still until its lease is over and another one has run; returns what is true in the end."""
        self.world.clock.sleep(PAST_LEASE)
        try:
            self.world.sync(ELSEWHERE)
        except Killed:
            self._bury()
        before = {name: len(far.asked) for name, far in self.world.fars.items()}

        def judge() -> None:
            for name, far in self.world.fars.items():
                late = [call for call in far.asked[before[name] :] if call in WRITES]
                assert late == [] or point == "lease.before", (
                    f"a run that was taken over at {point} wrote to {name}: {late}"
                )

        return judge

    def _bury(self) -> None:
        """Whoever died elsewhere holds the lease until its time is over."""
        self._revive()
        self.world.clock.sleep(PAST_LEASE)

    def _is_killed(self) -> bool:
        return any(far.killed for far in self.world.fars.values())

    def _revive(self) -> None:
        for far in self.world.fars.values():
            far.killed = False

    # What people do on our side.

    def edit(self, ref: str, name: str, value: object) -> None:
        """Somebody gives an item another value."""
        with self.books.witnessing():
            self.world.edit(ref, **{name: value})
        self.ours(ref, name, value)

    def settle(self, hold: Hold, take: Side) -> None:
        """Somebody settles a hold, unless a run is under way or it cannot be settled that way.

        Whoever takes the item's side of what is missing says that the item is not done.
        """
        status = self.world.store.item(hold.item).status
        try:
            with self.books.witnessing():
                settle(self.world.store, hold, take, self.world.because("agreed"), holder=ELSEWHERE)
        except (Undecidable, LeaseHeld):
            return
        if take == "ticket" and hold.field is not None:
            self.said.get(hold.item, {}).pop({"assignee": "owner"}.get(hold.field.value, hold.field.value), None)
        if self.world.store.item(hold.item).status is not status:
            self.said.get(hold.item, {}).pop("status", None)

    def decide(self, ref: str, verdict: str) -> None:
        """A risk owner decides about an item's risk, or somebody asks for it, where the rules let them."""
        court = Deciding(
            self.world.store, OWNERS, dict.fromkeys(self.world.fars, "memory"), self.world.clock, ELSEWHERE
        )
        because, end = self.world.because("decided"), self.world.clock().date() + timedelta(days=60)
        terms = Terms("", end, "an alert", 2, 2)
        acts: Mapping[str, Callable[[], object]] = {
            "ask": lambda: court.request(ref, replace(terms, justification="not this year"), RISK_OWNERS[0], because),
            "approve": lambda: court.approve(ref, replace(terms, justification="it is small"), RISK_OWNERS[1], because),
            "approve too": lambda: court.approve(ref, Terms(""), RISK_OWNERS[2], because),
            "reject": lambda: court.reject(ref, "no", RISK_OWNERS[1], because),
            "revoke": lambda: court.revoke(ref, "no more", RISK_OWNERS[1], because),
            "renew": lambda: court.renew(ref, replace(terms, until=end + timedelta(days=20)), RISK_OWNERS[0], because),
        }
        try:
            with self.books.witnessing():
                acts[verdict]()
        except (NotDecided, LeaseHeld):
            return
        self.said.get(ref, {}).pop("status", None)

    def prove(self, ref: str, act: str) -> None:
        """Somebody says that an item is done, brings what shows it, or reviews that, where the rules let them."""
        store, because = self.world.store, self.world.because("proven")
        said = Resolving(store, ResolutionPolicy(), self.world.clock, ELSEWHERE)
        brought = EvidenceDraft(EvidenceKind.LINK, "the run", "mia@acme.example", self.world.clock(), item=ref)
        brought = replace(brought, url=f"https://ci.acme.example/{len(self.said)}")
        acts: Mapping[str, Callable[[], object]] = {
            "claim": lambda: said.claim(ref, "mia@acme.example", because),
            "bring": lambda: store.commit(None, Effects(evidence=[(brought, because)])),
            "accept": lambda: said.accept(ref, "olga@acme.example", frozenset({"olga@acme.example"}), because),
            "reject": lambda: said.reject(ref, "olga@acme.example", frozenset({"olga@acme.example"}), because),
        }
        try:
            with self.books.witnessing():
                acts[act]()
        except (NotResolved, LeaseHeld):
            return
        self.said.get(ref, {}).pop("status", None)

    def adopt(self, ref: str, tracker: str, key: str) -> None:
        """Somebody links an item to a ticket that is there already."""
        engine, because = self.world.engine(), replace(self.world.because("that one"), run=f"link-{self.world.runs}")
        self.world.runs += 1
        try:
            engine.link(ref, tracker, key, holder=ELSEWHERE, because=because)
        except (NotAdoptable, LeaseHeld, TrackerError):
            return
        except Killed:
            self._bury()
        self.said.pop(ref, None)

    def hear(self, number: int) -> None:
        """One of the webhook deliveries arrives: what it names is looked at by the next run."""
        tracker, headers, body = self.deliveries[number % len(self.deliveries)]
        refs = self.world.trackers[tracker].hint(headers, body)
        links = self.world.store.links_by_ticket(tracker, [ref.id for ref in refs])
        self.world.store.commit(None, Effects(dirty=[link.item for link in links.values()]))

    # What is known of who said what.

    def ours(self, ref: str, name: str, value: object) -> None:
        """We gave an item this value, another than last agreed; nobody else may change it but by the rules.

        An owner whom the tracker does not know cannot be told there, so a person assigned there wins.
        """
        compared = Field("assignee" if name == "owner" else name) if name != "description" else Field.BODY
        self.said.setdefault(ref, {}).pop(name, None)
        link, item = self.world.store.link(ref), self.world.store.item(ref)
        if link is not None and compared in link.baseline:
            ours = desired(item, self.world.rules(), link.ref.tracker, link.marker).values.get(compared)
            if ours == link.baseline[compared].ours:
                return
        nobody = name == "owner" and not any(person.email == value for person in self.world.config.people)
        if self.world.authority("eng", compared) is not Authority.TICKET and not nobody:
            self.said[ref][name] = value

    def touched(self, ref: str, name: str) -> None:
        """Somebody changed a field of the ticket, so the item's may follow."""
        follows = {"assignee": ("owner", "status"), "state": ("status",), "labels": ("status",), "due_date": ()}
        for mine in follows.get(name, (name,)):
            always = name in ("assignee", "state", "labels", "comment")
            if always or self.world.authority("eng", Field(name)) is not Authority.ITEM:
                self.said.get(ref, {}).pop(mine, None)

    def shared(self, *names: str) -> None:
        """Fields read otherwise from now on, so what was said of them does not stand for sure any more."""
        self.once_shared.update(names)
        for said in self.said.values():
            for name in names:
                said.pop(name, None)

    # What people do on the far side.

    def far(self, ref: TicketRef) -> Far:
        """The far side that has this ticket."""
        return self.world.fars[ref.tracker]

    def there(self) -> list[Link]:
        """The links whose ticket can be read."""
        return [link for link in self.world.linked() if self.far(link.ref).gone(link.ref) is None]

    def write_around(self, ref: TicketRef, before: str, after: str) -> None:
        """Somebody writes around our block."""
        self._body(ref, f"{before}{self.far(ref).ticket(ref).body or ''}{after}")

    def remove_block(self, ref: TicketRef) -> None:
        """Somebody takes our block out."""
        self._body(ref, around(self.far(ref).ticket(ref).body))

    def _body(self, ref: TicketRef, body: str) -> None:
        self.far(ref).edit(ref, body=body)
        self.outside[ref] = around(self.far(ref).ticket(ref).body)

    def add_their_label(self, ref: TicketRef, name: str) -> None:
        """Somebody labels the ticket."""
        self.far(ref).edit(ref, labels=self.far(ref).ticket(ref).labels | {name})
        if name != ASKING:
            self.theirs.setdefault(ref, set()).add(name)

    def delivered(self, link: Link) -> None:
        """A webhook delivery about the ticket is on its way."""
        self.deliveries.append((link.ref.tracker, *self.far(link.ref).delivery(link.ref)))


def around(body: object) -> str:
    """What stands around our block."""
    return str(blocks.remove(body, BodyFormat.MARKDOWN) or "")  # type: ignore[arg-type]
