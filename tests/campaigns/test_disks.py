"""A slice of the campaign against the database: each way to break it, once."""

import pytest

from tests.campaigns import disks


@pytest.mark.parametrize("number", range(len(disks.KINDS)), ids=list(disks.KINDS))
def test_a_broken_database_is_told_and_nothing_is_doubled_or_lost(number: int) -> None:
    case = disks.attempt(number, seed=7)
    assert case.wrong == (), case.story


def test_what_a_tracker_did_before_the_disk_was_full_is_found_again() -> None:
    for seed in range(2, 12):
        case = disks.attempt(list(disks.KINDS).index("filling"), seed)
        assert case.wrong == (), case.story
        if ("full after the tracker had done it", 1.0) in case.also:
            return
    pytest.fail("the disk was never full there")
