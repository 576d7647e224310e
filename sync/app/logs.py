"""Log lines on standard error, each with the run's id and none with a secret."""

import json
import logging
import re
import time
from collections.abc import Iterable
from copy import copy
from typing import TextIO

from connectors.redaction import spellings
from mapping.direction import TURNING

_OURS = ("counterfoil", "connectors", "mapping", "state", "sync")
_CREDENTIALS = re.compile(r"\b(bearer|basic|token)\s+(?=[^\s'\"]*\d)[\w.~+/=%-]{16,}", re.IGNORECASE)
_OBEYED = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f-\x9f{TURNING}]")


def printable(text: str) -> str:
    """The text without what a terminal would obey instead of show."""
    return _OBEYED.sub("\N{REPLACEMENT CHARACTER}", text)


class Redactor:
    """Knows the secrets in use and takes them out of any text, also where they are encoded."""

    def __init__(self) -> None:
        self._forms: set[str] = set()

    def __repr__(self) -> str:
        return f"Redactor({len(self._forms)} forms)"

    def learn(self, secrets: Iterable[str]) -> None:
        """Take these out from now on; an empty one is ignored."""
        self._forms |= set(spellings(secrets))

    def clean(self, text: str) -> str:
        """The text with `***` in place of every secret."""
        for form in sorted(self._forms, key=len, reverse=True):
            text = text.replace(form, "***")
        return text

    def scrub(self, text: str) -> str:
        """The same for what nobody foresaw: also without what stands there as credentials do in a request."""
        return _CREDENTIALS.sub(r"\1 ***", self.clean(text))


SEEN = Redactor()
"""The secrets that this process has read."""


class _Formatter(logging.Formatter):
    converter = staticmethod(time.gmtime)

    def __init__(self, run: str, redactor: Redactor, *, verbose: bool) -> None:
        super().__init__(f"%(asctime)s {run} %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
        self._redactor = redactor
        self._verbose = verbose

    def format(self, record: logging.LogRecord) -> str:
        fresh = copy(record)
        fresh.exc_text = None
        return printable(self._redactor.scrub(super().format(fresh)))

    def formatException(self, ei: object) -> str:  # noqa: N802
        if self._verbose:
            return super().formatException(ei)  # type: ignore[arg-type]
        return f"{ei[1]}" if isinstance(ei, tuple) else ""


class _JsonFormatter(_Formatter):
    def __init__(self, run: str, redactor: Redactor, *, verbose: bool) -> None:
        super().__init__(run, redactor, verbose=verbose)
        self._run = run

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": self.formatTime(record, self.datefmt),
            "run": self._run,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return self._redactor.scrub(json.dumps(line))


def configure(stream: TextIO, run: str, redactor: Redactor, *, form: str, verbose: bool) -> None:
    """Send all logging to `stream`, as `text` or `json` lines; replaces what an earlier call set up."""
    handler = logging.StreamHandler(stream)
    formatter = _JsonFormatter if form == "json" else _Formatter
    handler.setFormatter(formatter(run, redactor, verbose=verbose))
    root = logging.getLogger()
    for old in [h for h in root.handlers if getattr(h, "formatter", None).__class__ in (_Formatter, _JsonFormatter)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    for name in _OURS:
        logging.getLogger(name).setLevel(logging.DEBUG if verbose else logging.INFO)
