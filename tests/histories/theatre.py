"""A stage in memory, on which the real engine runs: set up anew for each story, on the same database."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from random import Random

from connectors.base import Tracker
from mapping.rules import Route, Rules
from state.lease import this_process
from state.model import Actor, Agent, Person
from sync.app.reaching import tracker_rules
from sync.engine import Engine, Report
from sync.plan import Safety
from tests.histories.slate import MemorySlate
from tests.histories.story import Stage
from tests.histories.weather import Clock, Killed

CRON = Agent(Actor.SCHEDULE, "counterfoil", "cron")
PAUSES = (1, 30, 70, 130, 400)


class Theatre(Stage):
    """What all trackers share. `rate` of all calls go wrong, and `dies` of all crash points kill the run.

    `happened` counts what went wrong, and `told` is the story of it.
    """

    engine: Engine

    def __init__(self) -> None:
        self._slate = MemorySlate()
        self.store = self._slate.store
        self._holder = this_process()

    def clear(self, chance: Random, rate: float = 0.0, dies: float = 0.0) -> None:
        """Forget all that was on the stage."""
        self.clock = Clock()
        self._slate.wipe(self.clock)
        self.chance, self.rate, self.dies = chance, rate, dies
        self.runs = 0
        self.dead = False
        self.happened: Counter[str] = Counter()
        self.told: list[str] = []

    def employ(self, tracker: Tracker, wait: int) -> None:
        """Let the engine work with this tracker."""
        caps = tracker.caps
        table = tracker_rules(tracker)
        people = (Person("mia@acme.example", {caps.account_kind: self.account}),)
        self.engine = Engine(
            self.store,
            {tracker.name: tracker},
            Rules({tracker.name: table}, (Route(tracker.name),), people),
            Safety(1000, 1.0),
            {tracker.name: wait},
            {tracker.name: 24.0},
            self.clock,
            self.clock.sleep,
            crash=self._crash,
        )

    def pauses(self) -> Iterator[float]:
        """How long it is from one run to the next."""
        while True:
            yield float(self.chance.choice(PAUSES))

    def sleep(self, seconds: float) -> None:
        self.clock.sleep(seconds)

    def run(self) -> Report | None:
        self.runs += 1
        mortal = replace(self._holder, started=f"life {self.runs}")
        try:
            with self._slate.safe.signing(self.store, self.clock, self._crash) as notary:
                engine = replace(self.engine, recorded=notary.watch)
                report = engine.sync(f"run-{self.runs}", holder=mortal, agent=CRON)
        except Killed:
            self.dead = False
            self.tell("the run was killed")
            return None
        self.tell(f"run {self.runs}: {report.tally}")
        return report

    def calm(self) -> None:
        self.tell("from now on nothing goes wrong")
        self.rate = self.dies = 0.0

    def is_vouched_for(self) -> bool:
        return self._slate.safe.vouches_for(self.store)

    def goes_wrong(self) -> bool:
        """Whether the next call does."""
        return self.rate > 0 and self.chance.random() < self.rate

    def tell(self, what: str) -> None:
        """Keep what happened, for the story."""
        self.told.append(f"  {self.clock.now:%d. %H:%M:%S} {what}")

    def _crash(self, point: str) -> None:
        if self.dead:
            raise Killed
        if self.dies and self.chance.random() < self.dies:
            self.dead = True
            self.happened["killed at a crash point"] += 1
            self.tell(f"killed at {point}")
            raise Killed
