"""A git repository that checkpoints are pushed to: a clone on this machine, and a branch elsewhere that only grows."""

import hashlib
import io
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from connectors.anchors.base import AnchorError, Counts, Kept
from connectors.anchors.directory import SUFFIX, Directory, file_name, newest_first
from state.checkpoint import Head

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
_LARGEST = "1m"
_RECENT = 500
"""So many commits are looked at for what they took away: each lists all files anew."""
_PAGE = 100
_OBJECT = re.compile(rf"^([0-9a-f]{{40,64}}) (.+{re.escape(SUFFIX)})$", re.MULTILINE)


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
            message = f"Checkpoint of {head.origin} over {head.size} records"
            self._git("commit", "--quiet", "--no-verify", "--message", message, "--", file)
        self._git("push", "--quiet", self._remote, "HEAD")

    def notes(self, name: str) -> Iterator[str]:
        """The checkpoints of this ledger at the remote, the newest first, or in the clone where it does not answer."""
        try:
            found = newest_first(self._fetched("--no-walk").items(), name, lambda each: Path(each[1]).name)
        except AnchorError:
            yield from self._files.notes(name)
            return
        for at in range(0, len(found), _PAGE):
            yield from self._read([object_ for object_, _ in found[at : at + _PAGE]])

    def every(self, counts: Counts) -> Iterator[Kept]:
        """Every checkpoint on the branches of the remote, also where one of the newest commits took it away.

        Raises `AnchorError`. Where the remote does not answer, those in the clone come first, which vouch for nothing.
        """
        try:
            files = self._fetched("--no-walk", f"--max-count={_RECENT}")
            found = list(self._read(list(files)))
        except AnchorError as error:
            yield from (replace(each, vouches=False) for each in self._files.every(counts))
            raise AnchorError(f"only the copies in {self._path} were looked at: {error}") from error
        for note, file in zip(found, files.values(), strict=True):
            yield Kept(note, f"{_shown(self._remote)}: {file}")

    def _fetched(self, *walks: str) -> dict[str, str]:
        """By git's name of each, the files in those commits of the remote; raises `AnchorError`."""
        refs = f"{_REFS}/{hashlib.sha256(self._remote.encode()).hexdigest()[:16]}"
        self._git("fetch", "--quiet", "--no-tags", "--prune", self._remote, f"+refs/heads/*:{refs}/*")
        found: dict[str, str] = {}
        for walk in walks:
            listed = self._git("rev-list", "--objects", f"--filter=blob:limit={_LARGEST}", walk, f"--glob={refs}")
            found.update(_OBJECT.findall(listed.decode("utf-8", "replace")))
        return found

    def _read(self, objects: Sequence[str]) -> Iterator[str]:
        """What stands in each of these objects; raises `AnchorError`."""
        answer = io.BytesIO(self._git("cat-file", "--batch", given="".join(f"{each}\n" for each in objects).encode()))
        for _ in objects:
            size = int(answer.readline().split()[-1])
            yield answer.read(size + 1)[:-1].decode("utf-8", "replace")

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


def _shown(text: str) -> str:
    """The text without the logins in its addresses."""
    return _LOGIN.sub("//***@", text)
