"""A command line to talk to, and embedded trackers to talk about."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from connectors.sandbox.showcase import PEOPLE, Place, showcase
from sync.app.cli import run
from tests.databases import Databases

ROUTES = """
[[routes]]
tracker = "platform"
when = { priority = ["critical", "high"] }
[[routes]]
tracker = "eng-jira"
"""
BELIEVED = """
[resolve]
critical = { pieces = 0 }
high = { pieces = 0 }
medium = { pieces = 0 }
"""
"""What "done" is backed by where a test is not about that: by its word alone."""


_DONE, _UNDECIDED = (0, 3, 5, 10), (0, 2)
"""The exit codes that come with an answer; `audit verify` has its own."""


@dataclass(frozen=True)
class Answer:
    """What one command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Line:
    """Runs commands in a folder of their own, as a person would."""

    folder: Path
    capture: pytest.CaptureFixture[str]
    url: str = ""

    @property
    def config(self) -> Path:
        return self.folder / "counterfoil.toml"

    def __call__(self, *words: str) -> Answer:
        self.capture.readouterr()
        code = run(words)
        said = self.capture.readouterr()
        return Answer(code, said.out, said.err)

    def json(self, *words: str) -> Any:
        answer = self(*words, "--json")
        assert answer.code in (_UNDECIDED if words[:2] == ("audit", "verify") else _DONE), answer.err
        return answer.json

    def add(self, title: str, *options: str) -> str:
        return str(self.json("item", "add", title, *options)["ref"])


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Line:
    """A command line in an empty folder, used by somebody called Vera."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COUNTERFOIL_CONFIG", raising=False)
    monkeypatch.setenv("COUNTERFOIL_USER", "vera")
    return Line(tmp_path, capsys)


@pytest.fixture
def desk(line: Line, databases: Databases) -> Line:
    """A command line with a database and no tracker."""
    made = replace(line, url=databases.made())
    made.config.write_text(state_table(made.url) + BELIEVED, encoding="utf-8")
    return made


def state_table(url: str) -> str:
    """The part of a configuration that says where the records are kept."""
    return f'[state]\nurl = "{url}"\n'


@dataclass(frozen=True)
class Office:
    """A command line beside two embedded trackers."""

    line: Line
    tracker: Place
    host: Place

    def key(self, ref: str) -> str:
        """What people call the item's ticket."""
        return str(self.line.json("item", "show", ref)["ticket"]["key"])


@pytest.fixture
def office(line: Line, databases: Databases, tmp_path: Path) -> Iterator[Office]:
    """A command line configured for two embedded trackers, with a database."""
    with showcase(tmp_path / "trackers") as (tracker, host):
        for place in (tracker, host):
            secret = tmp_path / f"{place.name}.token"
            secret.touch(mode=0o600)
            secret.write_text(place.token, encoding="utf-8")
        made = replace(line, url=databases.made())
        parts = (state_table(made.url), tracker.table, host.table, ROUTES, PEOPLE, BELIEVED)
        made.config.write_text("".join(parts), encoding="utf-8")
        yield Office(made, tracker, host)
