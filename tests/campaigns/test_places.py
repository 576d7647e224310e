"""What a campaign starts ends with it, so that one that is killed leaves nothing behind."""

import os
import select
import signal
import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from connectors.sandbox.__main__ import load
from connectors.sandbox.server import SandboxServer
from sync.app.crashing import VARIABLE
from tests import program
from tests.campaigns.clocks import Shared
from tests.campaigns.places import Place, both_sides, serving, wrong_with


@pytest.mark.parametrize("number", [0, 1])
def test_a_command_goes_by_the_clock_of_its_case_whether_it_is_forked_or_newly_started(
    tmp_path: Path, number: int
) -> None:
    clock = Shared(tmp_path / "clock")
    place = Place.made(tmp_path / "place", "github", clock).tried(number)
    assert place.anew is (number == 0)
    place.run("init")
    clock.sleep(90_000)
    added = place.ask("item", "add", "Rotate the deploy keys")
    assert datetime.fromisoformat(added["created_at"]) > datetime.now(UTC) + timedelta(seconds=80_000)
    ended = place.run("sync", environment={VARIABLE: "lease.after"})
    assert ended.code == -signal.SIGKILL


def test_counting_records_leaves_the_files_of_the_database_as_a_killed_run_left_them(tmp_path: Path) -> None:
    place = Place.made(tmp_path / "place", "github")
    place.run("init")
    place.run("item", "add", "Rotate the deploy keys")
    place.run("sync", environment={VARIABLE: "lease.after"})
    log = place.database.with_name("counterfoil.db-wal")
    left = place.database.read_bytes(), log.read_bytes()
    assert place.records() > 0
    assert place.in_doubt() == 0
    assert (place.database.read_bytes(), log.read_bytes()) == left


def test_what_stands_in_a_tracker_for_no_item_is_nobodys_duplicate_and_a_second_ticket_is(tmp_path: Path) -> None:
    place = Place.made(tmp_path / "place", "github")
    place.run("init")
    with place.served(), place.engineer() as mia:
        ref = place.ask("item", "add", "Rotate the deploy keys")["ref"]
        place.ask("sync")
        key = place.ask("item", "show", ref)["ticket"]["key"]
        pulls = [mia.open_pull(key), mia.open_pull(key)]
        place.ask("sync")
    assert len(set(pulls)) == 2
    assert wrong_with(place, both_sides(place)) == []
    with place.served(), place.engineer() as mia:
        httpx.post(
            f"http://127.0.0.1:{place.port}/repos/acme/platform/issues",
            json={"title": "Rotate the deploy keys", "body": mia.issue(key)["body"]},
            headers={"Authorization": "Bearer token-mia-krystof"},
            trust_env=False,
        ).raise_for_status()
    assert wrong_with(place, both_sides(place)) == ["duplicates"]


def test_what_stands_in_the_database_otherwise_than_its_records_tell_is_wrong(tmp_path: Path) -> None:
    place = Place.made(tmp_path / "place", "github")
    place.run("init")
    with place.served():
        place.ask("item", "add", "Rotate the deploy keys")
        place.ask("sync")
    with closing(sqlite3.connect(place.database)) as other, other:
        other.execute("UPDATE item SET owner = 'mallory@acme.example'")
    assert wrong_with(place, both_sides(place)) == ["ledger unsound"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has ended")
@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGTERM])
def test_a_tracker_ends_with_the_process_that_started_it_however_that_ends(blow: signal.Signals) -> None:
    watched, held = os.pipe()
    campaign = program.fork()
    if campaign == 0:
        with serving(lambda: SandboxServer(load("github"))):
            os.write(held, b".")
            signal.pause()
    os.close(held)
    assert os.read(watched, 1) == b"."
    os.kill(campaign, blow)
    os.waitpid(campaign, 0)
    ended, _, _ = select.select([watched], [], [], 30)
    assert ended
    assert os.read(watched, 1) == b""
    os.close(watched)
