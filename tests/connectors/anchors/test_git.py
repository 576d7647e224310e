"""Checkpoints that are pushed to a git repository."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from connectors.anchors.base import AnchorError, Kept
from connectors.anchors.git import Git
from state.checkpoint import Head, SigningKey, signed

KEY = SigningKey.made("acme.example/ledger", bytes(range(32)))


def note(size: int) -> tuple[Head, str]:
    head = Head(KEY.name, size, bytes([size % 256]) * 32)
    return head, signed(head, [KEY])


@dataclass
class Repository:
    """A bare repository, and a clone of it."""

    bare: Path
    clone: Path
    home: Path

    def __call__(self, folder: Path, *words: str) -> str:
        alone = {"PATH": os.environ["PATH"], "HOME": str(self.home), "GIT_CONFIG_NOSYSTEM": "1"}
        who = ("-c", "user.name=Vera", "-c", "user.email=vera@acme.example", "-c", "init.defaultBranch=main")
        ran = subprocess.run(
            ["git", "-C", str(folder), *who, *words], env=alone, check=True, capture_output=True, text=True
        )
        return ran.stdout

    def anchor(self, **said: object) -> Git:
        given = {"remote": "origin", "environment": {"PATH": os.environ["PATH"]}} | said
        return Git("repository", self.clone, **given)  # type: ignore[arg-type]

    def pushed(self) -> list[str]:
        """What the commits at the far side say, newest first."""
        return self(self.bare, "log", "--format=%an <%ae> %s", "main").splitlines()

    def shown(self, file: str) -> str:
        return self(self.bare, "show", f"main:{file}")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    if shutil.which("git") is None:
        pytest.skip("the git program is not installed, so there is no repository to push to")
    made = Repository(tmp_path / "far.git", tmp_path / "clone", tmp_path)
    for folder in (made.bare, made.clone):
        folder.mkdir()
    made(made.bare, "init", "--quiet", "--bare")
    made(made.clone, "init", "--quiet")
    made(made.clone, "remote", "add", "origin", str(made.bare))
    return made


def test_a_checkpoint_is_pushed_as_it_was_signed(repository: Repository) -> None:
    head, text = note(7)
    repository.anchor().keep(head, text)
    assert repository.shown("acme.example_ledger.000000000007.note") == text
    said = "Counterfoil <counterfoil@localhost> Checkpoint of acme.example/ledger over 7 records"
    assert repository.pushed() == [said]


def test_the_same_checkpoint_again_makes_no_second_commit(repository: Repository) -> None:
    for size in (7, 7, 9, 7):
        repository.anchor().keep(*note(size))
    assert [line.split()[-2] for line in repository.pushed()] == ["9", "7"]


def test_checkpoints_are_read_from_the_remote_and_those_in_the_clone_alone_vouch_for_nothing(
    repository: Repository,
) -> None:
    anchor = repository.anchor()
    assert [*anchor.notes(KEY.name), *anchor.every()] == []
    for size in (7, 112):
        anchor.keep(*note(size))
    for file in repository.clone.glob("*.note"):
        file.unlink()
    (repository.clone / "acme.example_ledger.000000000200.note").write_text("theirs", encoding="utf-8")
    assert list(anchor.notes(KEY.name)) == ["theirs", note(112)[1], note(7)[1]]
    assert list(anchor.notes("acme.example/other")) == []
    found = {each.note: each for each in anchor.every()}
    assert {text: each.vouches for text, each in found.items()} == {
        note(7)[1]: True,
        note(112)[1]: True,
        "theirs": False,
    }
    assert found[note(7)[1]].place == "origin: acme.example_ledger.000000000007.note"


def test_a_remote_that_was_written_anew_hides_nothing_of_what_the_clone_holds(repository: Repository) -> None:
    anchor = repository.anchor()
    for size in (7, 9, 11, 12):
        anchor.keep(*note(size))
    repository(repository.bare, "update-ref", "refs/heads/main", "refs/heads/main~2")
    assert list(dict.fromkeys(anchor.notes(KEY.name))) == [note(size)[1] for size in (12, 11, 9, 7)]
    found = {each.note: each.vouches for each in anchor.every()}
    assert found == {note(7)[1]: True, note(9)[1]: True, note(11)[1]: False, note(12)[1]: False}


@pytest.mark.parametrize(("copy", "stays"), [("a.note", True), ("a.txt", True), (".note", False)])
def test_neither_a_copy_under_another_name_nor_taking_it_away_hides_the_newest(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, copy: str, stays: bool
) -> None:
    monkeypatch.setattr("connectors.anchors.git._RECENT", 1)
    anchor, theirs, file = repository.anchor(), tmp_path / "theirs", "acme.example_ledger.000000000009.note"
    for size in (7, 9):
        anchor.keep(*note(size))
    repository(tmp_path, "clone", "--quiet", "--branch", "main", str(repository.bare), "theirs")
    (theirs / file).rename(theirs / copy)
    if stays:
        (theirs / file).write_text(note(9)[1], encoding="utf-8")
    repository(theirs, "add", "--all")
    repository(theirs, "commit", "--quiet", "--message", "Nothing")
    repository(theirs, "push", "--quiet", "origin", "HEAD")
    for each in repository.clone.glob("*.note"):
        each.unlink()
    assert next(anchor.notes(KEY.name)) == note(9)[1]
    assert (note(9)[1], f"origin: {file}") in {(each.note, each.place) for each in anchor.every() if each.vouches}


def test_a_clone_s_folder_may_have_any_name(repository: Repository) -> None:
    folder = repository.clone / 'prüf "ung'
    folder.mkdir()
    anchor = Git("repository", folder, remote="origin", environment={"PATH": os.environ["PATH"]})
    anchor.keep(*note(7))
    assert [(each.vouches, "prüf" in each.place) for each in anchor.every()] == [(True, True)]


def test_what_a_later_commit_took_away_or_wrote_over_is_still_there(repository: Repository, tmp_path: Path) -> None:
    anchor = repository.anchor()
    for size in (7, 9):
        anchor.keep(*note(size))
    repository(tmp_path, "clone", "--quiet", "--branch", "main", str(repository.bare), "theirs")
    theirs = tmp_path / "theirs"
    repository(theirs, "rm", "--quiet", "acme.example_ledger.000000000009.note")
    (theirs / "acme.example_ledger.000000000007.note").write_text("another", encoding="utf-8")
    (theirs / "long.note").write_bytes(b"x" * 20_000)
    repository(theirs, "add", "long.note")
    repository(theirs, "commit", "--quiet", "--all", "--message", "Nothing")
    repository(theirs, "push", "--quiet", "origin", "HEAD")
    assert {each.note for each in anchor.every()} == {note(7)[1], note(9)[1], "another"}


def test_where_the_remote_does_not_answer_the_clone_is_read_and_vouches_for_nothing(repository: Repository) -> None:
    anchor = repository.anchor()
    for size in (7, 112):
        anchor.keep(*note(size))
    repository.bare.rename(repository.bare.with_name("gone"))
    assert next(anchor.notes(KEY.name)) == note(112)[1]
    found: list[Kept] = []
    with pytest.raises(AnchorError, match=r"only the copies in .*clone were looked at: origin cannot be fetched from"):
        found.extend(anchor.every())
    assert [(each.note, each.vouches) for each in found] == [(note(7)[1], False), (note(112)[1], False)]


def test_a_remote_that_is_asked_and_never_answers_is_given_up(repository: Repository) -> None:
    repository(repository.clone, "remote", "set-url", "origin", "ssh://git.acme.example/audit.git")
    repository(repository.clone, "config", "core.sshCommand", "sleep 600 #")
    with pytest.raises(AnchorError, match=r"git fetch took longer than 0\.3 seconds"):
        list(repository.anchor(timeout_seconds=0.3).every())


def test_what_could_not_be_pushed_is_pushed_with_the_next_one(repository: Repository) -> None:
    gone = repository.bare.with_name("gone")
    repository.bare.rename(gone)
    with pytest.raises(AnchorError, match=r"origin cannot be pushed to: .*git -C .*clone push origin HEAD"):
        repository.anchor().keep(*note(7))
    gone.rename(repository.bare)
    repository.anchor().keep(*note(9))
    assert [line.split()[-2] for line in repository.pushed()] == ["9", "7"]


def test_a_branch_that_went_elsewhere_is_not_written_over(repository: Repository, tmp_path: Path) -> None:
    repository.anchor().keep(*note(7))
    repository(tmp_path, "clone", "--quiet", str(repository.bare), "theirs")
    repository(tmp_path / "theirs", "commit", "--quiet", "--allow-empty", "--message", "Theirs")
    repository(tmp_path / "theirs", "push", "--quiet", "origin", "HEAD")
    with pytest.raises(AnchorError, match=r"git -C .*clone pull --rebase origin"):
        repository.anchor().keep(*note(9))
    assert len(repository.pushed()) == 2


def test_a_branch_that_takes_no_pushes_says_so(repository: Repository) -> None:
    hook = repository.bare / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'this branch is protected' >&2\nexit 1\n", encoding="utf-8")
    hook.chmod(0o755)
    with pytest.raises(AnchorError, match=r"origin refuses what is pushed: .*this branch is protected"):
        repository.anchor().keep(*note(7))


def test_neither_hooks_nor_the_user_s_settings_have_a_say(repository: Repository) -> None:
    for name in ("pre-commit", "commit-msg", "pre-push", "post-commit"):
        hook = repository.clone / ".git" / "hooks" / name
        hook.write_text(f"#!/bin/sh\ntouch {repository.home}/ran\nexit 1\n", encoding="utf-8")
        hook.chmod(0o755)
    (repository.home / ".gitconfig").write_text("[commit]\n\tgpgSign = true\n[user]\n\tname = Eve\n", encoding="utf-8")
    environment = {"PATH": os.environ["PATH"], "HOME": str(repository.home)}
    repository.anchor(environment=environment).keep(*note(7))
    assert not (repository.home / "ran").exists()
    assert repository.pushed()[0].startswith("Counterfoil ")


def test_what_else_is_about_to_be_committed_is_left_alone(repository: Repository) -> None:
    (repository.clone / "other.txt").write_text("mine", encoding="utf-8")
    (repository.clone / ".gitignore").write_text("*.note\n", encoding="utf-8")
    repository(repository.clone, "add", "other.txt")
    repository.anchor().keep(*note(7))
    assert repository(repository.bare, "ls-tree", "--name-only", "main").split() == [
        "acme.example_ledger.000000000007.note"
    ]


def test_no_clone_and_no_git_program_are_told_apart(repository: Repository, tmp_path: Path) -> None:
    with pytest.raises(AnchorError, match="install git"):
        repository.anchor(environment={"PATH": str(tmp_path)}).keep(*note(7))
    plain = tmp_path / "plain"
    plain.mkdir()
    with pytest.raises(AnchorError, match=r"git add failed in .*plain: .*not a git repository"):
        Git("repository", plain, remote="origin", environment={"PATH": os.environ["PATH"]}).keep(*note(7))


def test_a_far_side_that_never_answers_is_given_up(repository: Repository) -> None:
    repository(repository.clone, "remote", "set-url", "origin", "ssh://git.acme.example/audit.git")
    repository(repository.clone, "config", "core.sshCommand", "sleep 600 #")
    with pytest.raises(AnchorError, match=r"git push took longer than 0\.3 seconds"):
        repository.anchor(timeout_seconds=0.3).keep(*note(7))


@pytest.mark.parametrize("scheme", ["http:", ""], ids=["as it should be", "without its scheme"])
@pytest.mark.parametrize("named", [True, False], ids=["by the clone", "by us"])
def test_a_password_in_the_remote_s_address_is_not_shown(repository: Repository, scheme: str, named: bool) -> None:
    address = f"{scheme}//vera:hunter2@127.0.0.1:1/audit.git"
    repository(repository.clone, "remote", "set-url", "origin", address)
    with pytest.raises(AnchorError) as caught:
        repository.anchor(remote="origin" if named else address).keep(*note(7))
    assert "hunter2" not in str(caught.value)
    assert "cannot be pushed to" in str(caught.value)
