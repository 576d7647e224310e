"""Whatever stands in the tables of the ledger, and in a folder of checkpoints, whoever looks gets an answer."""

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.anchors.directory import Directory
from state import checkpoints
from state.audit import canonical, leaf
from state.checkpoint import SigningKey
from state.effects import Because, Effects, Note
from state.errors import StateError
from state.model import Actor, Agent
from state.store import Store
from sync.notary import Notary
from sync.proving import Conclusion, Finding, examine
from tests.databases import ARM, DISARM, Databases

KEY = SigningKey.made("acme.example/ledger", bytes(range(32)))
BECAUSE = Because(Agent(Actor.HUMAN, "counterfoil", "kim@acme.example", "Kim"), run="run-1", reason="asked to")
COLUMNS = {
    "checkpoint": ("size", "note", "head", "edge", "signed_at"),
    "anchor": ("name", "size", "kept_at", "failed_at", "why"),
    "salted": ("hash", "salt", "text", "digest"),
    "audit": ("seq", "prev", "hash", "object", "body"),
}
GARBAGE = (None, "zz", "0" * 64, b"\xff\xfe", -1, 10**18, 1.5, "[]", '{"v":' * 2000)
TOLD = (
    "{}",
    "[]",
    "7",
    '{"action":"ledger.forked"}',
    '{"action":"ledger.forked","before":7,"after":"x","seq":[],"reason":null}',
    '{"action":"ledger.forked","before":{"origin":[],"size":{}},"after":{"origin":1},"seq":"x","reason":{"salted":["a"]}}',
    '{"action":"key.rotated","before":{"key":7},"after":{"key":null},"seq":1}',
    '{"action":"key.rotated","before":"x","after":[],"seq":1}',
    '{"action":"person.erased","before":7,"after":["x"],"seq":1}',
    '{"action":"person.erased","before":null,"after":{"texts":7},"seq":1}',
    '{"action":["ledger.forked"],"reason":{"salted":["a"]}}',
)
"""What records about the ledger itself may say that somebody has planted."""


def now() -> datetime:
    return datetime(2026, 11, 22, 12, tzinfo=UTC)


_PLANT = "INSERT INTO audit (seq, prev, hash, object, body) VALUES (?, ?, ?, ?, ?)"


class Site:
    """A ledger that is signed twice, of which each attempt spoils a copy."""

    def __init__(self, folder: Path, url: str) -> None:
        self.whole = Path(url.removeprefix("sqlite:///"))
        self.file = folder / "copy.db"
        self.share = folder / "share"
        self.share.mkdir()
        with Store.open(url, clock=now) as store:
            for _ in range(2):
                notes = [Note("ticket.written", "AI-000001", BECAUSE, after=number) for number in range(3)]
                store.commit(None, Effects(notes=notes))
                self.notary(store).close(BECAUSE)

    def notary(self, store: Store) -> Notary:
        return Notary(store, [KEY], [Directory("share", self.share)], now)

    def spoil(self, statement: str, *values: object) -> bool:
        """Change a fresh copy; `False` where the table itself does not take that."""
        shutil.copy(self.whole, self.file)
        with closing(sqlite3.connect(self.file, isolation_level=None)) as connection:
            for each in DISARM["sqlite"]:
                connection.execute(each)
            try:
                connection.execute(statement, values)
            except sqlite3.IntegrityError:
                return False
            for each in ARM["sqlite"]:
                connection.execute(each)
        return True

    def plant(self, told: object) -> None:
        """Add a record that says this, and that follows the last one as the rules are."""
        with closing(sqlite3.connect(self.whole)) as connection:
            [(seq, prev)] = connection.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1")
        copies = {"seq": seq + 1, "prev": prev, "object": "ledger"}
        text = canonical(copies | (told if isinstance(told, dict) else {"v": told}) | copies)
        self.spoil(_PLANT, seq + 1, prev, leaf(text), "ledger", text.decode())

    def examined(self) -> Finding | None:
        """What an auditor is told, `None` for that the database cannot be read."""
        kept = [*Directory("share", self.share).every()]
        with Store.open(f"sqlite:///{self.file}", clock=now) as store:
            try:
                return examine(store, kept, [KEY.public])
            except StateError:
                return None

    def run(self) -> None:
        """What a run does with the ledger, unless it is refused with words."""
        with Store.open(f"sqlite:///{self.file}", clock=now) as store:
            try:
                notary = self.notary(store)
                notary.check()
                store.commit(None, Effects(notes=[Note("ticket.written", "AI-000001", BECAUSE)]))
                notary.close(BECAUSE)
                store.ask(checkpoints.anchors)
            except StateError:
                pass


@pytest.fixture
def site(databases: Databases, tmp_path: Path) -> Site:
    if databases.kind != "sqlite":
        pytest.skip("a server keeps the types of its columns")
    return Site(tmp_path, databases.made())


@pytest.mark.parametrize(("table", "column"), [(table, name) for table, names in COLUMNS.items() for name in names])
def test_whatever_stands_in_a_column_there_is_an_answer(site: Site, table: str, column: str) -> None:
    for garbage in GARBAGE:
        if not site.spoil(f"UPDATE {table} SET {column} = ? WHERE rowid = (SELECT max(rowid) FROM {table})", garbage):  # noqa: S608
            continue
        found = site.examined()
        if table == "audit" and found is not None:
            assert found.conclusion is not Conclusion.ANCHORED
        site.run()


@pytest.mark.parametrize("body", TOLD)
def test_a_record_about_the_ledger_may_say_anything(site: Site, body: str) -> None:
    site.spoil("UPDATE audit SET object = 'ledger', body = ? WHERE seq = 2", body)
    found = site.examined()
    assert found is not None
    assert found.conclusion is Conclusion.TAMPERED
    site.run()
    site.plant(json.loads(body))
    found = site.examined()
    assert found is not None
    assert (found.anchored, found.given_up) == (6, ())
    site.run()


def test_a_checkpoint_that_somebody_spoiled_here_hides_none_that_was_kept(site: Site) -> None:
    for garbage in ("zz", b"\xff\xfe", 7):
        site.spoil("UPDATE checkpoint SET note = ?, edge = 'zz'", garbage)
        found = site.examined()
        assert found is not None
        assert (found.conclusion, found.anchored) == (Conclusion.ANCHORED, 6)


def test_a_folder_may_hold_anything(site: Site) -> None:
    shutil.copy(site.whole, site.file)
    for number, content in enumerate((b"", b"\xff\xfe", b"\n\n", b"a\n\n\xe2\x80\x94 b c\n", b"\0" * 100)):
        (site.share / f"acme.example_ledger.{number + 10:012d}.note").write_bytes(content)
    (site.share / "acme.example_ledger.000000000099.note").mkdir()
    found = site.examined()
    assert found is not None
    assert (found.conclusion, found.anchored, len(found.not_counted)) == (Conclusion.ANCHORED, 6, 6)
    site.run()
