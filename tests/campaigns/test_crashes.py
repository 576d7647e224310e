"""A slice of the campaign of kills: with each kind of tracker a run is killed once, and several in a row."""

from pathlib import Path

import pytest

from sync.app.crashing import POINTS
from tests.campaigns.crashes import killed_often, killed_once


@pytest.mark.parametrize("which", range(3))
def test_killed_at_any_points_and_resumed_both_sides_look_as_if_nothing_had_happened(root: Path, which: int) -> None:
    once = killed_once(root, 1, which * len(POINTS) + POINTS.index("request.after"))
    assert once.wrong == (), once.story
    often = killed_often(root, 1, which * 5)
    assert often.wrong == (), often.story
    assert sum(number for _, number in (*once.also, *often.also)) > 0
