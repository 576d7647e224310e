"""A slice of the fault schedules: whatever goes wrong, all comes to rest as if nothing had."""

import pytest

from tests.campaigns.schedules import ROWS, row_of, schedule, story_of

SIZE = 40
PARTS = 8


@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_goes_wrong_all_comes_to_rest_as_if_nothing_had(part: int) -> None:
    """Those that tell the same stories are of one part, so that one process alone finds out how each is to end."""
    for number in (number for number in range(SIZE) if story_of(1, number) % PARTS == part):
        case = schedule(1, number)
        assert not case.wrong, f"schedule {number}: {', '.join(case.wrong)}\n{case.story}"


def test_every_row_of_the_sheet_has_its_share() -> None:
    assert {row_of(number) for number in range(SIZE)} == ROWS.keys()
