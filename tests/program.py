"""The command line as a process of its own, forked from one that has imported it: no start-up to pay for each time."""

import importlib
import json
import os
import pkgutil
import resource
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import sync.app

ROOT = Path(__file__).resolve().parents[1]
NOBODY = 65534
_BEFORE = (
    "alembic.command",
    "connectors.github_issues",
    "connectors.jira_issues",
    "encodings.utf_8_sig",
    "state.migrations",
)


@dataclass(frozen=True)
class Ended:
    """How a process ended: `code` is negative for the signal that killed it, `peak` its memory in MB at most."""

    code: int
    out: str
    err: str
    peak: float
    cpu: float

    @property
    def clean(self) -> bool:
        """Whether it ended as the program means to end: no bug and no signal."""
        return self.code >= 0 and self.code != 1 and "Traceback" not in self.err + self.out


class Program:
    """Runs commands one at a time; a context manager. Each gets 60 seconds, and is killed then."""

    def __init__(self) -> None:
        env = {name: value for name, value in os.environ.items() if not name.startswith("COUNTERFOIL_")}
        env |= {"NO_COLOR": "1", "COLUMNS": "400"}
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.program"], cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
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
    for name in (*_BEFORE, *(f"sync.app.{module.name}" for module in pkgutil.iter_modules(sync.app.__path__))):
        importlib.import_module(name)
    answers = os.dup(1)
    for line in sys.stdin:
        ended = _run(json.loads(line))
        os.write(answers, json.dumps(ended).encode() + b"\n")


def _run(order: Mapping[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            _become(order, out.fileno(), err.fileno())
        _, status, used = os.wait4(child, 0)
        texts = [_text(file) for file in (out, err)]
    code = os.waitstatus_to_exitcode(status)
    cpu = used.ru_utime + used.ru_stime
    return {"code": code, "out": texts[0], "err": texts[1], "peak": used.ru_maxrss / 1024, "cpu": cpu}


def _text(file: Any) -> str:
    file.seek(0)
    return str(file.read().decode(errors="replace"))


def _become(order: Mapping[str, Any], out: int, err: int) -> None:
    """Be the program from here on; never returns."""
    code = 70
    try:
        for here, there in ((out, 1), (err, 2)):
            os.dup2(here, there)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.chdir(order["folder"])
        os.environ.update(order["env"])
        if order["file_limit"] is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (order["file_limit"], order["file_limit"]))
        if order["nobody"] and os.geteuid() == 0:
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        signal.alarm(order["timeout"])
        sys.argv = ["counterfoil", *order["words"]]
        importlib.import_module("sync.app.cli").main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 0
    except Exception:  # noqa: BLE001
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
