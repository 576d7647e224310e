"""Twelve questions of an auditor about a year, answered from the pack alone and compared with what was done in it."""

import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date, timedelta
from fcntl import LOCK_EX, flock
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from sync.report.forms import FORMS, OF_FIELDS
from tests.databases import Databases, Files, OnServer
from tests.e2e.auditor import Tables
from tests.e2e.chapters import whole
from tests.e2e.premises import premises
from tests.e2e.year import BEGIN, FIRST, LAST, Truth, Year

ON_A_SERVER = int(os.environ.get("COUNTERFOIL_YEAR", "40"))
"""Of how many items the year on PostgreSQL is; 300 have been asked about there as well, which takes a minute more."""
PROOF = "record-7.tlog-proof"
DAYS = [FIRST + timedelta(days=n) for n in range(3, 365, 3)]


@dataclass(frozen=True)
class Audit:
    """What was done in a year, and what an auditor has of it: the pack, and from elsewhere key and checkpoints."""

    truth: Truth
    tables: Tables
    pack: Path
    key: str
    share: Path

    def verdict(self, pack: Path, *more: str) -> tuple[int, str]:
        """What the program in the pack says of a pack, run as an auditor runs it who knows that a copy was put back."""
        program = [sys.executable, "-I", str(self.tables.folder / "verify.py")]
        options = ["--pubkey", self.key, "--checkpoints", str(self.share), *(more or ("--epoch", "2"))]
        done = subprocess.run([*program, str(pack), *options], check=False, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stdout + done.stderr


def spend(folder: Path, databases: Databases, size: int) -> None:
    """Have a year pass over so many items, and leave in the folder its pack, unpacked too, and what was done in it."""
    with premises(folder, databases, BEGIN) as at:
        year = Year(at, size)
        whole(year)
        period = ("--from", str(FIRST), "--to", str(LAST))
        year.run("kim", "audit", "pack", *period, "--out", str(folder / "pack.zip"), expect=(0,))
        year.run("kim", "audit", "prove", "7", "--out", str(folder / PROOF), expect=(0,))
    with ZipFile(folder / "pack.zip") as zipped:
        zipped.extractall(folder / "pack")
    (folder / "truth").write_bytes(pickle.dumps((year.truth, year.key)))


def on_sqlite(_: pytest.FixtureRequest, folder: Path) -> None:
    spend(folder, Files(folder, {}, lambda: folder), 300)


def on_postgresql(request: pytest.FixtureRequest, folder: Path) -> None:
    with closing(OnServer(request.getfixturevalue("postgresql"), {})) as databases:
        spend(folder, databases, ON_A_SERVER)


SPENT = {"sqlite": on_sqlite, "postgresql": on_postgresql}


@pytest.fixture(scope="session", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def audited(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Audit:
    """The year, which passes once, however many processes share the tests."""
    alone = worker_id == "master"
    folder = tmp_path_factory.mktemp("year") if alone else tmp_path_factory.getbasetemp().parent / "year"
    folder = folder / request.param
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not (folder / "truth").exists():
            SPENT[request.param](request, folder)
    truth, key = pickle.loads((folder / "truth").read_bytes())  # noqa: S301
    return Audit(truth, Tables.of(folder / "pack"), folder / "pack.zip", key, folder / "share")


def accepted(truth: Truth) -> set[Any]:
    return {(a.item, a.requester, tuple(sorted(a.approvers)), a.why, a.until, a.became) for a in truth.accepted}


def test_the_year_has_every_action_that_is_ever_recorded(audited: Audit) -> None:
    kinds = {row["action"] for row in audited.tables.rows["events"]}
    assert {*FORMS, *OF_FIELDS} - kinds == {"ticket.archived", "ticket.unarchived"}, (
        "Jira Data Center alone shows those"
    )
    assert json.loads((audited.tables.folder / "completeness.json").read_bytes())["strange"] == {}
    ended = {row["status"] for row in audited.tables.rows["items"]}
    assert ended == {"open", "in_progress", "resolved", "accepted_as_risk"}


def test_which_items_were_open_on_a_given_day(audited: Audit) -> None:
    wrong = {day: audited.tables.open_on(day) ^ audited.truth.open_on(day) for day in DAYS}
    assert {day: refs for day, refs in wrong.items() if refs} == {}
    at_last = {row["item"] for row in audited.tables.rows["items"] if row["status"] in ("open", "in_progress")}
    assert at_last == audited.truth.open_on(LAST)


def test_who_accepted_which_risk_why_until_when_and_was_not_who_asked(audited: Audit) -> None:
    answer = audited.tables.accepted()
    assert answer == accepted(audited.truth)
    assert [each for each in answer if each[1] in each[2]] == []
    assert {row["approver_asked_for_it"] for row in audited.tables.rows["acceptances"]} == {"no"}


def test_what_proves_that_an_item_was_fixed_and_that_the_file_is_that_one(audited: Audit) -> None:
    told = {ref: audited.tables.proofs(ref) for ref in audited.truth.proofs}
    assert told == audited.truth.proofs


def test_which_due_dates_moved_and_who_moved_them(audited: Audit) -> None:
    assert audited.tables.moved_dates() == audited.truth.moved_dates


def test_which_controls_failed_and_for_how_long(audited: Audit) -> None:
    assert audited.tables.failing() == audited.truth.failing


def test_which_tickets_were_deleted_or_moved(audited: Audit) -> None:
    assert audited.tables.lost() == audited.truth.lost


def test_what_was_done_late(audited: Audit) -> None:
    assert audited.tables.late() == audited.truth.late


def test_which_decisions_came_from_a_comment_in_a_tracker(audited: Audit) -> None:
    assert audited.tables.by_comment() == audited.truth.by_comment


def test_what_changed_after_closing(audited: Audit) -> None:
    assert audited.tables.after_closing() == audited.truth.after_closing


def test_which_evidence_had_expired(audited: Audit) -> None:
    assert audited.tables.expired(LAST) == audited.truth.expired
    assert audited.tables.expired(date(2026, 8, 31)) == set()


def test_whether_anything_is_missing_from_the_population(audited: Audit) -> None:
    assert audited.tables.missing(audited.truth.population) == []
    assert len(audited.tables.rows["items"]) == len(audited.truth.statuses)
    assert audited.tables.files() == audited.truth.files
    assert audited.tables.not_read() == []


def test_whether_anything_was_altered(audited: Audit) -> None:
    code, said = audited.verdict(audited.pack)
    assert (code, said.split(":")[0]) == (0, "SOUND"), said
    assert audited.tables.astray() == []


def test_whether_a_single_record_was_altered(audited: Audit) -> None:
    code, said = audited.verdict(audited.pack.parent / PROOF)
    assert (code, said.split(":")[0]) == (0, "SOUND"), said
    [row] = [row for row in audited.tables.rows["events"] if row["record"] == "7"]
    assert f'object: "{row["object"]}"' in said


def test_whether_the_ledger_was_begun_anew(audited: Audit) -> None:
    code, said = audited.verdict(audited.pack, "--epoch", "1")
    assert (code, said.split(":")[0]) == (2, "CONSISTENT, NOT ANCHORED"), said
    assert "the disk broke, and the copy of the night is used" in said


@pytest.mark.parametrize(
    "name", ["ledger.jsonl", "texts.jsonl", "completeness.json", "items.csv", "events.csv", "evidence/*"]
)
def test_one_byte_that_was_altered_is_told(audited: Audit, tmp_path: Path, name: str) -> None:
    shutil.copytree(audited.tables.folder, tmp_path / "pack")
    alter(next((tmp_path / "pack").glob(name)))
    code, said = audited.verdict(tmp_path / "pack")
    assert (code, said.split(":")[0]) == (1, "ALTERED"), said


@pytest.mark.parametrize("name", ["ledger.jsonl", "events.csv"])
def test_what_was_altered_with_the_list_of_files_is_told(audited: Audit, tmp_path: Path, name: str) -> None:
    shutil.copytree(audited.tables.folder, tmp_path / "pack")
    alter(file := tmp_path / "pack" / name, b'resolved",' if name.endswith("jsonl") else b',"resolved",')
    manifest = json.loads((tmp_path / "pack" / "manifest.json").read_bytes())
    manifest["files"][name]["sha256"] = sha256(file.read_bytes()).hexdigest()
    (tmp_path / "pack" / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    code, said = audited.verdict(tmp_path / "pack")
    assert (code, said.split(":")[0]) == (1, "ALTERED"), said


def alter(file: Path, where: bytes = b"") -> None:
    """Change a byte of a file, in its middle or at a word behind that, to another letter or digit."""
    raw = bytearray(file.read_bytes())
    at = next(at for at in range(raw.index(where, len(raw) // 2), len(raw)) if chr(raw[at]).isalnum())
    raw[at] = ord("x") if raw[at] != ord("x") else ord("y")
    file.write_bytes(raw)


@pytest.mark.parametrize(
    ("ask", "table", "row"),
    [
        (test_which_items_were_open_on_a_given_day, "events", {"action": "item.changed", "field": "status"}),
        (test_which_items_were_open_on_a_given_day, "events", {"action": "item.changed", "field": "accepted"}),
        (
            test_who_accepted_which_risk_why_until_when_and_was_not_who_asked,
            "acceptances",
            {"approval_channel": "comment"},
        ),
        (test_what_proves_that_an_item_was_fixed_and_that_the_file_is_that_one, "evidence", {"kind": "log"}),
        (test_which_due_dates_moved_and_who_moved_them, "events", {"action": "due.decided"}),
        (test_which_controls_failed_and_for_how_long, "controls", {"status": "failing"}),
        (test_which_tickets_were_deleted_or_moved, "events", {"action": "ticket.missing"}),
        (test_which_tickets_were_deleted_or_moved, "events", {"action": "ticket.moved"}),
        (test_what_was_done_late, "items", {"late": "yes", "status": "resolved"}),
        (test_which_decisions_came_from_a_comment_in_a_tracker, "events", {"action": "acceptance.decided"}),
        (test_what_changed_after_closing, "events", {"action": "comment.received"}),
        (test_which_evidence_had_expired, "evidence", {"expires_on": "2026-08-31"}),
        (test_whether_anything_is_missing_from_the_population, "items", {"item": "AI-000007"}),
        (test_whether_anything_was_altered, "events", {"action": "hold.settled"}),
    ],
)
def test_no_question_has_the_same_answer_without_what_it_rests_on(
    audited: Audit, ask: Callable[[Audit], None], table: str, row: dict[str, str]
) -> None:
    with pytest.raises(AssertionError):
        ask(replace(audited, tables=audited.tables.without(table, **row)))
