"""Fault schedules on a virtual clock: calls go wrong in every way, and all comes to rest as if nothing had."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache, partial
from random import Random

from connectors.sandbox.far_side import OURS
from connectors.sandbox.memory import CAPS
from connectors.sandbox.memory_bench import MemoryEngineer
from state.model import HoldKind
from state.ticket import ActivityKind
from tests.campaigns.sheet import Score
from tests.campaigns.spread import Case, Crew, spread
from tests.histories import weather
from tests.histories.story import STORIES, End, Shown, end, story, tell, wrongs
from tests.histories.theatre import Theatre
from tests.histories.weather import WRITES, Far, Kind, Tracker, fault

FULL = 1_000_000
LATE = 60
"""How many seconds late a lost request may still be done."""

SLACK = 30
"""What the wait covers beyond the tracker's lag and its late work: slow calls on the way."""

_TIME = ("revoked", "slow before", "slow after")
WRITE_FAULTS = (*(f for f in weather.WRITE_FAULTS if f != "refused"), *_TIME)
READ_FAULTS = (*weather.READ_FAULTS, *_TIME)
SECONDS = (2, 20, 45, LATE)
TELLINGS = 5
"""So many schedules after each other tell one story, which has to be told once more without faults for them."""

ROWS = {
    "R5": "fault schedules on a virtual clock",
    "R6": "the same, while the index lags by up to 300 s and the wait covers that",
    "R6, wait too short": "the same, with a wait too short for what the tracker does: more than one ticket is a hold",
}
WRONG = (
    "duplicates",
    "lost",
    "unlinked",
    "evidence twice",
    "asked for twice",
    "two standing comments",
    "other than without faults",
    "held",
    "still in doubt",
    "ledger unsound",
    "a further run had work",
    "a further run wrote",
    "error",
)


def row_of(number: int) -> str:
    """Of ten schedules six have no lag, three a lag that the wait covers, and one a wait that is too short."""
    return "R5" if number % 10 < 6 else "R6" if number % 10 < 9 else "R6, wait too short"


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
    """The climate of one schedule."""
    row = row_of(number)
    lag = 0 if row == "R5" else chance.randint(1, 300)
    kind = Kind(
        lag=lag,
        told=chance.random() < 0.5,
        counts=chance.random() < 0.5,
        repeats=chance.random() < 0.2,
        bulk=chance.choice((1, 3)),
    )
    kinds = chance.sample(WRITE_FAULTS, chance.randint(1, len(WRITE_FAULTS)))
    covered = row in ("R5", "R6")
    wait = max(120, lag + LATE + SLACK) if covered else chance.choice((0, 30, 60))
    return Climate(kind, wait, chance.uniform(0.1, 0.5), frozenset(kinds), covered, chance.choice((0.0, 0.0, 0.02)))


class Memory(Theatre):
    """A stage with a tracker in memory, where faults are the errors of the contract."""

    account = "mia"

    def set(self, climate: Climate, chance: Random) -> None:
        """Begin anew, in another climate."""
        self.clear(chance, climate.rate, climate.dies)
        self.kinds = climate.kinds
        self.back: datetime | None = None
        self.far = Far(self.clock, climate.kind)
        self.far.weather = self._weather
        self.person = MemoryEngineer(self.far)
        caps = replace(
            CAPS,
            bulk_create=climate.kind.bulk,
            stale_feed=climate.kind.lag > 0,
            visibility_lag_seconds=climate.wait,
        )
        self.employ(Tracker("eng", far_side=self.far, caps=caps, page_size=2), climate.wait)

    def calm(self) -> None:
        super().calm()
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
        if self.far.denied or not self.goes_wrong():
            return
        possible = [f for f in (WRITE_FAULTS if call in WRITES else READ_FAULTS) if f in self.kinds]
        if possible:
            self._happen(call, self.chance.choice(possible), self.chance.choice(SECONDS))

    def _happen(self, call: str, kind: str, seconds: int) -> None:
        self.tell(f"{call}: {kind}, {seconds} s")
        self.happened[kind] += 1
        if kind == "revoked":
            self.far.denied, self.back = True, self.clock.now + timedelta(seconds=5 * seconds)
        else:
            self.dead |= kind.startswith("killed")
            fault(self.far, call, kind, seconds)


@cache
def stage() -> Memory:
    """This process's stage."""
    return Memory()


@cache
def fine_end(number: int) -> End:
    """How a story ends where nothing goes wrong."""
    stage().set(FINE, Random(0))  # noqa: S311
    return without_faults(stage(), number)


@cache
def compiled() -> None:
    """Have this process compile most of what a run asks a file: a tenth of the time of a run that is forked from it."""
    for number in range(12):
        fine_end(number)


def without_faults(theatre: Theatre, number: int) -> End:
    """How a story ends on this stage, on which nothing may go wrong."""
    wrong = list(tell(theatre, story(number), iter(lambda: 30.0, None), covered=True))
    tickets = theatre.tickets()
    ends = end(theatre, tickets)
    wrong += wrongs(theatre, tickets, ends, ends, covered=True)
    if wrong:
        raise AssertionError(f"story {number} goes wrong by itself: {wrong}\n" + "\n".join(theatre.told))
    return ends


def story_of(seed: int, number: int) -> int:
    """The number of the story that a schedule tells."""
    return (seed + number // TELLINGS) % STORIES


def schedule(seed: int, number: int) -> Case:
    """One schedule, told by its seed and its number."""
    chance = Random(seed * 1_000_000_007 + number)  # noqa: S311
    which = story_of(seed, number)
    wanted = fine_end(which)
    meets = climate(number, chance)
    stage().set(meets, chance)
    return judged(stage(), number, which, wanted, str(meets), covered=meets.covered)


def judged(theatre: Theatre, number: int, which: int, wanted: End, meets: str, *, covered: bool) -> Case:
    """Tell a story on a stage where things go wrong, and say what became of it."""
    turns = story(which)
    wrong = list(tell(theatre, turns, theatre.pauses(), covered=covered))
    tickets = theatre.tickets()
    wrong += wrongs(theatre, tickets, end(theatre, tickets), wanted, covered=covered)
    twice = sum(len(shown.said) - len(set(shown.said)) for shown in tickets)
    counted: tuple[tuple[str, float], ...] = (("runs", float(theatre.runs)), ("twice", float(twice)))
    counted += tuple((k, float(n)) for k, n in theatre.happened.items())
    counted += (("many", float(sum(hold.kind is HoldKind.MANY_TICKETS for hold in theatre.store.holds(None)))),)
    acts = [f"  before run {n}: {', '.join(map(str, acts))}" for n, acts in enumerate(turns, 1)]
    lines = [meets, *acts, *theatre.told, *(f"  {name}: {words}" for name, words in wrong)] if wrong else []
    return Case(number, tuple(dict.fromkeys(name for name, _ in wrong)), counted, "\n".join(lines))


def campaign(size: int, seed: int, crew: Crew, only: int | None) -> Iterator[Score]:
    """So many schedules, in three rows."""
    again = f"make campaign NAME=schedules SIZE={size} SEED={seed}"
    numbers = range(size) if only is None else range(only, only + 1)
    yield from scores("schedules", partial(schedule, seed), numbers, crew, seed, again, row_of, ROWS)


def scores(
    name: str,
    try_one: Callable[[int], Case],
    numbers: range,
    crew: Crew,
    seed: int,
    again: str,
    row_of: Callable[[int], str],
    rows: Mapping[str, str],
) -> Iterator[Score]:
    """Try them all, and sum them up by row."""
    took = 0.0
    cases: Counter[str] = Counter()
    wrong = {row: Counter[str]() for row in rows}
    also = {row: Counter[str]() for row in rows}
    for case in spread(name, try_one, numbers, crew, chunk=20):
        row = row_of(case.number)
        took += case.seconds
        cases[row] += 1
        wrong[row].update(case.wrong)
        also[row].update({key: int(count) for key, count in case.also})
    for row, what in rows.items():
        if cases[row]:
            counts = {key: wrong[row][key] for key in WRONG}
            yield Score(row, what, cases[row], counts, seed, took, again, _told(also[row]))


def _told(also: Counter[str]) -> dict[str, str]:
    runs, twice, many = also.pop("runs"), also.pop("twice"), also.pop("many")
    kinds = {k: n for k, n in sorted(also.items()) if not k.startswith("at ")}
    told = {
        "runs": runs,
        "comments said twice": twice,
        "more than one ticket, and held": many,
        "faults": sum(kinds.values()),
        **kinds,
    }
    if len(kinds) < len(also):
        told["kinds of fault at kinds of request"] = len(also) - len(kinds)
    return {k: f"{n:,}" for k, n in told.items()}
