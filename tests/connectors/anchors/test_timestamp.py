"""Checkpoints that a time-stamp authority stamps."""

import subprocess
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from connectors.anchors.base import AnchorError
from connectors.anchors.timestamp import TimeStamps
from state.checkpoint import Head, SigningKey, signed
from sync.report import verify
from tests.connectors.anchors.authority import Authority

KEY = SigningKey.made("acme.example/ledger", bytes(range(32)))
FILE = "acme.example_ledger.000000000007"


def note(size: int) -> tuple[Head, str]:
    head = Head(KEY.name, size, bytes([size]) * 32)
    return head, signed(head, [KEY])


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "stamps"
    made.mkdir()
    return made


def stamps(folder: Path, authority: Authority, url: str = "http://127.0.0.1:1/tsa") -> TimeStamps:
    return TimeStamps("stamps", folder, url=url, roots=[authority.root])


def kept(folder: Path, authority: Authority, *sizes: int) -> None:
    with authority.served() as url:
        for size in sizes:
            stamps(folder, authority, url).keep(*note(size))


def test_a_stamp_stands_beside_its_checkpoint_and_openssl_takes_it(folder: Path, authority: Authority) -> None:
    kept(folder, authority, 7)
    assert sorted(file.name for file in folder.iterdir()) == [f"{FILE}.note", f"{FILE}.tsr"]
    assert (folder / f"{FILE}.note").read_text() == note(7)[1]
    words = ["openssl", "ts", "-verify", "-data", f"{FILE}.note", "-in", f"{FILE}.tsr", "-CAfile", str(authority.root)]
    assert subprocess.run(words, cwd=folder, check=True, capture_output=True).stdout == b"Verification: OK\n"
    stamp, checkpoint = (folder / f"{FILE}.tsr").read_bytes(), (folder / f"{FILE}.note").read_bytes()
    assert (verify.is_about(stamp, checkpoint), verify.is_about(stamp, checkpoint + b" ")) == (True, False)


def test_a_checkpoint_is_stamped_once(folder: Path, authority: Authority) -> None:
    kept(folder, authority, 7, 7)
    assert len(authority.asked) == 1


def test_a_checkpoint_whose_writing_was_cut_off_keeps_its_first_stamp(folder: Path, authority: Authority) -> None:
    kept(folder, authority, 7)
    (folder / f"{FILE}.note").unlink()
    kept(folder, authority, 7)
    assert len(authority.asked) == 1
    assert next(stamps(folder, authority).notes(KEY.name)) == note(7)[1]


def test_the_newest_is_the_newest_that_was_stamped(folder: Path, authority: Authority) -> None:
    assert list(stamps(folder, authority).notes(KEY.name)) == []
    kept(folder, authority, 7, 9)
    (folder / "acme.example_ledger.000000000011.note").write_text(note(11)[1])
    assert next(stamps(folder, authority).notes(KEY.name)) == note(9)[1]
    found = list(stamps(folder, authority).every())
    assert [each.note for each in found] == [note(7)[1], note(9)[1]]
    assert all(each.stamped and abs(each.stamped - datetime.now(UTC)) < timedelta(minutes=5) for each in found)


def test_a_stamp_of_another_text_does_not_count(folder: Path, authority: Authority) -> None:
    kept(folder, authority, 7)
    (folder / f"{FILE}.tsr").rename(folder / "acme.example_ledger.000000000009.tsr")
    with pytest.raises(AnchorError, match=r"\.tsr is no stamp of this checkpoint: Mismatch between messages"):
        kept(folder, authority, 9)
    assert list(stamps(folder, authority).notes(KEY.name)) == []


def test_a_stamp_that_was_changed_does_not_count(folder: Path, authority: Authority) -> None:
    kept(folder, authority, 7)
    stamp = folder / f"{FILE}.tsr"
    whole = stamp.read_bytes()
    for at in (whole.index(sha256(note(7)[1].encode()).digest()), whole.index(b"Acme Authority"), len(whole) - 1):
        stamp.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert list(stamps(folder, authority).notes(KEY.name)) == []
    stamp.write_bytes(whole[:-1])
    assert list(stamps(folder, authority).notes(KEY.name)) == []


def test_an_answer_to_another_question_does_not_count(folder: Path, authority: Authority) -> None:
    kept(folder, authority, 7)
    authority.instead = (folder / f"{FILE}.tsr").read_bytes()
    (folder / f"{FILE}.tsr").unlink()
    with pytest.raises(AnchorError, match="Nonce mismatch"):
        kept(folder, authority, 7)


def test_a_stamp_of_another_authority_does_not_count(folder: Path, authority: Authority, tmp_path: Path) -> None:
    other = Authority(tmp_path / "other")
    with other.served() as url, pytest.raises(AnchorError, match="is no stamp that counts: Error while verifying"):
        stamps(folder, authority, url).keep(*note(7))
    assert list(folder.iterdir()) == []
    kept(folder, other, 7)
    assert list(stamps(folder, authority).notes(KEY.name)) == []


def test_a_stamp_by_a_certificate_that_had_expired_does_not_count(folder: Path, tmp_path: Path) -> None:
    late = Authority(tmp_path / "late", now=datetime.now(UTC) - timedelta(days=60))
    with late.served() as url, pytest.raises(AnchorError, match="is no stamp that counts: Error while verifying"):
        stamps(folder, late, url).keep(*note(7))


@pytest.mark.parametrize(
    ("status", "said", "why"),
    [
        (503, b"down", "answers 503; is it a time-stamp authority"),
        (200, b"<html>hello</html>", "it is not an answer of a time-stamp authority"),
        (200, bytes.fromhex("30053003020102"), "it was refused"),
    ],
)
def test_an_answer_that_is_no_stamp_is_told_of(
    folder: Path, authority: Authority, status: int, said: bytes, why: str
) -> None:
    authority.instead = said
    with authority.served(status) as url, pytest.raises(AnchorError, match=why):
        stamps(folder, authority, url).keep(*note(7))
    assert list(folder.iterdir()) == []


def test_nobody_there_and_no_certificates_are_told_of(folder: Path, authority: Authority, tmp_path: Path) -> None:
    with pytest.raises(AnchorError, match=r"127\.0\.0\.1 cannot be reached"):
        stamps(folder, authority).keep(*note(7))
    for roots, why in ((tmp_path / "gone.pem", "cannot be read"), (authority.folder / "serial", "no certificates")):
        with authority.served() as url, pytest.raises(AnchorError, match=why):
            TimeStamps("stamps", folder, url=url, roots=[roots]).keep(*note(7))
