"""A line to an embedded tracker without a socket: every request goes through the real client, and may go wrong."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import format_datetime

import httpx

from connectors.sandbox.calls import Answer, Call, Sandbox
from connectors.sandbox.faults import Fault, Planned
from tests.histories.weather import Clock, Killed

HTML = Answer(200, b"<html><body>Please sign in</body></html>", {"content-type": "text/html"})
TIMEOUT = 60
"""How many seconds a client waits for an answer."""

BEFORE = {
    "429 with retry-after": "limited",
    "429 without a word": "bare",
    "403 that is a limit": "secondary",
    "401": 401,
    "403": 403,
    "500 before": 500,
    "502 before": 502,
    "504 before": 504,
    "moved": "moved",
    "no connection": httpx.ConnectError("no route"),
    "time-out before": httpx.ReadTimeout("timed out"),
    "reset before": httpx.ReadError("connection reset by peer"),
}
"""What is said, or raised, in place of the work."""

AFTER = {
    "500 after": 500,
    "502 after": 502,
    "504 after": 504,
    "unreadable 200": HTML,
    "half a body": "half",
    "time-out after": httpx.ReadTimeout("timed out"),
    "reset after": httpx.RemoteProtocolError("server disconnected"),
}
"""What is said, or raised, in place of the answer."""

FAULTS = (*BEFORE, *AFTER, "late", "slow before", "slow after", "killed before", "killed after")


class _Half(httpx.SyncByteStream):
    def __init__(self, body: bytes) -> None:
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        yield self._body[: len(self._body) // 2]
        raise httpx.ReadError("connection closed in the middle")


class Line(httpx.BaseTransport):
    """Carries requests to `sandbox` at the time of `clock`; `weather` says of each what goes wrong, if anything.

    It is given the request and says a name of `FAULTS` and a number of seconds. `writes` counts the requests that
    reached the tracker and may have changed something.
    """

    def __init__(
        self, sandbox: Sandbox, clock: Clock, weather: Callable[[Call], tuple[str, int] | None] = lambda _: None
    ) -> None:
        self.sandbox, self.clock, self.weather = sandbox, clock, weather
        self.writes = 0
        self._late: list[tuple[datetime, Call]] = []

    def wait(self) -> None:
        """Let the clock do late work in time."""
        self.clock.due, self.clock.happen = [self._due], [self._catch_up]

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer as the tracker would, unless something goes wrong."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        path = request.url.raw_path.decode("ascii").partition("?")[0]
        query = request.url.query.decode("ascii")
        call = Call(request.method, path, query, headers, request.read(), self.clock.true())
        found = self.weather(call)
        return self._response(self._work(call)) if found is None else self._under(*found, call)

    def _under(self, fault: str, seconds: int, call: Call) -> httpx.Response:
        if fault in ("killed before", "late", "slow before"):
            if fault == "killed before":
                raise Killed
            if fault == "late":
                self._late.append((self.clock.now + timedelta(seconds=seconds), call))
                raise httpx.ReadError("connection reset by peer")
            self.clock.sleep(seconds)
        if fault in BEFORE:
            return self._instead(BEFORE[fault], seconds, call, None)
        done = self._work(call)
        if fault == "killed after":
            raise Killed
        if fault == "slow after":
            self.clock.sleep(seconds)
        return self._instead(AFTER[fault], seconds, call, done) if fault in AFTER else self._response(done)

    def _instead(self, what: object, seconds: int, call: Call, done: Answer | None) -> httpx.Response:
        match what:
            case httpx.ReadTimeout():
                self.clock.sleep(TIMEOUT)
                raise what
            case httpx.TransportError():
                raise what
            case "half" if done is not None:
                return self._response(done, half=True)
            case Answer():
                return self._response(what)
            case int():
                return self._response(self.sandbox.failed(what))
            case "bare":
                return self._response(Answer(429, {"message": "Too many requests"}))
            case "moved":
                status = 301 if call.method == "GET" else 307
                there = f"{self.sandbox.url}{call.path}" if call.method == "GET" else f"{self.sandbox.url}/elsewhere"
                return self._response(Answer(status, {"message": "Moved"}, {"location": there}))
            case _:
                planned = Planned(
                    "*", "", Fault.RATE_LIMITED, seconds=seconds, status=429 if what == "limited" else 403
                )
                return self._response(self.sandbox.limited(planned, call))

    def _work(self, call: Call) -> Answer:
        self._catch_up()
        self.writes += self.sandbox.writes(call)
        return self.sandbox.answer(replace(call, at=self.clock.true()))

    def _due(self, until: datetime) -> datetime | None:
        return min((at for at, _ in self._late if at <= until), default=None)

    def _catch_up(self) -> None:
        due = [call for at, call in self._late if at <= self.clock.now]
        self._late = [(at, call) for at, call in self._late if at > self.clock.now]
        for call in due:
            self._work(call)

    def _response(self, answer: Answer, *, half: bool = False) -> httpx.Response:
        """The answer as the client sees it; where half of it arrives, reading it fails in the middle."""
        date = format_datetime(self.clock.true(), usegmt=True)
        headers = {"content-type": "application/json;charset=UTF-8", "date": date, **answer.headers}
        if half:
            return httpx.Response(answer.status, headers=headers, stream=_Half(answer.body))
        return httpx.Response(answer.status, headers=headers, content=answer.body)
