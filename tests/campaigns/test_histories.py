"""Random histories as a campaign; a slice of them runs in `tests/histories`."""

import pytest
from hypothesis.stateful import rule

from tests.campaigns import histories
from tests.histories.machine import Histories


class Unlucky(Histories):
    """A machine in which one more thing may happen."""

    @rule()
    def break_down(self) -> None:
        raise AssertionError("it broke")


def test_a_history_that_fails_is_told_as_the_shortest_program_that_repeats_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(histories, "EXAMPLES", 5)
    monkeypatch.setattr(histories, "STEPS", 3)
    case = histories.histories(1, 0, Unlucky)
    assert case.wrong == ("did not come to rest in order",)
    told = case.story.splitlines()
    assert "AssertionError: it broke" in told
    begin = told.index("state = Histories()")
    assert told[begin + 1].startswith("state.start(")
    assert told[begin + 2] == "state.break_down()"
