"""Fault schedules on a virtual clock: calls go wrong in every way, and all comes to rest as if nothing had."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache, partial
from random import Random
from sqlite3 import Connection, connect
from time import monotonic

from connectors.base import MARK
from connectors.sandbox.far_side import OURS
from connectors.sandbox.memory import CAPS
from connectors.sandbox.memory_bench import MemoryEngineer
from mapping.rules import Route, Rules, TrackerRules
from state.lease import this_process
from state.model import Actor, Agent, Person
from state.store import Store
from state.ticket import ActivityKind
from sync.engine import Engine, Report
from sync.plan import Safety
from tests.campaigns.sheet import Score
from tests.campaigns.spread import Case, spread
from tests.histories.story import STORIES, End, Shown, Stage, end, story, tell, wrongs
from tests.histories.weather import WRITES, Clock, Far, Killed, Kind, Tracker, fault

FULL = 1_000_000
LATE = 60
"""How many seconds late a lost request may still be done."""

SLACK = 30
"""What the wait covers beyond the tracker's lag and its late work: slow calls on the way."""

WRITE_FAULTS = (
    "lost answer",
    "lost request",
    "late",
    "limited",
    "unavailable",
    "denied",
    "revoked",
    "slow before",
    "slow after",
    "killed before",
    "killed after",
)
READ_FAULTS = ("limited", "unavailable", "denied", "revoked", "slow before", "slow after", "killed before")
SECONDS = (2, 20, 45, LATE)


@dataclass(frozen=True)
class Climate:
    """What kind of tracker a schedule meets, and how bad the weather is.

    `rate` of all calls go wrong, as one of `kinds`; `dies` is how likely a run is killed at a crash point. `wait` is
    what is configured; where `covered`, it is long enough for all that may happen.
    """

    kind: Kind
    wait: int
    rate: float
    kinds: frozenset[str]
    covered: bool = True
    dies: float = 0.0


FINE = Climate(Kind(), 120, 0.0, frozenset())


def climate(number: int, chance: Random) -> Climate:
    """Of ten schedules six have no lag, three a lag that the wait covers, and one a wait that is too short."""
    lag = 0 if number % 10 < 6 else chance.randint(1, 300)
    kind = Kind(
        lag=lag,
        told=chance.random() < 0.5,
        counts=chance.random() < 0.5,
        guarded=chance.random() < 0.3,
        repeats=chance.random() < 0.2,
        bulk=chance.choice((1, 3)),
    )
    kinds = chance.sample(WRITE_FAULTS, chance.randint(1, len(WRITE_FAULTS)))
    covered = number % 10 < 9
    wait = max(120, lag + LATE + SLACK) if covered else chance.choice((0, 30, 60))
    dies = chance.choice((0.0, 0.0, 0.02))
    return Climate(kind, wait, chance.uniform(0.1, 0.5), frozenset(kinds), covered, dies)


class Theatre(Stage):
    """A stage in memory that is set up anew for each schedule on the same database."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = Store.create("sqlite://", clock=self._now, entropy=lambda n: b"\x07" * n)
        self._empty = connect(":memory:")
        self._copy(self._empty, back=False)
        self._holder = this_process()
        self.account = "mia"

    def _now(self) -> datetime:
        return self.clock()

    def _copy(self, empty: Connection, *, back: bool) -> None:
        with self.store.reading() as connection:
            ours = connection.connection.driver_connection
            assert isinstance(ours, Connection)
            ours.rollback()
            source, target = (empty, ours) if back else (ours, empty)
            source.backup(target)

    def set(self, climate: Climate, chance: Random) -> None:
        """Begin anew, in another climate."""
        self._copy(self._empty, back=True)
        self.clock = Clock()
        self.climate, self.chance = climate, chance
        self.far = Far(self.clock, climate.kind)
        self.far.weather = self._weather
        self.person = MemoryEngineer(self.far)
        caps = replace(
            CAPS,
            bulk_create=climate.kind.bulk,
            guarded_update=climate.kind.guarded,
            stale_feed=climate.kind.lag > 0,
            visibility_lag_seconds=climate.wait,
        )
        tracker = Tracker("eng", far_side=self.far, caps=caps, page_size=2)
        table = TrackerRules(
            tracker="eng",
            account_kind=caps.account_kind,
            fields=caps.fields,
            body_format=caps.body_format,
            title_limit=caps.title_limit,
            body_limit=caps.body_limit,
            mark=MARK,
        )
        rules = Rules({"eng": table}, (Route("eng"),), (Person("mia@acme.example", {"memory": "mia"}),))
        self.engine = Engine(
            self.store,
            {"eng": tracker},
            rules,
            Safety(1000, 1.0),
            {"eng": climate.wait},
            {"eng": 24.0},
            self.clock,
            self.clock.sleep,
            crash=self._crash,
        )
        self.runs = 0
        self.back: datetime | None = None
        self.happened: Counter[str] = Counter()
        self.told: list[str] = []

    def sleep(self, seconds: float) -> None:
        self.clock.sleep(seconds)

    def run(self) -> Report | None:
        self.runs += 1
        mortal = replace(self._holder, started=f"life {self.runs}")
        try:
            report = self.engine.sync(f"run-{self.runs}", holder=mortal, agent=CRON)
        except Killed:
            self.far.killed = False
            self._tell("the run was killed")
            return None
        self._tell(f"run {self.runs}: {report.tally}")
        return report

    def calm(self) -> None:
        self._tell("from now on nothing goes wrong")
        self.climate = replace(self.climate, rate=0.0, dies=0.0)
        self.far.calm()

    def tickets(self) -> list[Shown]:
        there = [s for s in self.far.everything() if s.gone is None and s.marker_by == OURS]
        return [
            Shown(self.far.view(s), [(a.by.ours, str(a.text)) for a in s.log if a.kind is ActivityKind.COMMENT])
            for s in there
        ]

    def writes(self) -> int:
        return sum(call in WRITES for call in self.far.asked)

    def _weather(self, call: str) -> None:
        if self.back is not None and self.clock.now >= self.back:
            self.far.denied, self.back = False, None
        if self.chance.random() >= self.climate.rate:
            return
        possible = [f for f in (WRITE_FAULTS if call in WRITES else READ_FAULTS) if f in self.climate.kinds]
        if possible:
            self._happen(call, self.chance.choice(possible), self.chance.choice(SECONDS))

    def _happen(self, call: str, kind: str, seconds: int) -> None:
        self._tell(f"{call}: {kind}, {seconds} s")
        self.happened[kind] += 1
        if kind == "revoked":
            self.far.denied, self.back = True, self.clock.now + timedelta(seconds=5 * seconds)
        else:
            fault(self.far, call, kind, seconds)

    def _crash(self, point: str) -> None:
        if self.far.killed:
            raise Killed
        if self.climate.dies and self.chance.random() < self.climate.dies:
            self.far.killed = True
            self.happened["killed at a crash point"] += 1
            self._tell(f"killed at {point}")
            raise Killed

    def _tell(self, what: str) -> None:
        self.told.append(f"  {self.clock.now:%H:%M:%S} {what}")


CRON = Agent(Actor.SCHEDULE, "counterfoil", "cron")


@cache
def theatre() -> Theatre:
    """This process's stage."""
    return Theatre()


@cache
def fine_end(number: int) -> End:
    """How a story ends where nothing goes wrong."""
    stage = theatre()
    stage.set(FINE, Random(0))  # noqa: S311
    wrong = list(tell(stage, story(number), iter(lambda: 30.0, None), covered=True))
    ends = end(stage, stage.tickets())
    wrong += wrongs(stage, stage.tickets(), ends, ends, covered=True)
    if wrong:
        raise AssertionError(f"story {number} goes wrong by itself: {wrong}")
    return ends


def schedule(seed: int, number: int) -> Case:
    """One schedule, told by its seed and its number."""
    chance = Random(seed * 1_000_000_007 + number)  # noqa: S311
    which = chance.randrange(STORIES)
    wanted = fine_end(which)
    stage = theatre()
    weather = climate(number, chance)
    stage.set(weather, chance)
    turns = story(which)
    pauses = iter(lambda: float(chance.choice((1, 30, 70, 130, 400))), None)
    wrong = list(tell(stage, turns, pauses, covered=weather.covered))
    tickets = stage.tickets()
    wrong += wrongs(stage, tickets, end(stage, tickets), wanted, covered=weather.covered)
    counted = (("runs", float(stage.runs)), *((k, float(n)) for k, n in stage.happened.items()))
    if not wrong:
        return Case(number, also=counted)
    acts = [f"  before run {n}: {', '.join(map(str, acts))}" for n, acts in enumerate(turns, 1)]
    lines = [str(weather), *acts, *stage.told, *(f"  {name}: {words}" for name, words in wrong)]
    return Case(number, tuple(dict.fromkeys(name for name, _ in wrong)), counted, "\n".join(lines))


ROWS = {
    "R5": "fault schedules on a virtual clock",
    "R6": "the same, while the index lags by up to 300 s and the wait covers that",
    "R6, wait too short": "the same, with a wait too short for what the tracker does",
}
WRONG = (
    "duplicates",
    "lost",
    "unlinked",
    "other than without faults",
    "held",
    "still in doubt",
    "ledger unsound",
    "a further run had work",
    "a further run wrote",
    "error",
)


def row_of(number: int) -> str:
    """The row of the score sheet that a schedule belongs to."""
    return "R5" if number % 10 < 6 else "R6" if number % 10 < 9 else "R6, wait too short"


def campaign(size: int, seed: int, jobs: int, only: int | None) -> Iterator[Score]:
    """So many schedules, in three rows."""
    begun = monotonic()
    numbers = range(size) if only is None else [only]
    cases: dict[str, list[Case]] = {name: [] for name in ROWS}
    for case in spread("schedules", partial(schedule, seed), numbers, jobs, chunk=50):
        cases[row_of(case.number)].append(case)
    took = monotonic() - begun
    for name, some in cases.items():
        if some:
            again = f"make campaign NAME=schedules SIZE={size} SEED={seed}"
            yield Score(name, ROWS[name], len(some), _wrong(some), seed, took, again, _also(some))


def _wrong(cases: Iterable[Case]) -> dict[str, int]:
    counts = Counter(name for case in cases for name in case.wrong)
    return {name: counts[name] for name in WRONG}


def _also(cases: Iterable[Case]) -> dict[str, str]:
    sums: Counter[str] = Counter()
    for case in cases:
        sums.update({name: int(count) for name, count in case.also})
    runs = sums.pop("runs")
    return {"runs": f"{runs:,}", "faults": f"{sums.total():,}"} | {k: f"{n:,}" for k, n in sorted(sums.items())}
