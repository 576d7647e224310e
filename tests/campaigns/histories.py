"""Random histories of both sides: people, faults, crashes and second runs, and all comes to rest in order."""

import os
from collections.abc import Iterator
from functools import partial
from traceback import format_exception

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.reporting import with_reporter
from hypothesis.stateful import run_state_machine_as_test

from tests.campaigns.sheet import Score
from tests.campaigns.spread import Case, Crew, seconds, spread
from tests.histories.machine import Histories

FULL = 5_000
EXAMPLES = 25
"""How many histories make one case, since Hypothesis finds more where one history leads to the next."""

STEPS = int(os.environ.get("COUNTERFOIL_HISTORY_STEPS", "50"))


def histories(start: int, number: int, machine: type[Histories] = Histories) -> Case:
    """So many histories of `STEPS` steps; one that fails is shrunk, and its story is the program that repeats it."""
    lines: list[object] = []
    wanted = settings(
        max_examples=EXAMPLES,
        stateful_step_count=STEPS,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        deadline=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    seeded = seed(start * 1_000_003 + number)(type("Histories", (machine,), {}))
    try:
        with with_reporter(lines.append):
            run_state_machine_as_test(seeded, settings=wanted)
    except Exception as failure:  # noqa: BLE001
        story = "".join([*format_exception(failure, limit=-4), *map(str, lines)])
        return Case(number, ("did not come to rest in order",), story=story)
    return Case(number)


def campaign(size: int, seed: int, crew: Crew, only: int | None) -> Iterator[Score]:
    """So many histories, a case at a time."""
    numbers = range(-(-size // EXAMPLES)) if only is None else [only]
    cases = list(spread("histories", partial(histories, seed), numbers, crew))
    wrong = {"did not come to rest in order": sum(bool(case.wrong) for case in cases)}
    again = f"make campaign NAME=histories SIZE={size} SEED={seed}"
    what = f"random histories of {STEPS} steps each: people on both sides, faults, crashes, second runs"
    yield Score("R7", what, len(cases) * EXAMPLES, wrong, seed, seconds(cases), again, full=FULL)
