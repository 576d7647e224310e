"""A git repository that checkpoints are pushed to: a clone on this machine, and a branch elsewhere that only grows."""

import hashlib
import io
import os
import re
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from heapq import merge
from pathlib import Path

from connectors.anchors.base import AnchorError, Kept
from connectors.anchors.directory import SUFFIX, Directory, age_by, file_name, newest_first
from state.checkpoint import LONGEST, Head

_WHO = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in (("NAME", "Counterfoil"), ("EMAIL", "counterfoil@localhost"))
}
_ALONE = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C",
}
"""Nothing of who runs it, and no question to somebody who is not there."""
_SETTINGS = (
    f"core.hooksPath={os.devnull}",
    "core.fsmonitor=false",
    "core.autocrlf=false",
    "core.quotePath=false",
    "commit.gpgSign=false",
    "gc.auto=0",
    "maintenance.auto=false",
)
_REFUSED = re.compile(r"\[(?:remote )?rejected\]")
_BEHIND = re.compile(r"fetch first|non-fast-forward")
_LOGIN = re.compile(r"//[^/@\s]*@")
_LONGEST = 300
_REFS = "refs/counterfoil"
"""Under which names the branches of remotes are kept in the clone."""
_RECENT = 500
"""So many commits are looked at for what they took away."""
_PAGE = 500
_CHANGE = re.compile(rf"""^:\d+ \d+ ([0-9a-f]+) ([0-9a-f]+) \w+\t"?(.+{re.escape(SUFFIX)})"?$""", re.MULTILINE)
_SMALL = re.compile(r"([0-9a-f]+) blob ([0-9]{1,9})")


class Git:
    """The clone that holds the folder `path`, whose branch is pushed to `remote`.

    `environment` is what the git program may know of this machine; it gets nothing else.
    """

    spacing = timedelta(minutes=1)

    def __init__(
        self, name: str, path: Path, *, remote: str, environment: Mapping[str, str], timeout_seconds: float = 60.0
    ) -> None:
        self.name = name
        self._path, self._remote, self._timeout = path, remote, timeout_seconds
        self._files = Directory(name, path)
        self._environment = {**environment, **_WHO, **_ALONE}

    def keep(self, head: Head, note: str) -> None:
        """Write the checkpoint, commit it and push the branch; raises `AnchorError`.

        What was committed before and could not be pushed is pushed along.
        """
        self._files.keep(head, note)
        file = file_name(head)
        self._git("add", "--force", "--", file)
        if self._git("status", "--porcelain", "--untracked-files=no", "--", file):
            message = f"Checkpoint of {head.origin} over {head.over}"
            self._git("commit", "--quiet", "--no-verify", "--message", message, "--", file)
        self._git("push", "--quiet", self._remote, "HEAD")

    def notes(self, name: str) -> Iterator[str]:
        """The checkpoints of this ledger at the remote and in the clone, the newest first.

        Those in the clone alone where the remote does not answer.
        """
        try:
            found = newest_first(self._fetched(), name, lambda each: each[0].name)
        except AnchorError:
            found = []

        def age(each: tuple[Path, str]) -> tuple[int, int]:
            return age_by(each[0].name, name) or (0, 0)

        return (note for _, note in merge(self._files.of(name), self._read(found), key=age, reverse=True))

    def every(self) -> Iterator[Kept]:
        """Every checkpoint on the branches of the remote, also where one of the newest commits took it away.

        After them come those in the clone that are not there any more, which vouch for nothing. Raises `AnchorError`,
        at the end, where the remote does not answer.
        """
        seen: set[str] = set()
        silent: AnchorError | None = None
        try:
            for file, note in self._read(self._fetched()):
                seen.add(note)
                yield Kept(note, f"{_shown(self._remote)}: {file}")
        except AnchorError as error:
            silent = error
        for each in self._files.every():
            if each.note not in seen:
                yield replace(each, vouches=False)
        if silent is not None:
            raise AnchorError(f"only the copies in {self._path} were looked at: {silent}") from silent

    def _fetched(self) -> list[tuple[Path, str]]:
        """The files that are or lately were at the remote, each with git's name of what stands in it.

        Those that are too long are left out. Raises `AnchorError`.
        """
        refs = f"{_REFS}/{hashlib.sha256(self._remote.encode()).hexdigest()[:16]}"
        self._git("fetch", "--quiet", "--no-tags", "--prune", self._remote, f"+refs/heads/*:{refs}/*")
        empty = self._git("hash-object", "-t", "tree", "--stdin").decode().strip()
        trees = self._git("for-each-ref", "--format=%(tree)", refs).decode().split()
        recent = self._git("rev-list", f"--max-count={_RECENT}", f"--glob={refs}").decode().split()
        asked = [*(f"{empty} {tree}" for tree in dict.fromkeys(trees)), *recent]
        changes = ("diff-tree", "--stdin", "-r", "-m", "--root", "--raw", "--no-renames", "--no-abbrev")
        listed = self._git(*changes, given=_lines(asked))
        changed = _CHANGE.findall(listed.decode("utf-8", "replace"))
        found = dict.fromkeys((Path(file), object_) for *sides, file in changed for object_ in sides)
        told = self._git("cat-file", "--batch-check", given=_lines(object_ for _, object_ in found))
        small = {object_ for object_, size in _SMALL.findall(told.decode()) if int(size) <= LONGEST}
        return [each for each in found if each[1] in small]

    def _read(self, files: Sequence[tuple[Path, str]]) -> Iterator[tuple[Path, str]]:
        """What stands in each of these files; raises `AnchorError`."""
        for at in range(0, len(files), _PAGE):
            page = files[at : at + _PAGE]
            answer = io.BytesIO(self._git("cat-file", "--batch", given=_lines(object_ for _, object_ in page)))
            for file, _ in page:
                size = int(answer.readline().split()[-1])
                yield file, answer.read(size + 1)[:-1].decode("utf-8", "replace")

    def _git(self, *words: str, given: bytes = b"") -> bytes:
        """What git answers; raises `AnchorError`."""
        settings = [word for each in _SETTINGS for word in ("-c", each)]
        try:
            with subprocess.Popen(  # noqa: S603
                ["git", "-C", str(self._path), *settings, *words],  # noqa: S607
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            ) as process:
                said, complaint = self._answer(process, words[0], given)
        except OSError as error:
            raise AnchorError(f"the git program cannot be run: {error.strerror}; install git") from error
        if process.returncode:
            raise AnchorError(self._why(words[0], complaint.decode("utf-8", "replace")))
        return said

    def _answer(self, process: subprocess.Popen[bytes], command: str, given: bytes) -> tuple[bytes, bytes]:
        try:
            return process.communicate(given, timeout=self._timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise AnchorError(
                f"git {command} took longer than {self._timeout:g} seconds{self._by_hand(command)}"
            ) from None

    def _why(self, command: str, complaint: str) -> str:
        said = " ".join(_shown(complaint).split())[:_LONGEST]
        if command not in ("push", "fetch"):
            return f"git {command} failed in {self._path}: {said}"
        remote = _shown(self._remote)
        if command == "fetch":
            return f"{remote} cannot be fetched from: {said}{self._by_hand(command)}"
        if _BEHIND.search(complaint):
            return (
                f"{remote} has commits that {self._path} has not; somebody else writes there, or it was written anew. "
                f"Look at them, then: git -C {self._path} pull --rebase {remote}"
            )
        refused = "refuses what is pushed" if _REFUSED.search(complaint) else "cannot be pushed to"
        return f"{remote} {refused}: {said}{self._by_hand(command)}"

    def _by_hand(self, command: str) -> str:
        what = " HEAD" if command == "push" else ""
        return f"; to see for yourself: git -C {self._path} {command} {_shown(self._remote)}{what}"


def _lines(words: Iterable[str]) -> bytes:
    return "".join(f"{each}\n" for each in words).encode()


def _shown(text: str) -> str:
    """The text without the logins in its addresses."""
    return _LOGIN.sub("//***@", text)
