"""A slice of the campaign of kills: with each kind of tracker a run is killed once, and several in a row."""

from pathlib import Path

import pytest

from sync.app.crashing import POINTS
from tests.campaigns.crashes import killed_often, killed_once


@pytest.mark.parametrize(("which", "point"), [*enumerate(("request.after", "seal.after", "anchor.before"))])
def test_killed_at_any_points_and_resumed_both_sides_look_as_if_nothing_had_happened(
    root: Path, which: int, point: str
) -> None:
    once = killed_once(root, 1, which * len(POINTS) + POINTS.index(point))
    assert once.wrong == (), once.story
    assert dict(once.also) == {point: 1}
    often = killed_often(root, 1, which * 5 + 1)
    assert often.wrong == (), often.story
