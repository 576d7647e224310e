"""Later due dates: what is decided stands as it was taken, and the history tells each change once."""

from datetime import date
from typing import Any

import pytest

from state.acceptance import DueChange
from state.effects import Effects
from state.errors import LeaseLost, StateError
from sync.postponing import Postponing, history
from tests.sync.test_accepting import RUTH, deciding, overtaken

FIRST, LATER = date(2026, 12, 20), date(2027, 2, 1)


def postponing(world: Any) -> Postponing:
    return Postponing(deciding(world), world.clock)


def ask(world: Any, ref: str) -> DueChange:
    asked = DueChange(ref, FIRST, LATER, "tom@acme.example", world.clock(), "eng")
    world.store.commit(None, Effects(later=[(asked, world.because())]))
    return asked


def test_a_change_by_hand_is_told_beside_an_approved_one_of_the_same_dates(world: Any) -> None:
    ref = world.add().ref
    world.edit(ref, due_date=LATER)
    world.edit(ref, due_date=FIRST)
    ask(world, ref)
    postponing(world).approve(ref, RUTH, world.because())
    told = [(each.before, each.after, each.verdict) for each in history(world.store, ref)]
    assert told == [(FIRST, LATER, "made"), (LATER, FIRST, "made"), (FIRST, LATER, "approved")]


def test_a_decision_that_a_run_overtook_is_not_written(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ref = world.add().ref
    ask(world, ref)
    overtaken(world, monkeypatch)
    with pytest.raises(LeaseLost):
        postponing(world).approve(ref, RUTH, world.because())
    assert world.item(ref).due_date == FIRST


def test_nothing_is_decided_about_a_date_that_nobody_asks_for(world: Any) -> None:
    ref = world.add().ref
    asked = ask(world, ref)
    postponing(world).reject(ref, RUTH, world.because("no"))
    decided = DueChange(ref, FIRST, LATER, asked.requester, world.clock(), verdict="approved", decided_at=world.clock())
    with pytest.raises(StateError, match="not asked for any more"):
        world.store.commit(None, Effects(later=[(decided, world.because())]))
