"""Checkpoints that are kept in a folder, whatever else is in it."""

import os
from pathlib import Path

import pytest

from connectors.anchors.base import AnchorError
from connectors.anchors.directory import Directory, file_name
from state.checkpoint import Head, SigningKey, signed

KEY = SigningKey.made("acme.example/ledger", bytes(range(32)))


def note(size: int, root: int = 1, name: str = KEY.name) -> tuple[Head, str]:
    head = Head(name, size, bytes([root]) * 32)
    return head, signed(head, [KEY])


def test_a_checkpoint_is_kept_once_and_another_never_takes_its_place(tmp_path: Path) -> None:
    share = Directory("share", tmp_path)
    for _ in range(2):
        share.keep(*note(7))
    with pytest.raises(AnchorError, match="holds another checkpoint over as many records"):
        share.keep(*note(7, root=2))
    assert list(share.notes(KEY.name)) == [note(7)[1]]
    assert [each.name for each in tmp_path.iterdir()] == ["acme.example_ledger.000000000007.note"]


def test_where_nothing_goes_from_a_folder_what_was_kept_is_not_written_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = Directory("share", tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", _refused)
        share.keep(*note(7))
        share.keep(*note(9))
        with pytest.raises(AnchorError, match="holds another checkpoint"):
            share.keep(*note(7, root=2))
    assert list(share.notes(KEY.name)) == [note(9)[1], note(7)[1]]
    assert len([each for each in tmp_path.iterdir() if each.name.endswith(".part")]) == 2


def _refused(path: Path) -> None:
    raise PermissionError(1, "Operation not permitted", str(path))


@pytest.mark.parametrize("planted", ["link to what is kept", "symlink"])
def test_a_name_that_somebody_planted_is_not_written_to(tmp_path: Path, planted: str) -> None:
    share, precious = Directory("share", tmp_path), tmp_path / "precious"
    share.keep(*note(7))
    kept = tmp_path / file_name(note(7)[0])
    precious.write_text("precious", encoding="utf-8")
    for size in (7, 9):
        part = tmp_path / f".{file_name(note(size)[0])}.part"
        part.symlink_to(precious) if planted == "symlink" else os.link(kept, part)
    share.keep(*note(9))
    with pytest.raises(AnchorError):
        share.keep(*note(7, root=2))
    assert (kept.read_text(encoding="utf-8"), precious.read_text(encoding="utf-8")) == (note(7)[1], "precious")


def test_what_is_no_ordinary_file_is_neither_waited_for_nor_followed_nor_read_whole(tmp_path: Path) -> None:
    share, elsewhere = Directory("share", tmp_path / "share"), tmp_path / "elsewhere"
    (tmp_path / "share").mkdir()
    share.keep(*note(7))
    elsewhere.write_text(note(9)[1], encoding="utf-8")
    os.mkfifo(tmp_path / "share" / file_name(note(10)[0]))
    (tmp_path / "share" / file_name(note(11)[0])).symlink_to(elsewhere)
    with (tmp_path / "share" / file_name(note(12)[0])).open("wb") as huge:
        huge.truncate(1 << 40)
    assert list(share.notes(KEY.name)) == [note(7)[1]]
    assert [each.note for each in share.every()] == [note(7)[1], "", "", ""]


def test_ledgers_whose_names_differ_in_odd_characters_only_share_a_folder(tmp_path: Path) -> None:
    share = Directory("share", tmp_path)
    names = ["acme/x", "acme_x", "acme:x", "acme~3ax", "x/epoch-2", "x_epoch-2", "x"]
    for name in names:
        share.keep(*note(7, name=name))
    assert {name: len(list(share.notes(name))) for name in names} == dict.fromkeys(names, 1) | {"x": 2}
