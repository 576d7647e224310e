"""One run at a time, and a stolen lease that writes nothing."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from state import lease
from state.effects import Effects, Feed, ItemChange, Note
from state.lease import Holder, is_dead, this_process
from state.store import LeaseHeld, LeaseLost, Store

if TYPE_CHECKING:
    from tests.state.conftest import Book

HERE = Holder("here", 100)
THERE = Holder("there", 200)


def test_the_lease_is_held_by_one(book: "Book") -> None:
    book.store.take_lease(HERE, 60)
    with pytest.raises(LeaseHeld, match="process 100 on here") as caught:
        book.store.take_lease(THERE, 60)
    assert caught.value.since == book.clock()
    assert (caught.value.expires - book.clock()).total_seconds() == 60


def test_a_released_lease_is_free_at_once_and_its_token_is_spent(book: "Book") -> None:
    first = book.store.take_lease(HERE, 60)
    book.store.release_lease(first)
    with pytest.raises(LeaseLost):
        book.store.commit(first, Effects())
    assert book.store.take_lease(THERE, 60).token == first.token + 1


def test_a_lease_that_ran_out_is_taken_over_and_fences_its_holder_off(book: "Book") -> None:
    item = book.item()
    old = book.store.take_lease(HERE, 60)
    book.clock.forward(61)
    new = book.store.take_lease(THERE, 60)
    before = book.records()
    effects = Effects(
        begun=[book.intent("i1")],
        changes=[ItemChange(item.ref, {"title": "Stolen"}, book.because)],
        notes=[Note("ticket.written", item.ref, book.because)],
        feeds=[Feed("eng", rules="x")],
    )
    with pytest.raises(LeaseLost):
        book.store.commit(old, effects)
    with pytest.raises(LeaseLost):
        book.store.renew_lease(old, 60)
    assert book.records() == before
    assert book.store.open_intents() == []
    assert book.store.item(item.ref) == item
    assert book.store.feed("eng") == Feed("eng")
    book.store.release_lease(old)
    book.store.commit(new, effects)


def test_a_lease_that_ran_out_but_nobody_took_still_writes(book: "Book") -> None:
    lease = book.store.take_lease(HERE, 60)
    book.clock.forward(120)
    book.store.commit(lease, Effects(feeds=[Feed("eng", rules="x")]))
    assert book.store.feed("eng").rules == "x"


def test_renewing_moves_the_end(book: "Book") -> None:
    lease = book.store.take_lease(HERE, 60)
    book.clock.forward(50)
    assert (book.store.renew_lease(lease, 60).expires_at - book.clock()).total_seconds() == 60
    book.clock.forward(50)
    with pytest.raises(LeaseHeld):
        book.store.take_lease(THERE, 60)


def _child(book: "Book", then: str) -> str:
    return (
        "import datetime, os, sys\nfrom state.store import LeaseHeld, Store, this_process\n"
        f"store = Store.open({book.url!r}, clock=lambda: datetime.datetime.fromisoformat('{book.clock()}'))\n"
        f"try:\n    store.take_lease(this_process(), 600)\nexcept LeaseHeld:\n    print('held')\nelse:\n    {then}\n"
    )


def _run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False).stdout.strip()


@pytest.mark.skipif(not this_process().boot, reason="this system does not tell which processes live")
def test_a_process_that_was_killed_holds_nothing(book: "Book") -> None:
    assert _run(_child(book, "print('taken', flush=True); os.kill(os.getpid(), 9)")) == "taken"
    assert book.store.take_lease(this_process(), 60).token == 2


@pytest.mark.skipif(not this_process().boot, reason="this system does not tell which processes live")
def test_a_living_process_keeps_the_lease_from_another(book: "Book") -> None:
    book.store.take_lease(this_process(), 600)
    assert _run(_child(book, "print('taken')")) == "held"


@pytest.mark.skipif(not this_process().boot, reason="this system does not tell which processes live")
def test_a_process_number_used_again_is_another_process() -> None:
    me = this_process()
    assert me.pid == os.getpid()
    assert not is_dead(me, me)
    assert is_dead(replace(me, started="1"), me)


@pytest.mark.skipif(not this_process().boot, reason="this system does not tell which processes live")
def test_a_process_that_the_system_hides_counts_as_alive_until_it_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    me, (shown, waiting) = this_process(), os.pipe()
    with subprocess.Popen([sys.executable, "-c", "import os; os.read(0, 1)"], stdin=shown) as other:
        held = replace(me, pid=other.pid, started="1")
        dead = [is_dead(held, me)]
        monkeypatch.setattr(lease, "_PROC", tmp_path)
        dead.append(is_dead(held, me))
        os.close(shown)
        os.close(waiting)
    assert [*dead, is_dead(held, me)] == [True, False, True]


def test_another_machine_or_an_unknown_boot_is_never_called_dead() -> None:
    me = this_process()
    gone = replace(me, started="1")
    assert not is_dead(replace(gone, host="elsewhere"), me)
    assert not is_dead(replace(gone, boot="before"), me)
    assert not is_dead(Holder(me.host, 1), me)


def test_commands_outside_a_run_need_no_lease(book: "Book") -> None:
    book.store.take_lease(HERE, 60)
    other = Store.open(book.url, clock=book.clock)
    other.commit(None, Effects(feeds=[Feed("eng", rules="x")]))
    other.close()
    assert book.store.feed("eng").rules == "x"
