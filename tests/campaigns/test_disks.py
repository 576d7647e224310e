"""A slice of the campaign against the database: each way to break it, once."""

import pytest

from tests.campaigns import disks


@pytest.mark.parametrize("number", range(len(disks.KINDS)), ids=list(disks.KINDS))
def test_a_broken_database_is_told_and_nothing_is_doubled_or_lost(number: int) -> None:
    case = disks.attempt(number, seed=7)
    assert case.wrong == (), case.story
