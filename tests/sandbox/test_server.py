"""What every embedded tracker may rely on: it answers, goes wrong as asked, remembers, and stops at once."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import httpx
import pytest

from connectors.sandbox.calls import Answer, Call, Delivery, Routes, Sandbox, User
from connectors.sandbox.faults import Fault, Planned
from connectors.sandbox.server import SandboxServer


class Counter(Sandbox):
    """The smallest tracker: it counts what is posted."""

    kind: ClassVar[str] = "counter"

    def __init__(self) -> None:
        super().__init__()
        self.times: list[datetime] = []
        self.hook = ""

    @property
    def users(self) -> tuple[User, ...]:
        return (User("1", "sync", "Sync", "sync@acme.example", "t"),)

    def answer(self, call: Call) -> Answer:
        if call.method == "POST":
            self.times.append(call.at)
            if self.hook:
                self.outbox.append(Delivery(self.hook, {"x-test": "1"}, call.body))
        return Answer(200, {"count": len(self.times), "padding": "x" * 100})

    def limited(self, fault: Planned, call: Call) -> Answer:
        return Answer(429, {}, {"Retry-After": str(int(fault.seconds))})


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    with SandboxServer(Counter()) as running:
        yield running


@pytest.fixture
def client(server: SandboxServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url) as made:
        yield made


def count(client: httpx.Client) -> int:
    return int(client.get("/").json()["count"])


def test_every_request_is_in_the_journal(server: SandboxServer, client: httpx.Client) -> None:
    client.post("/a/b?c=d", content=b"body")
    client.get("/a")
    seen = server.requests[0]
    assert (seen.method, seen.path, seen.query, seen.body, seen.status) == ("POST", "/a/b", "c=d", b"body", 200)
    assert (server.count(), server.count("GET"), server.count("*", r"/b$")) == (2, 1, 1)


def test_a_lost_answer_is_a_closed_connection_after_the_work(server: SandboxServer, client: httpx.Client) -> None:
    server.faults.next("POST", "/", Fault.LOSE_ANSWER)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        client.post("/")
    assert count(client) == 1
    assert server.requests[0].status == 0


def test_a_connection_dropped_before_the_work_leaves_no_trace(server: SandboxServer, client: httpx.Client) -> None:
    server.faults.next("POST", "/", Fault.DROP_BEFORE)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        client.post("/")
    assert count(client) == 0


def test_half_an_answer_is_seen_as_such(server: SandboxServer, client: httpx.Client) -> None:
    server.faults.next("POST", "/", Fault.HALF_BODY)
    with pytest.raises(httpx.RemoteProtocolError, match="complete message body"):
        client.post("/")
    assert count(client) == 1


@pytest.mark.parametrize(
    ("fault", "status", "done"),
    [
        (Fault.ERROR_BEFORE, 503, 0),
        (Fault.ERROR_AFTER, 500, 1),
        (Fault.RATE_LIMITED, 429, 0),
        (Fault.UNREADABLE, 200, 1),
        (Fault.LATENCY, 200, 1),
    ],
)
def test_each_other_fault_does_the_work_or_not_as_it_says(
    server: SandboxServer, client: httpx.Client, fault: Fault, status: int, done: int
) -> None:
    server.faults.next("POST", "/", fault)
    assert client.post("/").status_code == status
    assert count(client) == done


def test_a_late_commit_happens_by_the_sandboxs_clock(server: SandboxServer, client: httpx.Client) -> None:
    server.faults.next("POST", "/", Fault.LATE_COMMIT, seconds=60)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        client.post("/")
    assert count(client) == 0
    server.advance(61)
    assert count(client) == 1


def test_a_late_answer_outlasts_a_clients_patience_and_the_work_is_done(
    server: SandboxServer, client: httpx.Client
) -> None:
    server.faults.next("POST", "/", Fault.LATENCY, seconds=0.1)
    server.faults.next("GET", "/", Fault.LATENCY, seconds=0.2)
    with pytest.raises(httpx.ReadTimeout):
        client.post("/", timeout=0.02)
    assert count(client) == 1


def test_faults_count_and_skip_the_calls_they_are_meant_for(server: SandboxServer, client: httpx.Client) -> None:
    server.faults.next("POST", "^/x$", Fault.ERROR_BEFORE, times=2, skip=1, status=502)
    assert client.post("/y").status_code == 200
    assert [client.post("/x").status_code for _ in range(4)] == [200, 502, 502, 200]


def test_a_seeded_schedule_hits_the_same_calls_every_time(server: SandboxServer, client: httpx.Client) -> None:
    def played() -> list[int]:
        server.faults.schedule(7, 0.5, [Fault.ERROR_BEFORE])
        return [client.get("/").status_code for _ in range(20)]

    first = played()
    assert first == played()
    assert {200, 503} == set(first)


def test_faults_clock_and_journal_are_reached_over_http(client: httpx.Client, server: SandboxServer) -> None:
    order = {"method": "GET", "path": "/", "fault": "error_before", "status": 504, "search_lag": 5}
    assert client.post("/_sandbox/faults", json=order).status_code == 204
    assert client.get("/").status_code == 504
    assert server.faults.search_lag == 5
    before = server.now()
    client.post("/_sandbox/clock", json={"advance": 3600})
    assert (server.now() - before).total_seconds() >= 3600
    assert [seen["status"] for seen in client.get("/_sandbox/requests").json()] == [504]
    assert client.post("/_sandbox/faults", json={"fault": "no such"}).status_code == 400
    assert client.get("/_sandbox/people").json()[0]["email"] == "sync@acme.example"


def test_time_never_goes_back() -> None:
    readings = iter([datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)])
    server = SandboxServer(Counter(), clock=lambda: next(readings))
    assert server.now() == server.now() == datetime(2026, 1, 2, tzinfo=UTC)
    server.stop()


def test_a_restarted_server_has_what_it_had_and_when(tmp_path: Path) -> None:
    file = tmp_path / "counter.jsonl"
    with SandboxServer(Counter(), persist=file) as first:
        httpx.post(first.url)
        httpx.get(first.url)
        httpx.post(first.url)
        assert isinstance(first.sandbox, Counter)
        had = first.sandbox.times
    with file.open("a") as torn:
        torn.write('{"at": "2026-')
    with SandboxServer(Counter(), persist=file) as second:
        assert isinstance(second.sandbox, Counter)
        assert second.sandbox.times == had
        httpx.post(second.url)
    assert len(file.read_text().splitlines()) == 3


def test_webhooks_are_delivered_and_a_deaf_receiver_is_no_failure(server: SandboxServer, client: httpx.Client) -> None:
    assert isinstance(server.sandbox, Counter)
    with SandboxServer(Counter()) as receiver:
        server.sandbox.hook = receiver.url + "/hook"
        client.post("/", content=b"told")
        server.drain()
        assert [(seen.path, seen.body) for seen in receiver.requests] == [("/hook", b"told")]
    client.post("/")
    server.drain()
    assert len(server.undelivered) == 1


def test_stopping_is_prompt_although_a_client_holds_on(server: SandboxServer, client: httpx.Client) -> None:
    client.get("/")
    began = time.monotonic()
    server.stop()
    assert time.monotonic() - began < 1
    with pytest.raises(httpx.TransportError):
        client.get("/")


def test_a_server_can_be_stopped_as_soon_as_it_is_started_and_twice() -> None:
    server = SandboxServer(Counter()).start()
    server.stop()
    server.stop()


def test_routes_prefer_the_first_and_unquote() -> None:
    routes = Routes()
    routes.add("GET", "/issue/bulk", lambda call: Answer(200, "bulk"))
    routes.add("GET", "/issue/{key}", lambda call: Answer(200, "one"))
    handler, params = routes.match("GET", "/issue/a%2Fb") or pytest.fail("no route")
    assert (handler(_call()).data, params) == ("one", {"key": "a/b"})
    first, _ = routes.match("GET", "/issue/bulk") or pytest.fail("no route")
    assert first(_call()).data == "bulk"
    assert routes.match("POST", "/issue/bulk") is None
    assert routes.methods("/issue/bulk") == ["GET"]


def _call() -> Call:
    return Call("GET", "/", "", {}, json.dumps({}).encode(), datetime.now(UTC))
