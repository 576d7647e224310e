"""The limits on new content, kept by the real connector against a tracker that enforces them, in virtual time."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from connectors.base import MARK
from connectors.github_issues import GithubIssues
from connectors.github_settings import GithubSettings
from connectors.sandbox.github_server import GithubSandbox
from connectors.sandbox.server import SandboxServer
from connectors.settings import Secrets
from mapping.rules import Route, Rules, TrackerRules
from state.effects import Because
from state.lease import this_process
from state.model import Actor, Agent, ItemDraft, Priority
from state.store import Store
from sync.engine import Engine
from sync.plan import Safety

AGENT = Agent(Actor.SCHEDULE, "counterfoil", "cron")


class Clock:
    """A time that only sleeping moves, and each look a little."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(milliseconds=1)
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limits() -> tuple[int, int]:
    """How much may be created in a minute and in an hour."""
    return 80, 500


@pytest.fixture
def server(clock: Clock, limits: tuple[int, int]) -> Iterator[SandboxServer]:
    with SandboxServer(GithubSandbox(content_limits=limits), clock=clock) as server:
        yield server


@pytest.fixture
def engine(server: SandboxServer, clock: Clock, limits: tuple[int, int], tmp_path: Path) -> Iterator[Engine]:
    us = server.sandbox.users[0]
    table = {"url": server.url, "repository": "acme/platform", "kind": "github"}
    settings = GithubSettings.model_validate({**table, "content_per_minute": limits[0], "content_per_hour": limits[1]})
    tracker = GithubIssues("eng", settings, Secrets(token=SecretStr(us.token)), clock=clock, sleep=clock.sleep)
    caps, names = tracker.caps, ("fields", "account_kind", "body_format", "title_limit", "body_limit")
    shared: Mapping[str, Any] = {name: getattr(caps, name) for name in names}
    rules = Rules({"eng": TrackerRules(tracker="eng", mark=MARK, **shared)}, (Route("eng"),), ())
    store = Store.create(f"sqlite:///{tmp_path / 'state.db'}", clock=clock, entropy=lambda n: b"\x07" * n)
    yield Engine(store, {"eng": tracker}, rules, Safety(10_000, 1.0), {"eng": 0}, {"eng": 24.0}, clock, clock.sleep)
    tracker.close()
    store.close()


def take_in(engine: Engine, count: int) -> None:
    drafts = [ItemDraft(title=f"Encrypt volume {n}", controls=(), risks=()) for n in range(count)]
    engine.store.add_items([(draft, date(2026, 12, 20), Priority.HIGH) for draft in drafts], Because(AGENT))


def test_a_first_mirror_keeps_every_limit_and_takes_a_request_an_item(
    engine: Engine, server: SandboxServer, clock: Clock
) -> None:
    take_in(engine, 100)
    began = clock.now
    report = engine.sync("run-1", holder=this_process(), agent=AGENT)
    assert (report.tally.created, report.tally.deferred) == (100, 0)
    assert len(server.requests) <= 102
    assert [seen.status for seen in server.requests if seen.status >= 400] == []
    times = [seen.at for seen in server.requests if seen.method == "POST"]
    assert min(after - before for before, after in pairwise(times)) >= timedelta(seconds=1)
    assert clock.now - began <= timedelta(seconds=1.05 * 100)


@pytest.mark.parametrize("limits", [(20, 30)])
def test_a_long_first_mirror_uses_nearly_all_that_is_allowed_and_is_never_refused(
    engine: Engine, server: SandboxServer, clock: Clock
) -> None:
    take_in(engine, 100)
    due = clock.now
    for run in range(12):
        engine.sync(f"run-{run}", holder=this_process(), agent=AGENT)
        due += timedelta(minutes=15)
        clock.now = max(clock.now, due)
    assert [seen.status for seen in server.requests if seen.status >= 400] == []
    made = sum(seen.method == "POST" for seen in server.requests)
    assert 0.95 * 3 * 30 <= made <= 3 * 30


def test_a_used_up_hour_ends_the_writing_without_one_refused_request(
    engine: Engine, server: SandboxServer, clock: Clock
) -> None:
    sandbox = server.sandbox
    assert isinstance(sandbox, GithubSandbox)
    sandbox.quota = 30
    take_in(engine, 50)
    first = engine.sync("run-1", holder=this_process(), agent=AGENT)
    assert (first.tally.created, first.tally.deferred, first.exit_code) == (29, 21, 3)
    assert "13:00:00 UTC" in first.problems[0]
    again = engine.sync("run-2", holder=this_process(), agent=AGENT)
    assert (again.tally.created, len(server.requests)) == (0, 30)
    clock.now = datetime(2026, 11, 20, 13, tzinfo=UTC)
    assert engine.sync("run-3", holder=this_process(), agent=AGENT).tally.created == 21
    assert [seen.status for seen in server.requests if seen.status >= 400] == []
