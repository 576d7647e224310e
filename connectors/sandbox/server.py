"""Runs one embedded tracker on a loopback port of its own, and keeps a journal of all that was asked of it."""

import asyncio
import json
import re
import socket
import threading
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import Enum, auto
from pathlib import Path
from typing import Any, Self, TextIO, assert_never

import httpx
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from connectors.sandbox.calls import Answer, Call, Delivery, Sandbox
from connectors.sandbox.faults import Fault, Planned

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Seen:
    """One request in the journal; `status` is 0 where no whole answer was given."""

    method: str
    path: str
    query: str
    body: bytes
    status: int
    at: datetime
    fault: Fault | None = None


class End(Enum):
    """How an answer ends: all of it, half of it, or none."""

    WHOLE = auto()
    HALF = auto()
    CUT = auto()


@dataclass(slots=True)
class _Late:
    due: datetime
    call: Call


class _Protocol(H11Protocol):
    """Hands the transport to the application, which alone can then cut the line as a broken network does."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state["count"]()
        self.app_state = {**self.app_state, "transport": transport}


def utc_now() -> datetime:
    """The time of day."""
    return datetime.now(UTC)


class SandboxServer:
    """Serves `sandbox` from a thread on 127.0.0.1; a context manager, or `start` and `stop`.

    `persist` names a file that records every writing call; a server started on the same file has all of it again.
    `latency` is in seconds, for every request. `clock` gives aware times and may stand still; the sandbox never sees
    it go back. `advance` moves the sandbox's clock ahead of it.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        *,
        port: int = 0,
        latency: float = 0.0,
        persist: Path | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.sandbox = sandbox
        self.faults = sandbox.faults
        self.requests: list[Seen] = []
        self.undelivered: list[Delivery] = []
        self.connections = 0
        self.latency = latency
        self._clock = clock
        self._ahead = timedelta(0)
        self._last = datetime.min.replace(tzinfo=UTC)
        self._lock = threading.RLock()
        self._late: list[_Late] = []
        self._log: TextIO | None = None
        self._sent: list[Future[None]] = []
        self._post = ThreadPoolExecutor(1, "sandbox-webhooks")
        self._ready = threading.Event()
        self._running: tuple[asyncio.AbstractEventLoop, threading.Thread] | None = None
        self._socket = _listening(port)
        self.port: int = self._socket.getsockname()[1]
        """The port it listens on."""
        self.url = f"http://127.0.0.1:{self.port}"
        """Where it is, without a slash at the end."""
        sandbox.url = self.url
        if persist is not None:
            self._restore(persist)

    def start(self) -> Self:
        """Begin to answer."""
        loop = asyncio.new_event_loop()
        name = f"sandbox-{self.sandbox.kind}"
        thread = threading.Thread(target=self._serve, args=(loop,), name=name, daemon=True)
        self._running = loop, thread
        thread.start()
        self._ready.wait()
        return self

    def stop(self) -> None:
        """Close every connection and free the port, at once."""
        if self._running is not None:
            loop, thread = self._running
            self._running = None
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
        self._socket.close()
        self._post.shutdown(cancel_futures=True)
        if self._log is not None:
            self._log.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def count(self, method: str = "*", path: str = "") -> int:
        """How many requests of `method` (`*` is any) had a path that matches the expression `path`."""
        return sum(1 for s in list(self.requests) if method in ("*", s.method) and re.search(path, s.path))

    def now(self) -> datetime:
        """The sandbox's time, UTC; never earlier than it was."""
        with self._lock:
            self._last = max(self._last, self._clock().astimezone(UTC) + self._ahead)
            return self._last

    def advance(self, seconds: float) -> None:
        """Move the sandbox's clock ahead, and do what was to be late until then."""
        with self._lock:
            self._ahead += timedelta(seconds=seconds)
            self._settle()

    def admin(self, method: str, path: str, data: Any = None) -> Any:
        """Arrange something through a route below `/_sandbox/`, from within the process; returns the answer's data.

        Raises `ValueError` when it is refused.
        """
        body = b"" if data is None else json.dumps(data).encode()
        answer = self._admin(Call(method, path, "", {}, body, self.now()))
        if answer.status >= 400:
            raise ValueError(f"{method} {path}: {answer.status} {answer.body.decode(errors='replace')}")
        return answer.data

    def drain(self) -> None:
        """Wait until every webhook call so far has been made, or has failed."""
        wait(list(self._sent))

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        config = uvicorn.Config(
            self._app, lifespan="off", log_config=None, ws="none", access_log=False, interface="asgi3"
        )
        config.load()
        state = ServerState()
        listening = loop.run_until_complete(
            loop.create_server(lambda: _Protocol(config, state, {"count": self._connected}, loop), sock=self._socket)
        )
        loop.call_soon(self._ready.set)
        try:
            loop.run_forever()
        finally:
            listening.close()
            for connection in list(state.connections):
                connection.transport.abort()
            for task in list(state.tasks):
                task.cancel()
            loop.run_until_complete(asyncio.sleep(0.001))
            loop.close()

    def _connected(self) -> None:
        self.connections += 1

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        path = scope["raw_path"].decode("ascii")
        call = Call(scope["method"], path, scope["query_string"].decode("ascii"), headers, body, self.now())
        answer, end = await self._respond(call)
        await _give(answer, self.now(), end, scope["state"]["transport"], send)

    async def _respond(self, call: Call) -> tuple[Answer, End]:
        if call.path.startswith("/_sandbox/"):
            return self._admin(call), End.WHOLE
        planned = self.faults.take(call.method, call.path)
        seconds = self.latency + (planned.seconds if planned and planned.fault is Fault.LATENCY else 0.0)
        if seconds:
            await asyncio.sleep(seconds)
        answer, end = self._under(planned, call)
        status = answer.status if end is End.WHOLE else 0
        fault = planned.fault if planned else None
        self.requests.append(Seen(call.method, call.path, call.query, call.body, status, call.at, fault))
        return answer, end

    def _under(self, planned: Planned | None, call: Call) -> tuple[Answer, End]:
        if planned is None:
            return self._work(call), End.WHOLE
        match planned.fault:
            case Fault.LATENCY:
                return self._work(call), End.WHOLE
            case Fault.RATE_LIMITED:
                return self.sandbox.limited(planned, call), End.WHOLE
            case Fault.ERROR_BEFORE:
                return self.sandbox.failed(planned.status or 503), End.WHOLE
            case Fault.ERROR_AFTER:
                self._work(call)
                return self.sandbox.failed(planned.status or 500), End.WHOLE
            case Fault.DROP_BEFORE:
                return Answer(0), End.CUT
            case Fault.LOSE_ANSWER:
                return self._work(call), End.CUT
            case Fault.HALF_BODY:
                return self._work(call), End.HALF
            case Fault.UNREADABLE:
                self._work(call)
                return Answer(
                    200, b"<html><body>Please sign in</body></html>", {"content-type": "text/html"}
                ), End.WHOLE
            case Fault.LATE_COMMIT:
                self._late.append(_Late(call.at + timedelta(seconds=planned.seconds), call))
                return Answer(0), End.CUT
            case _ as never:
                assert_never(never)

    def _work(self, call: Call) -> Answer:
        with self._lock:
            self._settle()
            return self._do(call)

    def _settle(self) -> None:
        now = self.now()
        due = [late for late in self._late if late.due <= now]
        self._late = [late for late in self._late if late.due > now]
        for late in due:
            self._do(late.call)

    def _do(self, call: Call) -> Answer:
        # A call that waited (latency, late commit) happens when it is done, not when it came.
        call = Call(call.method, call.path, call.query, call.headers, call.body, self.now())
        answer = self.sandbox.answer(call)
        if self._log is not None and self.sandbox.writes(call):
            self._log.write(json.dumps(_recorded(call)) + "\n")
            self._log.flush()
        outbox, self.sandbox.outbox = self.sandbox.outbox, []
        self._sent.extend(self._post.submit(self._deliver, delivery) for delivery in outbox)
        return answer

    def _deliver(self, delivery: Delivery) -> None:
        try:
            httpx.post(delivery.url, content=delivery.body, headers=dict(delivery.headers), timeout=10, trust_env=False)
        except httpx.HTTPError:
            self.undelivered.append(delivery)

    def _admin(self, call: Call) -> Answer:
        with self._lock:
            match (call.method, call.path):
                case ("GET", "/_sandbox/people"):
                    return Answer(200, [asdict(user) for user in self.sandbox.users])
                case ("GET", "/_sandbox/requests"):
                    return Answer(200, [_shown(seen) for seen in self.requests])
                case ("GET", "/_sandbox/connections"):
                    return Answer(200, {"made": self.connections})
                case ("DELETE", "/_sandbox/requests"):
                    self.requests.clear()
                case ("DELETE", "/_sandbox/faults"):
                    self.faults.clear()
                case ("POST", "/_sandbox/faults" | "/_sandbox/clock"):
                    return self._told(call)
                case _:
                    return self._work(call)
        return Answer(204)

    def _told(self, call: Call) -> Answer:
        try:
            if call.path == "/_sandbox/clock":
                self.advance(float(call.json()["advance"]))
            else:
                self.faults.told(call.json())
        except (ValueError, TypeError, KeyError, re.error) as wrong:
            return Answer(400, {"message": f"{type(wrong).__name__}: {wrong}"})
        return Answer(204)

    def _restore(self, persist: Path) -> None:
        recorded = persist.read_bytes() if persist.exists() else b""
        # A line without its end was being written when the process was killed; its call had no answer.
        whole = recorded[: recorded.rfind(b"\n") + 1]
        if whole != recorded:
            persist.write_bytes(whole)
        for line in whole.splitlines():
            call = _replayed(json.loads(line))
            self.sandbox.answer(call)
            self._last = max(self._last, call.at)
        self.sandbox.outbox.clear()
        self._log = persist.open("a", encoding="utf-8")


def _listening(port: int) -> socket.socket:
    # Without the protocol named, asyncio leaves Nagle's algorithm on, and every answer waits 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
    except OSError:
        listening.close()
        raise
    listening.listen(128)
    return listening


async def _give(answer: Answer, at: datetime, end: End, transport: asyncio.Transport, send: Send) -> None:
    if end is not End.CUT:
        body = answer.body
        headers = {"content-type": "application/json;charset=UTF-8", "date": format_datetime(at, usegmt=True)}
        headers |= {name.lower(): value for name, value in answer.headers.items()}
        if answer.status not in (204, 304):
            headers["content-length"] = str(len(body))
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        whole = end is End.WHOLE
        await send(
            {"type": "http.response.body", "body": body if whole else body[: len(body) // 2], "more_body": not whole}
        )
        if whole:
            return
    # Half an answer must leave before the line is cut; none at all is cut without a farewell.
    if end is End.HALF:
        transport.close()
    else:
        transport.abort()
    await asyncio.sleep(0)


def _recorded(call: Call) -> Mapping[str, Any]:
    kept = {k: v for k, v in call.headers.items() if k in ("authorization", "content-type", "x-atlassian-token")}
    body = call.body.decode("utf-8", errors="surrogateescape")
    at = call.at.isoformat()
    return {"at": at, "method": call.method, "path": call.path, "query": call.query, "headers": kept, "body": body}


def _replayed(line: Mapping[str, Any]) -> Call:
    body = line["body"].encode("utf-8", errors="surrogateescape")
    at = datetime.fromisoformat(line["at"])
    return Call(line["method"], line["path"], line["query"], line["headers"], body, at)


def _shown(seen: Seen) -> Mapping[str, Any]:
    return {
        "method": seen.method,
        "path": seen.path,
        "query": seen.query,
        "body": seen.body.decode("utf-8", errors="replace"),
        "status": seen.status,
        "at": seen.at.isoformat(),
        "fault": seen.fault,
    }
