"""A file that is as we left it is known by its time of change."""

import os
from pathlib import Path

import pytest

from state import seal


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "counterfoil.db"
    path.write_bytes(b"what we left")
    seal.put(path)
    return path


def test_a_seal_holds_until_somebody_writes(file: Path) -> None:
    assert seal.holds(file)
    seal.put(file)
    assert seal.holds(file)
    with file.open("r+b") as other:
        other.write(b"W")
    assert not seal.holds(file)


def test_a_seal_does_not_hold_for_a_copy_or_for_another_size(file: Path, tmp_path: Path) -> None:
    (tmp_path / "copy").write_bytes(file.read_bytes())
    assert not seal.holds(tmp_path / "copy")
    was = file.stat()
    os.truncate(file, 5)
    os.utime(file, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert not seal.holds(file)


def test_a_seal_can_be_torn(file: Path) -> None:
    seal.tear(file)
    assert not seal.holds(file)


def test_a_file_that_is_not_there_is_not_sealed_and_is_not_made(tmp_path: Path) -> None:
    seal.put(tmp_path / "none")
    seal.tear(tmp_path / "none")
    assert not seal.holds(tmp_path / "none")
    assert list(tmp_path.iterdir()) == []


def test_sealing_keeps_the_second_of_the_change(file: Path) -> None:
    os.utime(file, (1_700_000_000, 1_700_000_000))
    seal.put(file)
    assert int(file.stat().st_mtime) == 1_700_000_000
