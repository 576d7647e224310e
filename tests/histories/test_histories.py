"""Random histories: whatever people do on both sides and whatever goes wrong, the engine comes to rest in order.

A slice with a fixed seed; `make campaign NAME=histories` runs many more, and prints what fails as a program.
"""

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.histories.machine import Histories


def test_whatever_happens_it_comes_to_rest() -> None:
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=60,
            stateful_step_count=25,
            derandomize=True,
            database=None,
            phases=(Phase.generate,),
            deadline=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
