"""The real command line in processes of their own, forked from one that has imported it, or newly started."""

import ctypes
import importlib
import json
import os
import pickle
import pkgutil
import resource
import signal
import ssl
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, NoReturn, Self

import typer.main

import sync.app
from sync.app import cli

ROOT = Path(__file__).resolve().parents[1]
NOBODY = 65534

_ON_DEMAND = (
    "alembic.command",
    "connectors.github_issues",
    "connectors.jira_issues",
    "encodings.utf_8_sig",
    "state.migrations",
    *(f"sync.app.{module.name}" for module in pkgutil.iter_modules(sync.app.__path__)),
)
for _name in _ON_DEMAND:
    importlib.import_module(_name)
vars(typer.main)["get_command"] = cache(typer.main.get_command)
typer.main.get_command(cli.app)

_TRUST = {"SSL_CERT_DIR": ssl.get_default_verify_paths().openssl_capath}
"""Has the certificates of the system looked up where one is needed; to read them all is a fifth of a short run."""
_ANEW = """
import os, pickle, sys
_, root, gate, before, *words = sys.argv
sys.path.insert(0, root)
from sync.app import cli
begin = pickle.loads(bytes.fromhex(before))
sys.argv = ["counterfoil", *words]
os.read(int(gate), 1)
if begin is not None:
    begin()
cli.main()
"""

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True)
class Ended:
    """How a command ended: `code` is negative for the signal that killed it, `peak` its memory in MB at most."""

    code: int
    out: str
    err: str
    peak: float
    cpu: float

    @property
    def clean(self) -> bool:
        """Whether it ended as the program means to end: no bug and no signal."""
        return self.code >= 0 and self.code != 1 and "Traceback" not in self.err + self.out


@dataclass(frozen=True)
class Process:
    """A command that waits for `go`, so that it can be watched from its first step on."""

    pid: int
    folder: Path
    gate: int
    output: str

    def go(self) -> None:
        """Let it begin."""
        os.write(self.gate, b".")
        os.close(self.gate)

    def wait(self) -> Ended:
        """Wait until it has ended."""
        _, status, used = os.wait4(self.pid, 0)
        files = (self.folder / f"{self.output}{name}" for name in ("out", "err"))
        out, err = (file.read_text(encoding="utf-8", errors="replace") for file in files)
        cpu = used.ru_utime + used.ru_stime
        return Ended(os.waitstatus_to_exitcode(status), out, err, used.ru_maxrss / 1024, cpu)


def start(
    words: Sequence[str],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    before: Callable[[], None] | None = None,
    output: str = "std",
    *,
    anew: bool = False,
) -> Process:
    """Make a process for `counterfoil WORDS` in a folder. It calls `before` first.

    Its output goes to the files there that are called `output` with `out` and `err` behind it. With `anew` it is a
    Python of its own that has imported nothing yet, and `before` must be something that can be pickled.
    """
    shut, gate = os.pipe()
    pid = fork()
    if pid == 0:
        os.close(gate)
        _become(words, folder, environment or {}, before, shut, output, anew=anew)
    os.close(shut)
    return Process(pid, folder, gate, output)


def is_consistent(verdict: Ended) -> bool:
    """Whether `audit verify --json` had an answer, and it is not that the ledger was tampered with."""
    told = json.loads(verdict.out) if verdict.code in (0, 2) and verdict.out else {}
    return told.get("conclusion") in ("anchored", "consistent, not anchored")


def run(
    words: Sequence[str],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    before: Callable[[], None] | None = None,
    output: str = "std",
    *,
    anew: bool = False,
) -> Ended:
    """Run `counterfoil WORDS` in a folder to its end, as `start` does."""
    process = start(words, folder, environment, before, output, anew=anew)
    process.go()
    return process.wait()


def fork() -> int:
    """A copy of this process, which ends with it, and is safe although newer Pythons warn: it shares no threads."""
    parent = os.getpid()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        end_with(parent)
    return pid


def end_with(parent: int) -> None:
    """Have this process killed when its parent ends, however that ends, where the system can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(70)


def _become(
    words: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    before: Callable[[], None] | None,
    gate: int,
    output: str,
    *,
    anew: bool,
) -> NoReturn:
    """Be the program from here on."""
    code = 1
    try:
        os.chdir(folder)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.environ |= {"NO_COLOR": "1", "COLUMNS": "400"}
        for number, name, flags in (
            (0, os.devnull, os.O_RDONLY),
            (1, f"{output}out", os.O_WRONLY),
            (2, f"{output}err", os.O_WRONLY),
        ):
            os.dup2(os.open(name, flags | (os.O_CREAT | os.O_TRUNC if number else 0), 0o600), number)
        if anew:
            os.environ |= environment
            os.set_inheritable(gate, True)
            asked = [str(ROOT), str(gate), pickle.dumps(before).hex(), *words]
            os.execv(sys.executable, [sys.executable, "-B", "-c", _ANEW, *asked])  # noqa: S606
        sys.stdin, sys.stdout, sys.stderr = (os.fdopen(n, "w" if n else "r", closefd=False) for n in range(3))
        os.environ.pop("SSL_CERT_FILE", None)
        os.environ |= {**_TRUST, **environment}
        sys.argv = ["counterfoil", *words]
        os.read(gate, 1)
        if before is not None:
            before()
        cli.main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


class Program:
    """Runs commands one at a time, forked from a process that does nothing else; a context manager.

    Each gets 60 seconds, and is killed then.
    """

    def __init__(self) -> None:
        env = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERFOIL_")}
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.program"], cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Have that process end."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.close()
        self._server.wait()
        self._server.stdout.close()

    def __call__(
        self,
        folder: Path,
        *words: str,
        env: Mapping[str, str] | None = None,
        file_limit: int | None = None,
        nobody: bool = False,
        timeout: int = 60,
    ) -> Ended:
        """Run a command in `folder`; no file may grow past `file_limit` bytes. `nobody` gives up root's privileges."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        order = {"folder": str(folder), "words": words, "env": dict(env or {}), "timeout": timeout}
        order |= {"file_limit": file_limit, "nobody": nobody}
        self._server.stdin.write(json.dumps(order).encode() + b"\n")
        self._server.stdin.flush()
        return Ended(**json.loads(self._server.stdout.readline()))


def _serve() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        with tempfile.TemporaryDirectory() as aside:
            ended = run(order["words"], Path(order["folder"]), order["env"], partial(_limit, order), f"{aside}/")
        sys.stdout.write(json.dumps(asdict(ended)) + "\n")
        sys.stdout.flush()


def _limit(order: Mapping[str, Any]) -> None:
    if order["file_limit"] is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["file_limit"], order["file_limit"]))
    if order["nobody"] and os.geteuid() == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    signal.alarm(order["timeout"])


if __name__ == "__main__":
    _serve()
