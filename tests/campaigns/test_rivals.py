"""A slice of the campaign of rivals: eight runs at once, and runs that stand still past their lease."""

from pathlib import Path

from tests.campaigns.rivals import at_once, stopped


def test_of_eight_runs_begun_at_once_each_has_its_turn_or_says_who_has_it(root: Path) -> None:
    case = at_once(root, 1, 2)
    assert case.wrong == (), case.story
    assert dict(case.also)["runs"] == 8


def test_a_run_woken_past_its_lease_writes_nothing_more(root: Path) -> None:
    cases = [stopped(root, 1, number) for number in (1, 5)]
    assert [case.wrong for case in cases] == [(), ()], [case.story for case in cases]
    assert [dict(case.also) for case in cases] == [{"stopped": 1, "late requests": 0}] * 2
