"""A year of a compliance programme as it is written down: random, seeded, and as large as asked for."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial

from state import acceptances, comments, controls, due_dates, links, proofs, results, risks, waiting
from state.acceptance import (
    Acceptance,
    AcceptanceState,
    Channel,
    Decision,
    DecisionVerdict,
    DueChange,
    Terms,
    fingerprint,
)
from state.effects import Because, Effects, ItemChange
from state.model import (
    Actor,
    Agent,
    Comment,
    Hold,
    HoldKind,
    ItemDraft,
    Link,
    Priority,
    SourceKind,
    Status,
    TestOutcome,
)
from state.proof import EvidenceDraft, EvidenceKind, LinkCheck, LinkHealth, Review, Verdict
from state.register import ControlDraft, ControlStatus, Framework, Risk, Score, ScoreKind, Treatment
from state.store import Store
from state.ticket import Marker, TicketRef
from state.transaction import Transaction

BEGIN = datetime(2026, 1, 5, 8, tzinfo=UTC)
OLGA = Agent(Actor.HUMAN, "counterfoil", "olga@acme.example", "Olga")
RUTH = Agent(Actor.HUMAN, "counterfoil", "ruth@acme.example", "Ruth")
MIA = Agent(Actor.HUMAN, "eng", "5b10-mia", "Mia Meyer")
CRON = Agent(Actor.SCHEDULE, "counterfoil", "cron")
DAYS = {Priority.CRITICAL: 7, Priority.HIGH: 30, Priority.MEDIUM: 90, Priority.LOW: 180}
CODES = ("CC6.1", "CC6.2", "CC6.6", "CC6.7", "CC7.2", "CC7.3", "CC8.1", "CC9.2", "A1.2", "A1.3")
TITLES = (
    "Block public access to the bucket",
    "Require a second factor for the root account",
    "Close port 22 to the internet",
    "Rotate access keys older than 90 days",
    "Review who may deploy to production",
    "Test the restore of last night's backup",
    "Sign the processor agreement with the mail provider",
    "Write down how incidents are escalated",
)
FOUND = f"as the scanner found it.\n\n1. `arn:aws:{'s3' * 90}`\n\n```\n{'key' * 90}\n```\n\n|{'-' * 190}|{'a|' * 90}"
"""The end of a description, in which much does not fit a line."""


@dataclass
class Past:
    """What happened up to `now`, which only moves when it is told to; each method is one thing that somebody did."""

    store: Store
    now: datetime = BEGIN
    refs: list[str] = field(default_factory=list)
    runs: int = 0

    def later(self, days: float) -> None:
        self.now += timedelta(days=days)

    def by(self, agent: Agent, reason: str = "", event: str = "") -> Because:
        if agent is CRON:
            self.runs += 1
        return Because(agent, f"R-{self.runs:04d}", event, reason, self.now)

    def write(self, do: Callable[[Transaction], object]) -> None:
        with self.store.writing() as w:
            do(w)

    def programme(self) -> None:
        """The framework, its controls, and the risks as they were first rated."""
        soc2 = Framework("soc2", "SOC 2", "2017", "soc2.csv", "a" * 64, self.now)
        drafts = [ControlDraft(code, f"What {code} asks for") for code in CODES]
        self.write(lambda w: controls.add_framework(w.connection, w.ledger, soc2, drafts, self.by(OLGA)))
        for number, (likelihood, impact) in enumerate(((5, 5), (4, 3), (3, 4), (2, 5), (4, 4)), start=1):
            first = Score(ScoreKind.INHERENT, likelihood, impact, "olga@acme.example", self.now, "as it is")
            now = replace(first, kind=ScoreKind.CURRENT)
            text = f"What if number {number}?"
            risk = Risk(
                *(f"R-{number:02d}", text, "ruth@acme.example", Treatment.MITIGATE, "", (), None, self.now, self.now),
                scores=(first, now),
            )
            self.write(partial(self._add, risk))

    def _add(self, risk: Risk, w: Transaction) -> None:
        risks.add(w.connection, w.ledger, [risk], self.by(OLGA))

    def score(self, risk: str, likelihood: int, impact: int) -> None:
        said = Score(ScoreKind.CURRENT, likelihood, impact, "ruth@acme.example", self.now, "after treatment")
        self.write(lambda w: risks.score(w.connection, w.ledger, risk, [said], self.by(RUTH)))

    def stand(self, code: str, status: ControlStatus, why: str) -> None:
        found = {f"soc2:{code}": (status, why)}
        self.write(lambda w: controls.stand(w.connection, w.ledger, w.now, found, self.by(CRON)))

    def item(
        self, title: str = TITLES[0], priority: Priority = Priority.HIGH, code: str = "CC6.1", risk: str = "R-01"
    ) -> str:
        """Identified by a scanner, and given a ticket."""
        draft = ItemDraft(
            title,
            f"{title}: {FOUND}",
            priority,
            "mia@acme.example",
            controls=(code,),
            risks=(risk,),
            source_kind=SourceKind.AUTOMATED_TEST,
            source_ref=f"prowler/check-{len(self.refs) + 1}",
        )
        due = self.now.date() + timedelta(days=DAYS[priority])
        [made] = self.store.add_items([(draft, due, priority)], self.by(CRON, "intake ocsf findings.json"))
        self.refs.append(made.ref)
        said = [(made.ref, TestOutcome.FAIL, self.now, made.source_ref)]
        self.write(lambda w: results.record(w.connection, w.ledger, said, self.by(CRON)))
        self.ticket(made.ref)
        return made.ref

    def ticket(self, ref: str) -> None:
        number = str(10_000 + int(ref[3:]))
        place = TicketRef("eng", number, f"SEC-{int(ref[3:])}")
        marker = Marker(number, ref)
        url = f"https://acme.example/browse/{place.key}"
        link = Link(ref, place, url, marker, {}, 1, "1", self.now, "R-1")
        self.write(
            lambda w: links.link(w.connection, w.ledger, w.now, [(link, self.by(CRON))], frozenset([marker.key]))
        )

    def lose(self, ref: str) -> None:
        """Somebody deletes its ticket."""
        link = self.store.link(ref)
        assert link is not None
        gone = replace(link, missing_since=self.now)
        self.write(lambda w: links.touch(w.connection, w.ledger, [gone], self.by(CRON, "HTTP 404")))

    def move(self, ref: str, key: str) -> None:
        """Somebody moves its ticket to another project."""
        link = self.store.link(ref)
        assert link is not None
        moved = replace(link, ref=TicketRef("eng", link.ref.id, key), url=f"https://acme.example/browse/{key}")
        self.write(lambda w: links.touch(w.connection, w.ledger, [moved], self.by(CRON)))

    def edit(self, ref: str, agent: Agent = OLGA, reason: str = "", event: str = "", **values: object) -> None:
        self.store.commit(None, Effects(changes=[ItemChange(ref, values, self.by(agent, reason, event))]))

    def start(self, ref: str) -> None:
        self.edit(ref, MIA, event=f"ev-{ref}-1", status=Status.IN_PROGRESS)

    def prove(self, ref: str, sha256: str = "b" * 64, expires: date | None = None) -> str:
        """Somebody brings evidence, and a reviewer accepts it."""
        draft = EvidenceDraft(
            EvidenceKind.SCREENSHOT,
            f"{ref} is done",
            "mia@acme.example",
            self.now,
            ref,
            sha256=sha256,
            name="proof.png",
            stored=True,
            size=4711,
            expires_on=expires,
        )
        piece = ""

        def write(w: Transaction) -> None:
            nonlocal piece
            [(stored, _)] = proofs.add(w.connection, w.ledger, [(draft, self.by(OLGA))])
            said = Review(Verdict.ACCEPTED, "rae@acme.example", self.now, "shows the setting")
            proofs.review(w.connection, w.ledger, stored, said, self.by(RUTH))
            piece = stored.ref

        self.write(write)
        return piece

    def link_gone(self, ref: str, url: str = "https://wiki.acme.example/proof") -> None:
        draft = EvidenceDraft(EvidenceKind.LINK, "the page says so", "mia@acme.example", self.now, ref, url=url)

        def write(w: Transaction) -> None:
            [(stored, _)] = proofs.add(w.connection, w.ledger, [(draft, self.by(OLGA))])
            proofs.check(w.connection, w.ledger, stored, LinkCheck(LinkHealth.GONE, self.now), self.by(CRON))

        self.write(write)

    def resolve(self, ref: str) -> None:
        self.edit(ref, MIA, "closed as Done, and the evidence is there", f"ev-{ref}-2", status=Status.RESOLVED)

    def reopen(self, ref: str) -> None:
        self.edit(ref, CRON, "its test fails again", status=Status.OPEN)

    def say(self, ref: str, text: str, agent: Agent = MIA) -> None:
        said = Comment("", ref, agent.name, text, self.now, True, "eng", f"c-{ref}-{self.now:%m%d%H%M%S}")
        self.write(lambda w: comments.put(w.connection, w.ledger, [(said, self.by(agent))]))

    def hold(self, ref: str) -> None:
        held = Hold(HoldKind.CONFLICT, ref, "eng", "both sides changed it")
        self.write(lambda w: waiting.place(w.connection, w.ledger, w.now, [(held, self.by(CRON))]))

    def put_off(self, ref: str, days: int) -> None:
        """A later due date is asked for in the ticket, and granted."""
        before = self.store.item(ref).due_date
        asked = DueChange(
            ref, before, before + timedelta(days=days), "eng:5b10-mia", self.now, "eng", "ev-9", "vendor is late"
        )
        self.write(lambda w: due_dates.note(w.connection, w.ledger, asked, self.by(MIA, event="ev-9")))
        self.later(1)
        done = replace(asked, verdict="approved", decided_by="ruth@acme.example", decided_at=self.now)
        self.write(lambda w: due_dates.note(w.connection, w.ledger, done, self.by(RUTH, "the vendor confirmed it")))
        self.edit(ref, RUTH, "granted", due_date=asked.after)

    def accept(self, ref: str, until: date, channel: Channel = Channel.COMMAND) -> str:
        """Asked for in the ticket, and approved by a risk owner."""
        terms = Terms("The system is replaced in spring.", until, "Access by VPN only.", 2, 3)
        asked = Acceptance(
            "", ref, AcceptanceState.REQUESTED, terms, "mia@acme.example", self.now, fingerprint(self.store.item(ref))
        )
        event = "cm-7" if channel is Channel.COMMENT else ""

        def write(w: Transaction) -> None:
            nonlocal asked
            asked = acceptances.request(w.connection, w.ledger, asked, self.by(MIA, "closed as Won't Do", "ev-3"))

        self.write(write)
        self.later(1)
        yes = Decision(
            DecisionVerdict.APPROVE, "ruth@acme.example", self.now, "agreed", "risk owner for high", channel, "", event
        )
        active = replace(asked, state=AcceptanceState.ACTIVE, decisions=(yes,), active_from=self.now)
        self.write(lambda w: acceptances.put(w.connection, w.ledger, w.now, asked, active, self.by(RUTH, "agreed")))
        return asked.ref


def year(store: Store, past: Past, items: int, seed: int = 7) -> None:
    """So many items over a year, each with a story of its own."""
    dice = random.Random(seed)  # noqa: S311
    past.programme()
    begins = sorted(dice.uniform(1, 350) for _ in range(items))
    todo = [(at, "item", "") for at in begins]
    todo += [(dice.uniform(5, 350), "control", dice.choice(CODES)) for _ in range(30)]
    todo += [(120.0 + 20 * n, "score", f"R-{n:02d}") for n in range(1, 5)]
    while todo:
        todo.sort()
        at, what, about = todo.pop(0)
        past.now = max(past.now, BEGIN + timedelta(days=at))
        if past.now.year > BEGIN.year:
            return
        todo += _step(past, dice, at, what, about)


def _step(past: Past, dice: random.Random, at: float, what: str, about: str) -> list[tuple[float, str, str]]:
    match what:
        case "item":
            priority = dice.choices(list(Priority), (1, 3, 4, 2))[0]
            ref = past.item(dice.choice(TITLES), priority, dice.choice(CODES), f"R-{dice.randint(1, 5):02d}")
            took = DAYS[priority] * dice.uniform(0.2, 1.3)
            return [(at + took * 0.3, "start", ref), (at + took, dice.choices(_ENDS, _ODDS)[0], ref)]
        case "start":
            past.start(about)
            past.say(about, dice.choice(("On it.", "Needs the vendor.", "Merged, waiting for the release.")))
            return []
        case "control":
            status = dice.choice((ControlStatus.FAILING, ControlStatus.IMPLEMENTED, ControlStatus.IN_PROGRESS))
            past.stand(about, status, {"failing": "failing: a test"}.get(status.value, "as its items stand"))
        case "score":
            past.score(about, dice.randint(1, 3), dice.randint(1, 3))
        case "put_off":
            past.put_off(about, 30)
            return [(at + 20, "resolve", about)]
        case "accept":
            past.accept(about, past.now.date() + timedelta(days=dice.choice((60, 180))))
        case "reopen":
            past.reopen(about)
            return [(at + 10, "resolve", about)]
        case "resolve":
            past.prove(about)
            past.later(0.01)
            past.resolve(about)
            return [(at + 15, "reopen", about)] if dice.random() < 0.08 else []
        case "lose":
            past.lose(about)
        case "move":
            past.move(about, f"OPS-{int(about[3:])}")
            return [(at + 5, "resolve", about)]
    return []


_ENDS = ("resolve", "accept", "put_off", "lose", "move")
_ODDS = (16, 3, 2, 1, 1)
