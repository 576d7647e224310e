"""A slice of the fault schedules over HTTP: whatever comes over the line, all comes to rest as if nothing had."""

import pytest

from tests.campaigns.storms import KINDS, ROWS, row_of, storm
from tests.histories.line import AFTER, BEFORE

SIZE = 10
PARTS = 4


@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_comes_over_http_all_comes_to_rest_as_if_nothing_had_happened(part: int) -> None:
    for number in range(part, SIZE, PARTS):
        case = storm(1, number)
        assert not case.wrong, f"storm {number}: {', '.join(case.wrong)}\n{case.story}"


def test_every_row_and_every_kind_of_fault_has_its_share() -> None:
    assert {row_of(number) for number in range(SIZE)} == ROWS.keys()
    assert {*BEFORE, *AFTER} < set(KINDS)
