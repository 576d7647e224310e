"""The vault: a file is whole under its hash or not there, and what is wrong with one is found."""

import hashlib
import os
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from state.database import Database
from state.errors import StateError
from state.vault import Fault, Kept, TooLarge, Vault, contents, safe_name

BYTES = b"the log of the rotation\n" * 1000
HASH = hashlib.sha256(BYTES).hexdigest()
STEPS = ("file.begun", "file.written", "file.placed", "file.kept")


def vault(folder: Path, crash: Callable[[str], None] = lambda _: None) -> Vault:
    return Vault(folder / "evidence", largest=1024 * 1024, crash=crash)


def pieces(some: bytes = BYTES) -> Iterator[bytes]:
    for start in range(0, len(some), 4096):
        yield some[start : start + 4096]


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir())


def test_in_a_folder_that_a_group_shares_files_are_for_the_group_and_for_nobody_else(tmp_path: Path) -> None:
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours").chmod(0o2770)
    vault(tmp_path / "ours").keep(pieces())
    path = vault(tmp_path / "ours").path(HASH)
    assert [oct(each.stat().st_mode & 0o7777) for each in (path, path.parent, path.parent.parent)] == [
        *("0o440", "0o2770", "0o2770")
    ]


def test_bytes_are_kept_under_their_hash_for_their_owner_only(tmp_path: Path) -> None:
    kept = vault(tmp_path).keep(pieces())
    assert kept == Kept(HASH, len(BYTES), BYTES[:512])
    path = vault(tmp_path).path(HASH)
    assert path == tmp_path / "evidence" / HASH[:2] / HASH
    assert b"".join(contents(path)) == BYTES
    assert [oct(each.stat().st_mode & 0o777) for each in (path, path.parent, path.parent.parent)] == [
        *("0o400", "0o700", "0o700")
    ]
    assert vault(tmp_path).fault(HASH) is None


def test_the_same_bytes_are_one_file(tmp_path: Path) -> None:
    for _ in range(3):
        vault(tmp_path).keep(pieces())
    assert files(tmp_path) == [f"evidence/{HASH[:2]}/{HASH}"]
    assert vault(tmp_path).unnamed({HASH}) == []


def test_nothing_at_all_is_a_file_too(tmp_path: Path) -> None:
    assert vault(tmp_path).keep([]) == Kept(hashlib.sha256().hexdigest(), 0, b"")


def test_what_is_too_large_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TooLarge, match="largest_mb"):
        vault(tmp_path).keep(pieces(b"x" * (1024 * 1024 + 1)))
    assert files(tmp_path) == []
    assert vault(tmp_path).keep(pieces(b"x" * 1024 * 1024)).size == 1024 * 1024


def test_what_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        vault(tmp_path).keep(broken())
    assert files(tmp_path) == []


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_any_step_leaves_a_whole_file_or_one_that_nothing_names(step: str, tmp_path: Path) -> None:
    if (child := os.fork()) == 0:
        vault(tmp_path, crash=lambda name: os.kill(os.getpid(), signal.SIGKILL) if name == step else None).keep(
            pieces()
        )
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    left = vault(tmp_path).unnamed(set())
    placed = step in STEPS[2:]
    assert len(left) == 1
    assert (left == [f"{HASH[:2]}/{HASH}"]) is placed
    assert vault(tmp_path).fault(HASH) is (None if placed else Fault.MISSING)
    vault(tmp_path).keep(pieces())
    assert vault(tmp_path).fault(HASH) is None
    assert vault(tmp_path).unnamed({HASH}) == ([] if placed else left)


def _another(path: Path) -> None:
    path.chmod(0o600)
    path.write_bytes(BYTES[:-1] + b"!")


def _cut(path: Path) -> None:
    path.chmod(0o600)
    path.write_bytes(BYTES[:-1])


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _link(path: Path) -> None:
    other = path.parent.parent.parent / "other"
    path.replace(other)
    path.symlink_to(other)


def _linked_folder(path: Path) -> None:
    other = path.parent.parent.parent / "others"
    path.parent.replace(other)
    path.parent.symlink_to(other)


@pytest.mark.parametrize(
    ("harm", "fault"),
    [
        (Path.unlink, Fault.MISSING),
        (_another, Fault.ALTERED),
        (_cut, Fault.ALTERED),
        (_folder, Fault.ALTERED),
        (_pipe, Fault.ALTERED),
        (_link, Fault.ALTERED),
        (_linked_folder, Fault.ALTERED),
    ],
)
def test_what_was_done_to_a_file_is_found(harm: Callable[[Path], None], fault: Fault, tmp_path: Path) -> None:
    vault(tmp_path).keep(pieces())
    harm(vault(tmp_path).path(HASH))
    assert vault(tmp_path).fault(HASH) is fault


@pytest.mark.parametrize("harm", [Path.unlink, _another, _link, _pipe])
def test_bringing_the_same_bytes_again_mends_a_file(harm: Callable[[Path], None], tmp_path: Path) -> None:
    vault(tmp_path).keep(pieces())
    harm(vault(tmp_path).path(HASH))
    vault(tmp_path).keep(pieces())
    assert vault(tmp_path).fault(HASH) is None
    assert not vault(tmp_path).path(HASH).is_symlink()


def test_nothing_is_written_behind_a_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "evidence").mkdir()
    (tmp_path / "evidence" / HASH[:2]).symlink_to(outside)
    with pytest.raises(StateError, match="is a link"):
        vault(tmp_path).keep(pieces())
    assert list(outside.iterdir()) == []
    assert vault(tmp_path).unnamed(set()) == [HASH[:2]]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "evidence").write_text("a file")
    with pytest.raises(StateError, match="evidence cannot be kept"):
        vault(tmp_path).keep(pieces())


def test_a_disk_that_takes_no_more_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    if (child := os.fork()) == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        try:
            vault(tmp_path).keep(pieces())
        except StateError as error:
            os._exit(42 if "evidence cannot be kept" in str(error) else 43)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 42
    assert files(tmp_path) == []


def test_a_folder_that_is_not_there_has_nothing_in_it(tmp_path: Path) -> None:
    assert vault(tmp_path).unnamed(set()) == []
    assert vault(tmp_path).fault(HASH) is Fault.MISSING


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_only_ordinary_files_are_read(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "it")
    with pytest.raises(OSError, match="not a file"):
        list(contents(tmp_path / "it"))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("report.pdf", "report.pdf"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("../..", "unnamed"),
        ("", "unnamed"),
        ("\x00\x1b[31m\n", "[31m"),
        ("gpj.\u202eexe.png", "gpj.exe.png"),
        ("São Paulo  plan.xlsx", "São Paulo plan.xlsx"),
        ("a" * 300 + ".pdf", "a" * 116 + ".pdf"),
        ("a." + "b" * 300, "a." + "b" * 118),
    ],
)
def test_a_name_from_outside_is_text_and_no_path(text: str, name: str) -> None:
    assert safe_name(text) == name


def test_a_database_in_a_folder_that_a_group_shares_is_for_that_group(tmp_path: Path) -> None:
    for mode, wanted in ((0o2770, "0o660"), (0o755, "0o600")):
        folder = tmp_path / oct(mode)
        folder.mkdir()
        folder.chmod(mode)
        database = Database(f"sqlite:///{folder / 'counterfoil.db'}")
        database.migrate()
        database.close()
        assert oct((folder / "counterfoil.db").stat().st_mode & 0o777) == wanted
