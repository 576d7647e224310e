"""Fault schedules through the real connectors: what goes wrong is what comes over HTTP."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from random import Random
from typing import Any

from pydantic import SecretStr

from connectors.base import Tracker
from connectors.registry import open_tracker, settings_class
from connectors.sandbox.calls import Call, Sandbox
from connectors.sandbox.github_engineer import GithubEngineer
from connectors.sandbox.github_server import REPOSITORY, GithubSandbox
from connectors.sandbox.jira_engineer import JiraEngineer
from connectors.sandbox.jira_server import JiraCloudSandbox, JiraDatacenterSandbox
from connectors.settings import Secrets
from state.ticket import Activity, ActivityKind, Ticket
from sync.engine import Report
from tests.campaigns.schedules import LATE, SECONDS, SLACK, judged, scores, without_faults
from tests.campaigns.sheet import Score
from tests.campaigns.spread import Case, Crew
from tests.histories.line import FAULTS, TIMEOUT, Line
from tests.histories.story import STORIES, End, Shown
from tests.histories.theatre import Theatre

FULL = 20_000
SANDBOXES: tuple[type[Sandbox], ...] = (GithubSandbox, JiraCloudSandbox, JiraDatacenterSandbox)
_NUMBERS = re.compile(r"(?<=/)([A-Z]+-)?[0-9]+(?=/|$)")
URL = "http://tracker.example"
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
KINDS = (*FAULTS, "revoked", "renamed")
REQUESTS = 30
"""Up to which request of a story each fault is tried by itself."""

ROWS = {
    "R5, over HTTP": "fault schedules through the real connectors, on GitHub, Jira Cloud and Jira Data Center",
    "R6, over HTTP": "the same, while searches lag by up to 300 s and the wait covers that",
}


def row_of(number: int) -> str:
    """One schedule in three has a lag."""
    return "R6, over HTTP" if number % 9 >= 6 else "R5, over HTTP"


class Served(Theatre):
    """A stage with an embedded tracker, spoken to by its real connector."""

    def set(self, kind: type[Sandbox], chance: Random, *, lag: int, rate: float, dies: float, wait: int) -> None:
        """Begin anew with another tracker."""
        self.clear(chance, rate, dies)
        self.sandbox = kind()
        self.sandbox.url = URL
        self.sandbox.faults.search_lag = lag
        self._wait = wait
        self._kinds: tuple[str, ...] = ()
        self._only: tuple[int, str] | None = None
        self._asked = 0
        self._back: datetime | None = None
        self._renamed = False
        self.line = Line(self.sandbox, self.clock, self._weather)
        self.line.wait()
        calm = Line(self.sandbox, self.clock)
        ours, person = self.sandbox.users[:2]
        self.account = person.id
        values: dict[str, Any] = {"url": URL, "visibility_wait_seconds": wait}
        if isinstance(self.sandbox, GithubSandbox):
            self.person = GithubEngineer(URL, person.token, transport=calm)
            values |= {"kind": "github", "repository": REPOSITORY}
        else:
            cloud = isinstance(self.sandbox, JiraCloudSandbox)
            self.person = JiraEngineer.of(URL, person, cloud=cloud, transport=calm)
            place = {"deployment": "cloud", "email": ours.email} if cloud else {"deployment": "datacenter"}
            values |= {"kind": "jira", "project": "SEC", **place}
        self._settings = settings_class(values["kind"]).model_validate(values)
        self._secrets = Secrets(token=SecretStr(ours.token))
        self._reader = self._open(calm)
        self.employ(self._open(self.line), wait)

    def mix(self, kinds: tuple[str, ...]) -> None:
        """Let only these go wrong."""
        self._kinds = kinds

    def once(self, request: int, fault: str) -> None:
        """Let one thing go wrong, with the request of this number."""
        self._only = request, fault

    def _open(self, line: Line) -> Tracker:
        values = {"clock": self.clock, "sleep": self.clock.sleep, "transport": line}
        return open_tracker("work", self._settings, self._secrets, **values)  # type: ignore[arg-type]

    def run(self) -> Report | None:
        report = super().run()
        if report is None:
            self.employ(self._open(self.line), self._wait)
        return report

    def calm(self) -> None:
        super().calm()
        self._only = self._back = None

    def tickets(self) -> list[Shown]:
        there = [t for page in self._reader.changes(None) for t in page.tickets]
        return [
            Shown(t, [(a.by.ours, str(a.text)) for a in self._said(t)]) for t in {t.ref.id: t for t in there}.values()
        ]

    def _said(self, ticket: Ticket) -> list[Activity]:
        found = self._reader.activity(ticket.ref, BEGINNING)
        return [a for a in found if a.kind is ActivityKind.COMMENT]

    def writes(self) -> int:
        return self.line.writes

    def _weather(self, call: Call) -> tuple[str, int] | None:
        self._asked += 1
        if self._back is not None:
            if self.clock.now < self._back:
                return "401", 0
            self._back = None
        if self._only is not None:
            fault = self._only[1] if self._only[0] == self._asked else None
        else:
            fault = self.chance.choice(self._kinds) if self.goes_wrong() else None
        return None if fault is None else self._happen(call, fault)

    def _happen(self, call: Call, fault: str) -> tuple[str, int] | None:
        seconds = self.chance.choice(SECONDS)
        if fault == "renamed" and (self._renamed or not isinstance(self.person, GithubEngineer)):
            return None
        self.tell(f"{call.method} {call.path}: {fault}, {seconds} s")
        self.happened[fault] += 1
        self.happened[f"at {call.method} {_NUMBERS.sub('*', call.path)}: {fault}"] += 1
        if fault == "renamed" and isinstance(self.person, GithubEngineer):
            self._renamed = True
            self.person.rename_repository("foundation")
            return None
        if fault == "revoked":
            self._back = self.clock.now + timedelta(seconds=5 * seconds)
            return "401", 0
        self.dead |= fault.startswith("killed")
        return fault, seconds


@cache
def stage() -> Served:
    """This process's stage."""
    return Served()


@cache
def fine_end(number: int, kind: int) -> End:
    """How a story ends where nothing goes wrong."""
    stage().set(SANDBOXES[kind], Random(0), lag=0, rate=0.0, dies=0.0, wait=120)  # noqa: S311
    return without_faults(stage(), number)


def storm(seed: int, number: int) -> Case:
    """One schedule: of two, one has a single fault at one request, and the other has bad weather throughout."""
    chance = Random(seed * 1_000_000_007 + number)  # noqa: S311
    kind = SANDBOXES[number % 3]
    single, turn = number // 9 % 2 == 0, number // 3
    which = turn % 5 if single else chance.randrange(STORIES)
    wanted = fine_end(which, number % 3)
    lag = chance.randint(1, 300) if row_of(number).startswith("R6") else 0
    rate = 0.0 if single else chance.uniform(0.05, 0.4)
    wait = max(120, lag + LATE + SLACK + TIMEOUT)
    stage().set(kind, chance, lag=lag, rate=rate, dies=0.0 if single else 0.005, wait=wait)
    stage().mix(tuple(chance.sample(KINDS, chance.randint(2, len(KINDS)))))
    if single:
        stage().once(1 + chance.randrange(REQUESTS), KINDS[turn % len(KINDS)])
    return judged(stage(), number, which, wanted, f"{kind.__name__}, lag {lag}, rate {rate}", covered=True)


def campaign(size: int, seed: int, crew: Crew, only: int | None) -> Iterator[Score]:
    """So many schedules, in two rows."""
    again = f"make campaign NAME=storms SIZE={size} SEED={seed}"
    numbers = range(size) if only is None else range(only, only + 1)
    yield from scores("storms", partial(storm, seed), numbers, crew, seed, again, row_of, ROWS)
