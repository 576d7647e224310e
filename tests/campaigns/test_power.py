"""A slice of the campaign over power cuts: some moments of one sync, and what must be synced when."""

from pathlib import Path

import pytest

from tests.campaigns import tracing
from tests.campaigns.power import COMMANDS, is_kept, recorded, try_one, unannounced
from tests.campaigns.syscalls import evenly

pytestmark = pytest.mark.skipif(bool(tracing.usable()), reason=f"no system call can be watched: {tracing.usable()}")


def test_after_a_power_cut_it_comes_to_the_same_end(root: Path) -> None:
    many = len(list(recorded(root, "github").moments()))
    states = [("github", place) for place in evenly(many, 3)]
    assert [case for case in (try_one(root, 1, states, number) for number in range(3)) if case.wrong] == []


def test_no_request_is_sent_before_its_intention_is_synced(root: Path, tmp_path: Path) -> None:
    found = list(unannounced(recorded(root, "github"), tmp_path / "found"))
    assert len(found) >= 5
    assert not any(found)


@pytest.mark.parametrize("words", [COMMANDS[0], COMMANDS[-1]], ids=" ".join)
def test_what_a_command_did_is_synced_when_it_ends(root: Path, words: tuple[str, ...]) -> None:
    assert is_kept(root, "github", words)
