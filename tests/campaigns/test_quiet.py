"""A small slice of the campaign of quiet runs."""

import pytest

from tests.campaigns import quiet
from tests.campaigns.spread import Crew


def test_a_run_with_nothing_changed_asks_once_and_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet, "KINDS", ("github",))
    [score] = quiet.campaign(3, 1, Crew(), None)
    assert (score.row, score.cases) == ("P1, github", 3)
    assert score.passed, score.wrong
