"""The notary signs what goes on from what was signed, and who keeps checkpoints finds the rest."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import pytest
from sqlalchemy import Connection

from connectors.anchors.base import AnchorError, Kept
from connectors.anchors.directory import Directory
from state import audit, checkpoint, checkpoints
from state.audit import canonical, leaf
from state.checkpoint import Head, SigningKey
from state.effects import Because, Effects, Note
from state.errors import Tampered
from state.merkle import Tree
from state.model import Actor, Agent
from state.store import Store
from state.verifying import Point
from sync.notary import CRASH_POINTS, Notary
from sync.proving import Conclusion, Finding, examine
from tests.databases import ARM, DISARM, Databases, on_sqlite, raw

KEY = SigningKey.made("acme.example/ledger", bytes(range(32)))
OTHER = SigningKey.made("acme.example/ledger", bytes(range(1, 33)))
BECAUSE = Because(Agent(Actor.SCHEDULE, "counterfoil", "cron"), run="run-1")


@dataclass
class Office:
    """A store, who signs its ledger, and a folder in which checkpoints are kept."""

    kind: str
    url: str
    store: Store
    folder: Path
    now: datetime = datetime(2026, 11, 22, 12, tzinfo=UTC)
    anchors: list[object] = field(default_factory=list)

    def clock(self) -> datetime:
        return self.now

    def notary(self, *keys: SigningKey) -> Notary:
        return Notary(self.store, keys or (KEY,), [Directory("share", self.folder), *self.anchors], self.clock)  # type: ignore[list-item]

    def write(self, count: int, what: str = "ticket.changed") -> None:
        notes = [Note(what, "eng:1", BECAUSE, after=number) for number in range(count)]
        self.store.commit(None, Effects(notes=notes))

    def fork(self, reason: str) -> None:
        notary = self.notary()
        notary.hand_out(notary.fork(replace(BECAUSE, reason=reason)), at_once=True)

    def kept(self) -> list[Head]:
        return [checkpoint.read(file.read_text(), [KEY.public])[0] for file in sorted(self.folder.iterdir())]

    def tamper(self, *statements: object) -> None:
        raw(self.url, *DISARM[self.kind], *statements, *ARM[self.kind])  # type: ignore[arg-type]

    def rechain(self, first: int) -> None:
        """Write every record from this one on anew, as somebody would who has the database and knows the rules."""
        rows = raw(self.url, "SELECT seq, body FROM audit ORDER BY seq")
        statements: list[object] = []
        prev = "0" * 64
        for seq, text in rows:
            body = json.loads(text) | {"prev": prev}
            if seq == first:
                body["action"] = "forged"
            encoded = canonical(body)
            values = (encoded.decode(), prev, leaf(encoded), seq)
            statements.append(("UPDATE audit SET body = ?, prev = ?, hash = ? WHERE seq = ?", values))
            prev = leaf(encoded)
        self.tamper(*statements)

    def examined(self, *known: SigningKey, known_epoch: int = 1) -> Finding:
        notes = [Kept(file.read_text(), "share") for file in sorted(self.folder.iterdir())]
        return examine(self.store, notes, [key.public for key in known or (KEY,)], known_epoch)

    def verdict(self) -> tuple[int, str] | None:
        points = [Point(head, "share") for head in self.kept()]
        return self.store.verify(points).first_bad

    @classmethod
    @contextmanager
    def opened(cls, databases: Databases, place: Path) -> Iterator[Self]:
        """One with a new database, while it is needed."""
        folder = place / "kept"
        folder.mkdir()
        made = cls(databases.kind, databases.made(), None, folder)  # type: ignore[arg-type]
        with Store.open(made.url, clock=made.clock) as made.store:
            yield made


@pytest.fixture
def office(databases: Databases, tmp_path: Path) -> Iterator[Office]:
    with Office.opened(databases, tmp_path) as made:
        yield made


def test_what_was_recorded_is_signed_and_kept(office: Office) -> None:
    office.write(7)
    office.notary().close(BECAUSE)
    tree = Tree()
    for record in office.store.log():
        tree.push(bytes.fromhex(record.hash))
    assert office.kept() == [Head("acme.example/ledger", 7, tree.root)]
    assert office.verdict() is None
    assert office.store.verify([Point(each, "share") for each in office.kept()]).agreed == 7


@pytest.mark.parametrize("point", CRASH_POINTS)
def test_killed_at_any_point_the_next_command_signs_and_hands_out_all_of_it(office: Office, point: str) -> None:
    class Killed(BaseException):
        pass

    def crash(name: str) -> None:
        if name == point:
            raise Killed

    office.write(3)
    office.notary().close(BECAUSE)
    office.write(7)
    killed = office.notary()
    killed.crash = crash
    with pytest.raises(Killed):
        killed.close(BECAUSE)
    office.notary().close(BECAUSE)
    found = office.examined()
    assert (found.conclusion, found.anchored, found.records) == (Conclusion.ANCHORED, 10, 10)
    assert [head.size for head in office.kept()] == [3, 10]


def test_nothing_is_signed_twice_and_the_next_checkpoint_goes_on(office: Office) -> None:
    office.write(7)
    office.notary().close(BECAUSE)
    office.notary().close(BECAUSE)
    office.write(5)
    office.notary().close(BECAUSE)
    assert [head.size for head in office.kept()] == [7, 12]
    assert office.verdict() is None


def test_a_long_run_is_signed_every_hundred_records(office: Office) -> None:
    notary = office.notary()
    for size in range(1, 451):
        office.write(1)
        notary.watch(size)
    assert [head.size for head in office.kept()] == [100, 200, 300, 400]


def test_each_day_without_records_is_signed_for_whenever_the_clock_strikes(office: Office) -> None:
    office.write(3)
    office.notary().close(BECAUSE)
    midnight = office.now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    for seconds, sizes in ((-1, [3]), (86_399, [3, 4]), (86_400, [3, 4, 5]), (3 * 86_400 - 30, [3, 4, 5, 6])):
        office.now = midnight + timedelta(seconds=seconds)
        office.notary().close(BECAUSE)
        assert [head.size for head in office.kept()] == sizes
    assert {record.told["action"] for record in office.store.log(since=3)} == {"ledger.checked"}


def test_what_was_truncated_behind_our_back_is_not_signed_and_is_found(office: Office) -> None:
    office.write(9)
    office.notary().close(BECAUSE)
    office.tamper("DELETE FROM audit WHERE seq > 6", "DELETE FROM checkpoint")
    office.write(1)
    with pytest.raises(Tampered, match="the ledger ends at record 7, and 2 more were there"):
        office.notary().close(BECAUSE)
    assert [head.size for head in office.kept()] == [9]
    assert office.verdict() == (
        8,
        "the ledger ends at record 7, and 2 more were there when the checkpoint over 9 records was signed (share)",
    )


def test_a_tail_that_was_written_anew_is_not_signed_and_is_found(office: Office) -> None:
    office.write(9)
    office.notary().close(BECAUSE)
    office.write(3)
    office.notary().close(BECAUSE)
    office.rechain(11)
    assert office.store.verify().ok
    office.write(1)
    with pytest.raises(Tampered, match="record 11 was changed or replaced: record 12 does not follow it"):
        office.notary().close(BECAUSE)
    assert office.verdict() == (
        10,
        "what was recorded as 10 to 12 was changed: the checkpoint over 12 records is about another ledger (share)",
    )


def test_what_somebody_puts_beside_a_checkpoint_does_not_hide_it(office: Office) -> None:
    office.write(9)
    office.notary().close(BECAUSE)
    beyond = checkpoint.signed(Head(KEY.name, 12, b"\0" * 32), [OTHER])
    for number, said in enumerate((beyond.encode(), b"\xff", b"hello"), 12):
        (office.folder / f"acme.example_ledger.{number:012d}.note").write_bytes(said)
    (office.folder / "acme.example_ledger.000000000099.note").mkdir()
    office.tamper("DELETE FROM audit WHERE seq > 6", "DELETE FROM checkpoint")
    with pytest.raises(Tampered, match="the ledger ends at record 6, and 3 more were there"):
        office.notary().check()


def test_a_ledger_written_anew_as_a_whole_with_its_checkpoints_is_found_by_the_copy(office: Office) -> None:
    office.write(9)
    office.notary().close(BECAUSE)
    office.rechain(1)
    office.tamper("DELETE FROM checkpoint")
    office.write(1)
    with pytest.raises(Tampered, match="what was recorded as 1 to 9 was changed"):
        office.notary().close(BECAUSE)


def test_a_checkpoint_in_the_database_that_another_key_signed_is_not_gone_on_from(office: Office) -> None:
    office.write(9)
    office.notary(OTHER).sign()
    office.write(1)
    with pytest.raises(Tampered, match=r"over 9 records in the database is not ours: .* by none of the keys"):
        office.notary().close(BECAUSE)


def test_an_edge_in_the_database_that_was_changed_is_not_gone_on_from(office: Office) -> None:
    office.write(8)
    office.notary().sign()
    raw(office.url, ("UPDATE checkpoint SET edge = ?", ("0" * 192,)))
    office.write(1)
    office.notary().close(BECAUSE)
    assert (office.examined().conclusion, office.examined().anchored) == (Conclusion.ANCHORED, 9)


PLANTED = {
    "no note": (10**8, "not a note", "0" * 64, "", "2026-11-22 12:00:00"),
    "a note of nobody": (10, "theirs", "0" * 64, "", "2026-11-22 12:00:00"),
    "no edge": (10**8, "ours", "0" * 64, "zz", "2026-11-22 12:00:00"),
    "ours under another number": (10**8, "ours", "0" * 64, "", "2026-11-22 12:00:00"),
    "no time": (10**8, "ours", "0" * 64, "", {"sqlite": "never", "postgresql": "infinity"}),
}
"""Rows that whoever may write to the database puts beside our checkpoints; the number is that of the records."""


@pytest.mark.parametrize("kind", PLANTED)
def test_what_somebody_plants_beside_our_checkpoints_stops_nobody(office: Office, kind: str) -> None:
    size, note, head, edge, at = PLANTED[kind]
    office.write(9)
    signed = office.notary().sign()
    assert signed is not None
    texts = {"ours": signed.note, "theirs": checkpoint.signed(Head(KEY.name, 10, bytes(32)), [OTHER])}
    row = (size, texts.get(str(note), note), head, edge, at[office.kind] if isinstance(at, dict) else at)
    raw(office.url, ("INSERT INTO checkpoint VALUES (?, ?, ?, ?, ?)", row))
    office.write(1)
    office.notary().close(BECAUSE)
    office.write(1)
    office.notary().rotate(OTHER, BECAUSE)
    replace(office.notary(OTHER), trusted=[KEY.public]).close(BECAUSE)
    found = office.examined()
    assert (found.conclusion, found.anchored) == (Conclusion.ANCHORED, 12)
    told = [f"this database, checkpoint {size}"] if note == "not a note" else []
    assert [each.partition(":")[0] for each in found.not_counted] == told


@on_sqlite
@pytest.mark.parametrize("column", ["note", "head", "edge", "signed_at"])
def test_broken_text_beside_our_checkpoints_stops_nobody(office: Office, column: str) -> None:
    office.write(9)
    signed = office.notary().sign()
    assert signed is not None
    row = (10**8, signed.note, "0" * 64, "", "2026-11-22 12:00:00")
    raw(office.url, ("INSERT INTO checkpoint VALUES (?, ?, ?, ?, ?)", row))
    raw(office.url, f"UPDATE checkpoint SET {column} = CAST(x'ff41' AS TEXT) WHERE size = 100000000")  # noqa: S608
    office.write(1)
    office.notary().close(BECAUSE)
    office.notary().rotate(OTHER, BECAUSE)
    replace(office.notary(OTHER), trusted=[KEY.public]).close(BECAUSE)
    found = office.examined()
    assert (found.conclusion, found.anchored) == (Conclusion.ANCHORED, 11)
    told = ["this database, checkpoint 100000000"] if column == "note" else []
    assert [each.partition(":")[0] for each in found.not_counted] == told


def test_what_somebody_planted_does_not_keep_a_restored_ledger_from_going_on(office: Office) -> None:
    for _ in range(2):
        office.write(5)
        office.notary().close(BECAUSE)
    office.tamper("DELETE FROM audit WHERE seq > 5", "DELETE FROM checkpoint WHERE size > 5")
    for size in (3, 6, 10**8):
        values = (size, "not a note", "0" * 64, "zz", "2026-11-22 12:00:00")
        raw(office.url, ("INSERT INTO checkpoint VALUES (?, ?, ?, ?, ?)", values))
    office.fork("the disk broke")
    found = office.examined(known_epoch=2)
    assert (found.conclusion, found.anchored) == (Conclusion.ANCHORED, 6)
    assert [each.partition(":")[0] for each in found.not_counted] == ["this database, checkpoint 3"]


def test_of_two_that_sign_at_once_one_does(office: Office) -> None:
    office.write(3)
    notary, asked = office.notary(), []

    def clock() -> datetime:
        """The time, which the notary asks for again before it signs; by then another one is done."""
        asked.append(notary.size)
        assert len(asked) != 2 or office.notary().sign() is not None
        return office.now

    notary.clock = clock
    assert notary.sign() is None
    assert len(raw(office.url, "SELECT size FROM checkpoint")) == 1


def test_two_keys_sign_together_and_either_is_enough_to_go_on(office: Office) -> None:
    office.write(3)
    office.notary(OTHER).close(BECAUSE)
    office.write(1)
    office.notary(KEY, OTHER).close(BECAUSE)
    office.write(1)
    office.notary(KEY).close(BECAUSE)
    with office.store.reading() as connection:
        signers = [checkpoint.read(note, [KEY.public, OTHER.public])[1] for _, note in checkpoints.notes(connection)]
    assert signers == [(OTHER.public,), (KEY.public, OTHER.public), (KEY.public,)]


@dataclass
class Full:
    """An anchor that takes nothing."""

    name: str = "bucket"
    spacing: timedelta = timedelta(minutes=1)
    asked: int = 0

    def keep(self, head: Head, note: str) -> None:
        self.asked += 1
        raise AnchorError("no room")

    def notes(self, name: str) -> Iterator[str]:
        raise AnchorError("no answer")

    def every(self) -> Iterator[Kept]:
        raise AnchorError("no answer")


def test_an_anchor_that_fails_is_told_of_and_asked_again_with_the_next_run(office: Office) -> None:
    full = Full()
    office.anchors.append(full)
    office.write(3)
    for _ in range(2):
        assert office.notary().close(BECAUSE) == [
            "bucket could not be asked what it keeps: no answer",
            "bucket did not take the checkpoint over 3 records: no room",
        ]
    found = office.store.ask(checkpoints.anchors)
    assert (found["share"].size, found["bucket"].size, found["bucket"].why) == (3, 0, "no room")
    assert found["bucket"].failed_at == office.now


def test_within_a_run_an_anchor_is_bothered_no_more_often_than_it_says(office: Office) -> None:
    full = Full()
    office.anchors.append(full)
    notary = office.notary()
    for size in range(100, 501, 100):
        office.write(100)
        notary.watch(size)
        office.now += timedelta(seconds=20)
    assert full.asked == 2
    assert [head.size for head in office.kept()] == [100, 200, 300, 400, 500]


def test_a_file_that_says_something_else_is_not_written_over(office: Office) -> None:
    office.write(3)
    signed = office.notary().sign()
    assert signed is not None
    share = Directory("share", office.folder)
    share.keep(signed.head, signed.note)
    share.keep(signed.head, signed.note)
    other = replace(signed.head, root=bytes(32))
    with pytest.raises(AnchorError, match="holds another checkpoint over as many records"):
        share.keep(other, checkpoint.signed(other, [KEY]))
    assert list(share.notes("acme.example/ledger")) == [signed.note]


def test_a_folder_that_is_not_there_is_not_made(office: Office) -> None:
    office.write(3)
    share = Directory("share", office.folder / "not-mounted")
    signed = office.notary().sign()
    assert signed is not None
    with pytest.raises(AnchorError, match=r"cannot be written: .*No such file or directory"):
        share.keep(signed.head, signed.note)


def test_a_database_that_was_put_back_goes_on_under_another_name_and_says_what_it_gave_up(office: Office) -> None:
    office.write(5)
    office.notary().close(BECAUSE)
    office.write(4)
    office.notary().close(BECAUSE)
    office.tamper("DELETE FROM audit WHERE seq > 6", "DELETE FROM checkpoint WHERE size > 6")
    with pytest.raises(Tampered, match="the ledger ends at record 6, and 3 more were there"):
        office.notary().close(BECAUSE)
    office.fork("the disk broke")
    office.write(5)
    office.notary().close(BECAUSE)
    found = office.examined()
    assert (found.conclusion, found.anchored, found.verdict.first_bad) == (Conclusion.UNDECIDED, 12, None)
    assert [fork.words for fork in found.given_up] == [
        "records 6 to 9 of acme.example/ledger were given up: the disk broke; nothing from before vouches for record 6",
    ]
    [forked] = office.store.log(["ledger"])
    assert forked.seq == 7
    assert forked.told["before"]["size"] == 9


def test_where_nothing_was_lost_nothing_can_be_given_up(office: Office) -> None:
    office.write(5)
    office.notary().close(BECAUSE)
    office.write(1)
    with pytest.raises(Tampered, match="there is nothing to give up"):
        office.notary().fork(BECAUSE)


def test_who_gives_up_records_cannot_hide_later_ones(office: Office) -> None:
    office.write(5)
    office.notary().close(BECAUSE)
    office.write(4)
    office.notary().close(BECAUSE)
    last = max(office.folder.iterdir())
    hidden = last.rename(office.folder.parent / "hidden")
    office.tamper("DELETE FROM audit WHERE seq > 4", "DELETE FROM checkpoint WHERE size > 5")
    office.fork("the disk broke")
    assert office.examined(known_epoch=2).conclusion is Conclusion.ANCHORED
    hidden.rename(last)
    found = office.examined()
    assert found.conclusion is Conclusion.TAMPERED


def test_a_forged_beginning_anew_excuses_nothing(office: Office) -> None:
    office.write(9)
    office.notary().close(BECAUSE)
    office.tamper("DELETE FROM audit", "DELETE FROM checkpoint", "DELETE FROM anchor")
    forged = {"origin": KEY.name, "size": 10**9, "agreed": 0}
    because = replace(BECAUSE, reason="routine maintenance")
    notes = [Note("ledger.forked", "ledger", because, before=forged, after={"origin": f"{KEY.name}/epoch-2"})]
    office.store.commit(None, Effects(notes=notes))
    office.write(12)
    with pytest.raises(Tampered):
        office.notary().check()
    assert office.examined().conclusion is Conclusion.TAMPERED


def test_a_rewritten_beginning_is_not_signed_though_the_last_checkpoint_was_made_to_fit(office: Office) -> None:
    office.write(9)
    office.notary().close(BECAUSE)
    office.rechain(1)
    [(before,)] = raw(office.url, "SELECT hash FROM audit WHERE seq = 8")
    raw(office.url, ("UPDATE checkpoint SET head = ?", (before,)))
    office.write(1)
    with pytest.raises(Tampered):
        office.notary().close(BECAUSE)


def test_a_file_of_nonsense_hides_no_checkpoint(office: Office) -> None:
    office.write(9)
    office.notary().close(BECAUSE)
    (office.folder / "acme.example_ledger.999999999999.note").write_bytes(b"\xff\xfe nonsense")
    office.tamper("DELETE FROM audit WHERE seq > 6", "DELETE FROM checkpoint")
    with pytest.raises(Tampered, match="the ledger ends at record 6, and 3 more were there"):
        office.notary().check()


def test_a_share_that_was_away_is_held_against_the_ledger_once_it_is_back(office: Office) -> None:
    office.write(5)
    office.notary().close(BECAUSE)
    office.write(4)
    office.notary().close(BECAUSE)
    away = office.folder.rename(office.folder.parent / "away")
    office.tamper("DELETE FROM audit WHERE seq > 7", "DELETE FROM checkpoint WHERE size > 7", "DELETE FROM anchor")
    office.write(6)
    office.notary().close(BECAUSE)
    away.rename(office.folder)
    with pytest.raises(Tampered):
        office.notary().check()


def test_what_the_ledger_says_of_itself_is_read_as_often_for_many_places_as_for_one(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    told_of = audit.told_of

    def heard(connection: Connection, object_: str) -> list[audit.Told]:
        asked.append(object_)
        return told_of(connection, object_)

    monkeypatch.setattr(audit, "told_of", heard)
    folders = [office.folder.with_name(f"share-{number}") for number in range(3)]
    for folder in folders:
        folder.mkdir()
        office.write(1)
        signed = office.notary().sign()
        assert signed is not None
        Directory("share", folder).keep(signed.head, signed.note)
    office.write(1)
    counts = []
    for some in ([], folders):
        office.anchors[:] = [Directory(folder.name, folder) for folder in some]
        asked.clear()
        office.notary().check()
        counts.append(len(asked))
    assert counts == [2, 2]


def test_an_anchor_is_handed_every_checkpoint_whatever_the_database_says_it_keeps(office: Office) -> None:
    office.write(5)
    office.notary().close(BECAUSE)
    raw(office.url, "UPDATE anchor SET size = 2000000000")
    office.write(5)
    office.notary().close(BECAUSE)
    assert [head.size for head in office.kept()] == [5, 10]


def test_what_no_checkpoint_vouches_for_by_far_decides_nothing(office: Office) -> None:
    office.write(1)
    office.notary().close(BECAUSE)
    office.write(100)
    assert office.examined().conclusion is Conclusion.ANCHORED
    office.write(1)
    found = office.examined()
    assert (found.conclusion, found.anchored, found.records) == (Conclusion.UNDECIDED, 1, 102)


def test_a_long_run_signs_each_hour_what_it_recorded_though_it_is_little(office: Office) -> None:
    notary = office.notary()
    notary.check()
    for size in range(1, 5):
        office.write(1)
        office.now += timedelta(minutes=40)
        notary.watch(size)
    office.now += timedelta(hours=2)
    notary.watch(4)
    assert [head.size for head in office.kept()] == [2, 4]


class Counted(Directory):
    """An anchor that counts how often it is asked what it keeps."""

    def __init__(self, path: Path) -> None:
        super().__init__("counted", path)
        self.asked = 0

    def notes(self, name: str) -> Iterator[str]:
        self.asked += 1
        return super().notes(name)


def test_an_anchor_is_asked_once_in_a_run_and_what_it_got_since_is_known(office: Office) -> None:
    counted = Counted(office.folder)
    office.anchors.append(counted)
    notary = office.notary()
    notary.check()
    for size in (100, 200, 300):
        office.write(100)
        notary.watch(size)
    office.tamper("DELETE FROM audit WHERE seq > 250", "DELETE FROM checkpoint WHERE size > 200")
    with pytest.raises(Tampered, match="the ledger ends at record 250, and 50 more were there"):
        notary.close(BECAUSE)
    assert counted.asked == 1


def rotated(office: Office) -> None:
    """A ledger that was signed with one key, then with another, between which a record and both signatures stand."""
    office.write(3)
    notary = office.notary()
    notary.close(BECAUSE)
    notary.rotate(OTHER, BECAUSE)
    notary.close(BECAUSE)
    office.write(120)
    replace(office.notary(OTHER), trusted=[KEY.public]).close(BECAUSE)


def test_who_knows_the_old_key_alone_or_the_new_one_can_believe_what_the_new_one_signed(office: Office) -> None:
    rotated(office)
    old, new = office.examined(KEY), office.examined(OTHER)
    assert (old.conclusion, old.anchored, old.checked, old.not_counted) == (Conclusion.ANCHORED, 124, 3, ())
    assert (new.conclusion, new.anchored, new.checked) == (Conclusion.ANCHORED, 124, 2)
    [record] = office.store.log(["ledger"])
    assert (record.told["action"], record.told["before"], record.told["after"]) == (
        "key.rotated",
        {"key": str(KEY.public)},
        {"key": str(OTHER.public)},
    )


def test_a_key_that_the_old_one_did_not_sign_together_with_is_not_believed(office: Office) -> None:
    office.write(3)
    office.notary().close(BECAUSE)
    keys = ({"key": str(key.public)} for key in (KEY, OTHER))
    notes = [Note("key.rotated", "ledger", BECAUSE, before=next(keys), after=next(keys))]
    office.store.commit(None, Effects(notes=notes))
    tree = office.store.verify().tree
    assert tree is not None
    theirs = checkpoint.signed(Head(KEY.name, tree.size, tree.root, str(OTHER.public)), [OTHER])
    (office.folder / "theirs.note").write_text(theirs)
    found = office.examined(KEY)
    assert (found.anchored, len(found.not_counted)) == (3, 1)


def test_after_a_rotation_the_new_key_signs_alone(office: Office) -> None:
    rotated(office)
    with office.store.reading() as connection:
        signers = [checkpoint.read(note, [KEY.public, OTHER.public])[1] for _, note in checkpoints.notes(connection)]
    assert signers == [(KEY.public,), (KEY.public, OTHER.public), (OTHER.public,)]
