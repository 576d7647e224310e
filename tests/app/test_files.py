"""Files that stand there whole or not at all, and what is no file."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sync.app.failures import Mistaken
from sync.app.files import OWNER, whole


def written(out: Path, text: bytes = b"told") -> bytes:
    """Write a text, and tell what was read of it meanwhile."""
    with whole(out) as file:
        file.write(text)
        file.seek(0)
        return file.read()


@contextmanager
def room(size: int) -> Iterator[None]:
    """No file may become larger."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_pipe_stays_one_and_is_given_all_of_it(tmp_path: Path) -> None:
    out = tmp_path / "pipe"
    os.mkfifo(out)
    reader = os.open(out, os.O_RDONLY | os.O_NONBLOCK)
    assert written(out) == b"told"
    assert (os.read(reader, 100), out.is_fifo()) == (b"told", True)
    os.close(reader)
    assert [each.name for each in tmp_path.iterdir()] == ["pipe"]


def test_what_is_open_under_a_number_is_written_to(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    assert written(Path(f"/dev/fd/{writer}")) == b"told"
    assert os.read(reader, 100) == b"told"
    with (tmp_path / "log").open("w+b", buffering=0) as log:
        log.write(b"before, ")
        written(Path(f"/proc/self/fd/{log.fileno()}"))
    assert (tmp_path / "log").read_bytes() == b"before, told"
    os.close(reader)
    with pytest.raises(Mistaken, match="cannot be written: Broken pipe"):
        written(Path(f"/dev/fd/{writer}"))
    os.close(writer)


def test_a_link_of_somebody_is_replaced_whatever_it_leads_to(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    with whole(tmp_path / "link", OWNER) as file:
        file.write(b"told")
    assert ((tmp_path / "link").is_symlink(), (tmp_path / "link").read_bytes()) == (False, b"told")
    assert (tmp_path / "link").stat().st_mode & 0o777 == OWNER


@pytest.mark.parametrize("name", [".", "..", "/", "folder", "no/where/file"])
def test_what_cannot_be_a_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    with pytest.raises(Mistaken, match="cannot be written: "), whole(Path(name)):
        pytest.fail("it was begun")
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]


def test_what_else_fails_meanwhile_is_not_told_of_the_file(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(FileNotFoundError, match="vault"), whole(out):
        (tmp_path / "vault").read_bytes()
    with pytest.raises(Mistaken, match="out cannot be written: File too large"), room(1000):
        written(out, b"x" * 1_000_000)
    assert list(tmp_path.iterdir()) == []
