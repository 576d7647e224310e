"""What one invocation of the command line carries, whichever command it is."""

import json
import logging
import os
import sys
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from state.effects import Because
from state.model import Actor, Agent
from sync.app import logs
from sync.app.failures import Mistaken

AHEAD: ContextVar[timedelta] = ContextVar("AHEAD", default=timedelta(0))
"""How far ahead of this machine's clock commands look, so that the demo can show what time alone brings about."""


def utc_now() -> datetime:
    """The time by this machine's clock."""
    return datetime.now(UTC) + AHEAD.get()


def run_id(now: datetime, entropy: bytes) -> str:
    """The id of a run: sortable by time, unlike that of any other run."""
    return f"R-{now:%Y%m%dT%H%M%S}-{entropy.hex()}"


def account() -> str:
    """Who runs the command: `$COUNTERFOIL_USER`, else the operating system's user."""
    return os.environ.get("COUNTERFOIL_USER", "").strip() or system_user()


def system_user() -> str:
    """The user this process runs as; no variable of the environment has a say in it."""
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        return f"uid-{os.getuid()}"


@dataclass(frozen=True)
class Shell:
    """One invocation: where its configuration is, how it answers, its run's id, and the clock."""

    file: Path
    as_json: bool = False
    verbose: bool = False
    log_format: str = "text"
    clock: Callable[[], datetime] = utc_now
    redactor: logs.Redactor = logs.SEEN
    run: str = field(default_factory=lambda: run_id(utc_now(), os.urandom(3)))

    @property
    def today(self) -> date:
        """The day it is, in UTC."""
        return self.clock().date()

    @property
    def interactive(self) -> bool:
        """Whether a person watches: progress bars and tables with lines are for people."""
        return sys.stderr.isatty() and not self.as_json

    def agent(self, *, scheduled: bool = False) -> Agent:
        """Who does what this command does; a run that nobody watches counts as the schedule's."""
        kind = Actor.SCHEDULE if scheduled and not sys.stdin.isatty() else Actor.HUMAN
        return Agent(kind, "counterfoil", account())

    def because(self, reason: str = "") -> Because:
        """Why this command changes something: its user, in its run."""
        return Because(self.agent(), run=self.run, reason=reason)

    def start_logging(self) -> None:
        """Send log lines to standard error, with this run's id."""
        logs.configure(sys.stderr, self.run, self.redactor, form=self.log_format, verbose=self.verbose)

    def answer(self, value: Any, text: Callable[[], str]) -> None:
        """Write the command's result to standard output: as JSON if asked, else in words."""
        try:
            self._write(value, text)
        except BrokenPipeError:
            raise
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise Mistaken(
                f"what came of it could not be written out: {error.strerror}; see `counterfoil status`"
            ) from None

    def _write(self, value: Any, text: Callable[[], str]) -> None:
        if self.as_json:
            utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
            written = json.dumps(value, indent=2 if sys.stdout.isatty() else None, ensure_ascii=not utf8)
            print(self.redactor.clean(written), flush=True)
        else:
            print(self.redactor.clean(text().rstrip("\n")), flush=True)

    def refuse(self, text: str) -> None:
        """Say on standard error why nothing, or not all, was done; as a log line where lines are JSON."""
        if self.log_format == "json":
            logging.getLogger("counterfoil").error(text)
            return
        print(f"counterfoil: {logs.printable(self.redactor.clean(text))}", file=sys.stderr)
