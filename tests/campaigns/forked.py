"""The real command line in a process of its own, forked from one that has imported it to save the start-up time."""

import os
import signal
import sys
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

    def go(self) -> None:
        """Let it begin."""
        os.close(self.gate)

    def wait(self) -> Ended:
        """Wait until it has ended."""
        _, status = os.waitpid(self.pid, 0)
        out, err = ((self.folder / name).read_text(encoding="utf-8", errors="replace") for name in ("stdout", "stderr"))
        return Ended(os.waitstatus_to_exitcode(status), out, err)


def start(
    words: Sequence[str],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    before: Callable[[], None] = lambda: None,
) -> Process:
    """Make a process for `counterfoil WORDS` in a folder; its output goes to files there. It calls `before` first."""
    shut, gate = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(gate)
        _program(words, folder, environment or {}, before, shut)
    os.close(shut)
    return Process(pid, folder, gate)


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


def _program(
    words: Sequence[str], folder: Path, environment: Mapping[str, str], before: Callable[[], None], gate: int
) -> NoReturn:
    code = 70
    try:
        os.chdir(folder)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number, name, flags in (
            (0, os.devnull, os.O_RDONLY),
            (1, "stdout", os.O_WRONLY),
            (2, "stderr", os.O_WRONLY),
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
