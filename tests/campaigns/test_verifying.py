"""A small slice of the campaign that measures `audit verify`."""

import pytest

from tests.campaigns import verifying
from tests.campaigns.spread import Crew


def test_a_ledger_that_was_signed_all_along_is_found_anchored_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "TIMES", 1)
    [score] = verifying.campaign(250, 1, Crew(), None)
    assert (score.row, score.cases) == ("A6", 250)
    assert score.passed, score.wrong
