"""A git repository that checkpoints are pushed to: a clone on this machine, and a branch elsewhere that only grows."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

from connectors.anchors.base import AnchorError
from connectors.anchors.directory import Directory, file_name
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
        """The checkpoints of this ledger in the clone, the newest first; the remote is not asked."""
        return self._files.notes(name)

    def every(self) -> Iterator[tuple[str, str]]:
        """Every checkpoint in the clone, and its file; raises `AnchorError`."""
        return self._files.every()

    def _git(self, *words: str) -> str:
        """What git answers; raises `AnchorError`."""
        settings = [word for each in _SETTINGS for word in ("-c", each)]
        try:
            with subprocess.Popen(  # noqa: S603
                ["git", "-C", str(self._path), *settings, *words],  # noqa: S607
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
            ) as process:
                said, complaint = self._answer(process, words[0])
        except OSError as error:
            raise AnchorError(f"the git program cannot be run: {error.strerror}; install git") from error
        if process.returncode:
            raise AnchorError(self._why(words[0], complaint))
        return said

    def _answer(self, process: subprocess.Popen[str], command: str) -> tuple[str, str]:
        try:
            return process.communicate(timeout=self._timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise AnchorError(f"git {command} took longer than {self._timeout:g} seconds{self._by_hand()}") from None

    def _why(self, command: str, complaint: str) -> str:
        said = " ".join(_shown(complaint).split())[:_LONGEST]
        if command != "push":
            return f"git {command} failed in {self._path}: {said}"
        remote = _shown(self._remote)
        if _BEHIND.search(complaint):
            return (
                f"{remote} has commits that {self._path} has not; somebody else writes there, or it was written anew. "
                f"Look at them, then: git -C {self._path} pull --rebase {remote}"
            )
        refused = "refuses what is pushed" if _REFUSED.search(complaint) else "cannot be pushed to"
        return f"{remote} {refused}: {said}{self._by_hand()}"

    def _by_hand(self) -> str:
        return f"; to see for yourself: git -C {self._path} push {_shown(self._remote)} HEAD"


def _shown(text: str) -> str:
    """The text without the logins in its addresses."""
    return _LOGIN.sub("//***@", text)
