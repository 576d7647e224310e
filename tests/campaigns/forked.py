"""The real command line in a process of its own, forked from one that has imported it to save the start-up time."""

import os
import signal
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from connectors.registry import kinds, settings_class
from sync.app import cli, explaining, items, ledger, overview, runs, settling

PRELOADED = (explaining, items, ledger, overview, runs, settling, *(settings_class(kind) for kind in kinds()))
"""What the command line imports on demand, so that it is not read from disk anew for every run."""


@dataclass(frozen=True)
class Ended:
    """What became of a command: `code` is its exit code, or minus the signal that killed it."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Process:
    """A command that waits for `go`, so that it can be watched from its first step on."""

    pid: int
    folder: Path
    gate: int
    output: str = "std"

    def go(self) -> None:
        """Let it begin."""
        os.write(self.gate, b".")
        os.close(self.gate)

    def wait(self) -> Ended:
        """Wait until it has ended."""
        _, status = os.waitpid(self.pid, 0)
        return self.ended(status)

    def ended(self, status: int) -> Ended:
        """How it ended, from the status the system gave it."""
        files = (self.folder / f"{self.output}{name}" for name in ("out", "err"))
        out, err = (file.read_text(encoding="utf-8", errors="replace") for file in files)
        return Ended(os.waitstatus_to_exitcode(status), out, err)


def start(
    words: Sequence[str],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    before: Callable[[], None] = lambda: None,
    output: str = "std",
) -> Process:
    """Make a process for `counterfoil WORDS` in a folder. It calls `before` first.

    Its output goes to the files there that are called `output` with `out` and `err` behind it.
    """
    shut, gate = os.pipe()
    pid = fork()
    if pid == 0:
        os.close(gate)
        _program(words, folder, environment or {}, before, shut, output)
    os.close(shut)
    return Process(pid, folder, gate, output)


def run(
    words: Sequence[str],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    before: Callable[[], None] = lambda: None,
) -> Ended:
    """Run `counterfoil WORDS` in a folder to its end."""
    process = start(words, folder, environment, before)
    process.go()
    return process.wait()


def fork() -> int:
    """A copy of this process, which is safe although newer Pythons warn: the copy uses nothing that threads shared."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _program(
    words: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    before: Callable[[], None],
    gate: int,
    output: str,
) -> NoReturn:
    code = 70
    try:
        os.chdir(folder)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number, name, flags in (
            (0, os.devnull, os.O_RDONLY),
            (1, f"{output}out", os.O_WRONLY),
            (2, f"{output}err", os.O_WRONLY),
        ):
            os.dup2(os.open(name, flags | (os.O_CREAT | os.O_TRUNC if number else 0), 0o600), number)
        sys.stdin, sys.stdout, sys.stderr = (os.fdopen(n, "w" if n else "r", closefd=False) for n in range(3))
        os.environ |= {"NO_COLOR": "1", "COLUMNS": "160", **environment}
        sys.argv = ["counterfoil", *words]
        os.read(gate, 1)
        before()
        cli.main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
