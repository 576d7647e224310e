"""What an auditor may conclude: our own check, and the one in the pack, say the same of the same ledger."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from connectors.anchors.base import Kept
from connectors.anchors.directory import Directory
from state import checkpoint
from state.checkpoint import Head, SigningKey
from state.effects import Effects, Note
from state.errors import StateError, Tampered
from sync.notary import Notary
from sync.proving import Conclusion, Finding, examine
from sync.report import verify
from sync.report.pack import Asked
from tests.databases import Databases, raw
from tests.packing import packed
from tests.sync.test_notary import BECAUSE, KEY, OTHER, Full, Office, rotated

CODES = {Conclusion.ANCHORED: 0, Conclusion.TAMPERED: 1, Conclusion.UNDECIDED: 2}
ASKED = Asked(date(2026, 1, 1), date(2026, 12, 31))
GIVEN_UP = "DELETE FROM audit WHERE seq > {0}", "DELETE FROM checkpoint WHERE size > {0}", "DELETE FROM anchor"


class Desk(Office):
    """An office whose ledger an auditor checks with both programs."""

    def judged(self, *known: SigningKey, epoch: int = 1, signer: SigningKey = KEY) -> Finding:
        """What our own check finds, and that the auditor's comes to the same."""
        found = self.examined(*known, known_epoch=epoch)
        pack = packed(self.store, ASKED, self.folder.parent, signer)
        keys = [word for key in known or (KEY,) for word in ("--pubkey", str(key.public))]
        code = verify.main([str(pack), *keys, "--checkpoints", str(self.folder), "--epoch", str(epoch)])
        assert code == CODES[found.conclusion], found
        return found

    def put_back(self, size: int) -> None:
        """The database as it was when there were so many records."""
        self.tamper(*(each.format(size) for each in GIVEN_UP))

    def plant(self, action: str, before: object, after: object) -> None:
        """A record that somebody writes into the database."""
        self.store.commit(None, Effects(notes=[Note(action, "ledger", BECAUSE, before=before, after=after)]))

    def add(self, head: Head, keys: Sequence[SigningKey], name: str) -> None:
        """Put a checkpoint beside those that are kept."""
        (self.folder / f"{name}.note").write_text(checkpoint.signed(head, keys), encoding="utf-8")

    def head(self, origin: str = KEY.name) -> Head:
        """All of the ledger as it is."""
        tree = self.store.verify().tree
        assert tree is not None
        return Head(origin, tree.size, tree.root)


@pytest.fixture
def desk(databases: Databases, tmp_path: Path) -> Iterator[Desk]:
    with Desk.opened(databases, tmp_path) as made:
        yield made


def signed(desk: Desk, *counts: int) -> None:
    for count in counts:
        desk.write(count)
        desk.notary().close(BECAUSE)


def handed_to(desk: Desk, key: SigningKey) -> None:
    desk.plant("key.rotated", {"key": str(KEY.public)}, {"key": str(key.public)})


def test_a_key_that_somebody_adds_to_an_honest_checkpoint_is_not_believed(desk: Desk) -> None:
    signed(desk, 5)
    handed_to(desk, OTHER)
    ours = desk.head()
    desk.add(ours, [KEY, OTHER], "ours")
    desk.write(5)
    desk.add(desk.head(), [OTHER], "theirs")
    found = desk.judged()
    assert (found.anchored, len(found.not_counted)) == (6, 1)


def test_a_key_to_which_the_old_one_handed_over_by_name_is_believed(desk: Desk) -> None:
    signed(desk, 5)
    handed_to(desk, OTHER)
    desk.add(replace(desk.head(), successor=str(OTHER.public)), [KEY, OTHER], "both")
    desk.write(5)
    desk.add(desk.head(), [OTHER], "new")
    assert desk.judged(signer=OTHER).anchored == 11


@pytest.mark.parametrize("action", ["key.rotated", "ledger.forked"])
def test_what_is_only_written_with_a_signature_is_not_signed_by_the_next_run(desk: Desk, action: str) -> None:
    signed(desk, 5)
    desk.plant(action, {"key": str(KEY.public)}, {"key": str(OTHER.public)})
    with pytest.raises(Tampered, match=f"record 6 says {action}, but nobody signed it"):
        desk.notary().close(BECAUSE)
    assert [head.size for head in desk.kept()] == [5]


def test_what_the_old_key_signs_after_it_was_handed_over_vouches_for_nothing(desk: Desk) -> None:
    rotated(desk)
    desk.write(8)
    desk.add(desk.head(), [KEY], "old")
    found = desk.judged(KEY, signer=OTHER)
    assert (found.conclusion, found.anchored) == (Conclusion.ANCHORED, 124)
    assert found.not_counted == ("share: its key was handed over in record 4",)
    assert desk.judged(KEY, OTHER, signer=OTHER).anchored == 124


def test_what_the_old_key_signs_of_another_ledger_is_neither_believed_nor_passed_over(desk: Desk) -> None:
    rotated(desk)
    desk.add(Head(KEY.name, 124, bytes(32)), [KEY], "old")
    found = desk.judged(KEY, signer=OTHER)
    assert (found.conclusion, found.doubts) == (
        Conclusion.UNDECIDED,
        ("share: signed by a key after it was handed over, and about another ledger",),
    )
    replace(desk.notary(OTHER), trusted=[KEY.public]).check()


def test_who_still_has_the_old_key_is_told_and_does_not_sign(desk: Desk) -> None:
    rotated(desk)
    desk.write(1)
    with pytest.raises(Tampered, match=r"still names the signing key .*, which was handed over in record 4: let audit"):
        desk.notary(KEY).close(BECAUSE)


def test_the_run_that_hands_over_signs_what_it_records_with_both_keys(desk: Desk) -> None:
    signed(desk, 3)
    notary = desk.notary()
    notary.rotate(OTHER, BECAUSE)
    desk.write(1)
    notary.close(BECAUSE)
    newest = max(desk.folder.iterdir()).read_text(encoding="utf-8")
    assert checkpoint.read(newest, [KEY.public, OTHER.public])[1] == (OTHER.public, KEY.public)
    assert desk.judged(KEY, signer=OTHER).anchored == 5


def test_after_a_restore_that_somebody_wrote_to_before_it_was_seen_the_ledger_goes_on(desk: Desk) -> None:
    signed(desk, 5, 1, 1)
    desk.put_back(5)
    desk.write(3, "ticket.edited")
    desk.fork("the disk broke")
    found = desk.judged(epoch=2)
    assert (found.conclusion, found.anchored) == (Conclusion.ANCHORED, 9)
    [fork] = found.given_up
    assert (fork.agreed, fork.size, fork.seq) == (5, 7, 9)


def test_the_record_of_a_new_beginning_carries_the_last_checkpoint_that_is_given_up(desk: Desk) -> None:
    signed(desk, 5, 2)
    [*_, last] = desk.kept()
    desk.put_back(5)
    desk.fork("the disk broke")
    [forked] = desk.store.log(["ledger"])
    checkpoint_ = {"size": 7, "root": last.root.hex()}
    assert forked.told["before"] == {"origin": KEY.name, "size": 7, "agreed": 5, "checkpoint": checkpoint_}
    assert desk.judged(epoch=2).conclusion is Conclusion.ANCHORED


def test_a_record_of_a_new_beginning_without_that_checkpoint_is_understood_as_before(desk: Desk) -> None:
    signed(desk, 5, 2)
    desk.put_back(5)
    after = {"origin": f"{KEY.name}/epoch-2"}
    desk.plant("ledger.forked", {"origin": KEY.name, "size": 7, "agreed": 5}, after)
    desk.add(desk.head(after["origin"]), [KEY], "anew")
    found = desk.judged(epoch=2)
    assert (found.conclusion, [fork.size for fork in found.given_up]) == (Conclusion.ANCHORED, [7])


def test_the_same_copy_put_back_twice_goes_on_twice(desk: Desk) -> None:
    signed(desk, 5, 4)
    desk.put_back(5)
    desk.fork("the disk broke")
    signed(desk, 6)
    desk.put_back(5)
    desk.write(2)
    desk.fork("it broke again")
    found = desk.judged(epoch=3)
    assert (found.conclusion, found.anchored) == (Conclusion.ANCHORED, 8)
    assert [fork.after for fork in found.given_up] == ["acme.example/ledger/epoch-3"]
    desk.notary().check()


def test_a_share_that_was_away_after_a_restore_is_given_up_with_the_rest(desk: Desk) -> None:
    signed(desk, 5, 4)
    desk.put_back(5)
    away = desk.folder.rename(desk.folder.parent / "away")
    signed(desk, 2, 6)
    away.rename(desk.folder)
    with pytest.raises(Tampered):
        desk.notary().check()
    desk.fork("the disk broke")
    found = desk.judged(epoch=2)
    assert (found.conclusion, found.anchored) == (Conclusion.ANCHORED, 14)
    desk.notary().check()


def test_nothing_is_given_up_while_a_place_is_silent_unless_that_is_said(desk: Desk) -> None:
    signed(desk, 5, 4)
    desk.put_back(5)
    desk.anchors.append(Full())
    with pytest.raises(StateError, match=r"bucket could not be asked what it keeps: no answer.* --without bucket"):
        desk.notary().fork(BECAUSE)
    desk.notary().fork(BECAUSE, without=["bucket"])


def test_a_place_that_was_left_out_and_speaks_against_the_ledger_later_can_be_given_up_too(desk: Desk) -> None:
    two = desk.folder.parent / "two"
    two.mkdir()
    desk.anchors.append(Directory("two", two))
    signed(desk, 5, 4)
    desk.write(4)
    Notary(desk.store, [KEY], [Directory("two", two)], desk.clock).close(BECAUSE)
    desk.put_back(5)
    notary = desk.notary()
    notary.hand_out(notary.fork(BECAUSE, without=["two"]), at_once=True)
    (desk.folder / "found.note").write_bytes((two / "acme.example_ledger.000000000013.note").read_bytes())
    assert desk.judged(epoch=2).conclusion is Conclusion.TAMPERED
    desk.fork("and a share was away")
    found = desk.judged(epoch=3)
    assert (found.conclusion, [fork.size for fork in found.given_up]) == (Conclusion.ANCHORED, [9, 13])
    with pytest.raises(Tampered, match="nothing to give up"):
        desk.notary().fork(BECAUSE)


def test_a_planted_beginning_anew_does_not_wait_for_a_true_one(desk: Desk) -> None:
    signed(desk, 3)
    desk.plant("ledger.forked", {"origin": KEY.name, "size": 10**9, "agreed": 0}, {"origin": f"{KEY.name}/epoch-2"})
    desk.add(desk.head(), [KEY], "signed-all-the-same")
    desk.write(4)
    desk.add(desk.head(), [KEY], "newest")
    desk.put_back(4)
    raw(desk.url, "DELETE FROM checkpoint")
    desk.fork("the disk broke")
    found = desk.judged(epoch=2)
    assert [(fork.seq, fork.agreed, fork.size) for fork in found.given_up] == [(5, 4, 8)]


def test_a_ledger_that_was_begun_anew_is_vouched_for_once_the_auditor_knows_of_it(desk: Desk) -> None:
    signed(desk, 5, 4)
    desk.put_back(6)
    desk.fork("the disk broke")
    found = desk.judged()
    assert (found.conclusion, found.anchored) == (Conclusion.UNDECIDED, 7)
    assert found.doubts == (
        "records 6 to 9 of acme.example/ledger were given up; --epoch 2 says that you know of that",
    )
    assert desk.judged(epoch=2).conclusion is Conclusion.ANCHORED


def test_a_record_that_waits_for_a_checkpoint_for_more_than_a_day_decides_nothing(desk: Desk) -> None:
    signed(desk, 3)
    desk.write(1)
    desk.now += timedelta(hours=24)
    desk.write(1)
    assert desk.judged().conclusion is Conclusion.ANCHORED
    desk.now += timedelta(seconds=1)
    desk.write(1)
    found = desk.judged()
    assert (found.conclusion, found.anchored, len(found.doubts)) == (Conclusion.UNDECIDED, 3, 1)
    assert "record 4 is vouched for by no checkpoint" in found.doubts[0]


def test_a_text_that_is_erased_by_a_record_that_nobody_vouches_for_decides_nothing(desk: Desk) -> None:
    signed(desk, 3)
    [(gone,)] = raw(desk.url, "SELECT hash FROM salted ORDER BY hash LIMIT 1")
    desk.store.commit(None, Effects(notes=[Note("person.erased", "person", BECAUSE, after={"hashes": [gone]})]))
    raw(desk.url, "DROP TRIGGER IF EXISTS salted_only_erased" if desk.kind == "sqlite" else "SELECT 1")
    raw(desk.url, ("DELETE FROM salted WHERE hash = ?", (gone,)))
    found = desk.examined()
    assert (found.conclusion, found.verdict.erasing) == (Conclusion.UNDECIDED, {4: 1})
    assert "1 personal texts are said to be erased by records that no checkpoint vouches for: 4" in found.doubts
    signed(desk, 1)
    assert desk.judged().conclusion is Conclusion.ANCHORED


def test_a_checkpoint_that_is_kept_twice_counts_once(desk: Desk) -> None:
    signed(desk, 3)
    desk.add(desk.head(), [KEY], "again")
    assert desk.judged().checked == 1


def test_a_clock_that_was_ahead_once_does_not_silence_the_daily_record(desk: Desk) -> None:
    desk.now += timedelta(days=300)
    signed(desk, 3)
    desk.now -= timedelta(days=299)
    desk.notary().close(BECAUSE)
    assert [head.size for head in desk.kept()] == [3, 4]


def test_records_that_go_back_in_time_are_told_of(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    signed(desk, 3)
    desk.now -= timedelta(minutes=5)
    signed(desk, 2)
    assert desk.judged().conclusion is Conclusion.ANCHORED
    desk.now -= timedelta(minutes=5, seconds=1)
    signed(desk, 1)
    desk.now += timedelta(days=300)
    signed(desk, 1)
    desk.now -= timedelta(days=300)
    signed(desk, 2)
    found = desk.judged()
    assert (found.conclusion, found.anchored, found.verdict.backdated) == (Conclusion.ANCHORED, 9, (6, 8))
    assert "The clock went back by more than 5 minutes before 2 records: 6, 8." in capsys.readouterr().out


def stamped(desk: Desk, *after: timedelta) -> Finding:
    """What comes of checkpoints that nobody but a time-stamp authority vouches for, each so long after it was made."""
    files = sorted(desk.folder.iterdir())
    found = [
        Kept(file.read_text(), file.name, stamped=desk.now + each) for file, each in zip(files, after, strict=True)
    ]
    return examine(desk.store, found, [KEY.public])


def test_a_time_stamp_alone_vouches_for_what_was_recorded_shortly_before(desk: Desk) -> None:
    signed(desk, 3, 2)
    week = timedelta(days=7)
    assert stamped(desk, week, week).conclusion is Conclusion.ANCHORED
    assert stamped(desk, 3 * week, week).conclusion is Conclusion.ANCHORED
    found = stamped(desk, week, 2 * week)
    assert (found.conclusion, found.anchored) == (Conclusion.UNDECIDED, 5)
    assert found.doubts == (
        "record 4 says that it was recorded at 2026-11-22 12:00 UTC, and nothing but a time stamp of "
        "2026-12-06 12:00 UTC vouches for records 4 to 5",
    )
    assert found.remarks == ()
    files = sorted(desk.folder.iterdir())
    other = Kept(files[1].read_text(), "a share")
    late = Kept(files[0].read_text(), "stamps", stamped=desk.now + 2 * week)
    assert examine(desk.store, [other, late], [KEY.public]).conclusion is Conclusion.ANCHORED


def test_stamps_that_began_late_or_stopped_for_a_while_vouch_for_what_came_after(desk: Desk) -> None:
    day = timedelta(days=1)
    signed(desk, 3)
    desk.now += 20 * day
    signed(desk, 2)
    desk.now += 20 * day
    signed(desk, 1, 1)
    found = stamped(desk, -12 * day, -12 * day, timedelta(0), timedelta(0))
    assert (found.conclusion, found.anchored, found.doubts) == (Conclusion.ANCHORED, 7, ())
    assert found.remarks == (
        "record 1 says that it was recorded at 2026-11-22 12:00 UTC, and nothing but a time stamp of "
        "2026-12-20 12:00 UTC vouches for records 1 to 3",
        "record 4 says that it was recorded at 2026-12-12 12:00 UTC, and nothing but a time stamp of "
        "2026-12-20 12:00 UTC vouches for records 4 to 5",
    )
    found = stamped(desk, -12 * day, -12 * day, 8 * day, 8 * day)
    assert (found.conclusion, len(found.doubts), len(found.remarks)) == (Conclusion.UNDECIDED, 1, 3)


def test_a_copy_on_this_machine_of_what_is_kept_elsewhere_speaks_against_a_ledger_and_not_for_it(desk: Desk) -> None:
    signed(desk, 3, 2)
    copies = [Kept(file.read_text(), file.name, vouches=False) for file in sorted(desk.folder.iterdir())]
    found = examine(desk.store, copies, [KEY.public])
    assert (found.conclusion, found.anchored) == (Conclusion.UNDECIDED, 0)
    desk.put_back(4)
    assert examine(desk.store, copies, [KEY.public]).conclusion is Conclusion.TAMPERED


def test_a_note_that_is_kept_in_many_places_is_checked_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    signed(desk, 3, 2)
    notes = [file.read_text() for file in sorted(desk.folder.iterdir())]
    copies = [Kept(note, f"{place}/{note[:3]}") for place in range(20) for note in notes]
    monkeypatch.setattr(checkpoint, "_CHECKED", kept := dict[bytes, bool]())
    assert examine(desk.store, copies, [KEY.public]).checked == 2
    assert len(kept) == 2
    for number in range(20):
        desk.add(desk.head(), [KEY], f"again-{number}")
    verify.is_signed.cache_clear()
    desk.judged()
    assert verify.is_signed.cache_info().misses == 3


def test_neither_program_takes_a_text_in_that_is_longer_than_a_checkpoint_is(desk: Desk) -> None:
    signed(desk, 3)
    head, key = desk.head(), str(KEY.public)
    for name, more in (("fits", 15_000), ("does-not", 16_000)):
        text = head.text + "x" * more + "\n"
        (desk.folder / f"{name}.note").write_text(f"{text}\n{KEY.line(text)}", encoding="utf-8")
    assert [len(each.note) // 1000 for each in Directory("share", desk.folder).every()] == [0, 0, 15]
    [fits, longer] = [(desk.folder / f"{name}.note").read_text(encoding="utf-8") for name in ("fits", "does-not")]
    assert verify.checkpoint(fits, "here", [verify.key(key)]).size == 3
    with pytest.raises(verify.Wrong, match="no signed note"):
        verify.checkpoint(longer, "here", [verify.key(key)])
    assert len(max((each.text for each in verify.notes(verify.Pack(desk.folder), "")), key=len)) == 16_001
    assert desk.judged().checked == 1
