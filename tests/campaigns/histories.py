"""Random histories of both sides: people, faults, crashes and second runs, and all comes to rest in order."""

import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from traceback import format_exception

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.reporting import with_reporter
from hypothesis.stateful import run_state_machine_as_test

from tests.campaigns.sheet import Score
from tests.campaigns.spread import Case, Crew, seconds, spread
from tests.histories.machine import Histories
from tests.histories.slate import on_server
from tests.postgresql import Absent, own

FULL = 5_000
_FEWER = 10
"""One history in so many is told on PostgreSQL too."""
EXAMPLES = 25
"""How many histories make one case, since Hypothesis finds more where one history leads to the next."""

STEPS = int(os.environ.get("COUNTERFOIL_HISTORY_STEPS", "50"))


def histories(start: int, number: int, machine: type[Histories] = Histories, server: str = "") -> Case:
    """So many histories of `STEPS` steps; one that fails is shrunk, and its story is the program that repeats it.

    They are kept on the PostgreSQL server of the URL `server`, if there is one.
    """
    lines: list[object] = []
    kept = {"slate": property(lambda _: on_server(server))} if server else {}
    wanted = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    seeded = seed(start * 1_000_003 + number)(type("Histories", (machine,), kept))
    try:
        with with_reporter(lines.append):
            run_state_machine_as_test(seeded, settings=wanted)
    except Exception as failure:  # noqa: BLE001
        story = "".join([*format_exception(failure, limit=-4), *map(str, lines)])
        return Case(number, ("did not come to rest in order",), story=story)
    return Case(number)


def campaign(size: int, seed: int, crew: Crew, only: int | None) -> Iterator[Score]:
    """So many histories, a case at a time, and a part of them on PostgreSQL too."""
    yield _row("R7", partial(histories, seed), size, FULL, seed, crew, only)
    try:
        with own() as server:
            url = server.url.render_as_string(hide_password=False)
            try_one = partial(histories, seed, server=url)
            yield _row("R7, PostgreSQL", try_one, -(-size // _FEWER), FULL // _FEWER, seed, crew, only)
    except Absent as absent:
        print(f"no row for PostgreSQL, for which a server of our own is needed: {absent}", file=sys.stderr)


def _row(
    row: str, try_one: Callable[[int], Case], size: int, full: int, seed: int, crew: Crew, only: int | None
) -> Score:
    numbers = range(-(-size // EXAMPLES)) if only is None else [only]
    cases = list(spread(row, try_one, numbers, crew))
    wrong = {"did not come to rest in order": sum(bool(case.wrong) for case in cases)}
    again = f"python -m tests.campaigns histories --size {size} --seed {seed}"
    what = f"random histories of {STEPS} steps each: people on both sides, faults, crashes, second runs"
    return Score(row, what, len(cases) * EXAMPLES, wrong, seed, seconds(cases), again, full=full)
