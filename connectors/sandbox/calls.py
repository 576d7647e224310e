"""A request, its answer, and what every embedded tracker has to offer the server that runs it."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote

from connectors.sandbox.faults import Faults, Planned


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with an account on an embedded tracker, who acts there with `token`.

    `id` is the tracker's account id, `name` what people log in with.
    """

    id: str
    name: str
    display: str
    email: str
    token: str
    writes: bool = True
    bot: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it arrived at `at` (UTC, never earlier than the call before); `path` is still quoted."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    at: datetime
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def args(self) -> dict[str, list[str]]:
        """The query's values by name."""
        return parse_qs(self.query, keep_blank_values=True) if self.query else {}

    def arg(self, name: str, default: str = "") -> str:
        """The last value of one query parameter."""
        return self.args.get(name, [default])[-1]

    def json(self) -> Any:
        """The body as JSON; an empty body is an empty object. Raises `ValueError`."""
        return json.loads(self.body) if self.body else {}


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: `data` is sent as JSON, unless it is bytes already; `None` is an empty body."""

    status: int
    data: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        """The bytes that go over the wire."""
        match self.data:
            case None:
                return b""
            case bytes():
                return self.data
            case _:
                return json.dumps(self.data, separators=(",", ":"), ensure_ascii=False).encode(errors="replace")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook call that a tracker wants to make."""

    url: str
    headers: Mapping[str, str]
    body: bytes


Handler = Callable[[Call], Answer]


class Routes:
    """Finds the handler of a path such as `/rest/api/{version}/issue/{key}`, without trying every pattern."""

    def __init__(self) -> None:
        self._routes: dict[tuple[str, int], list[tuple[tuple[str, ...], Handler]]] = {}
        self._methods: dict[int, list[tuple[tuple[str, ...], str]]] = {}

    def add(self, method: str, pattern: str, handler: Handler) -> None:
        """Let `handler` answer `method` on `pattern`; where two fit, the one added first answers."""
        parts = tuple(pattern.strip("/").split("/"))
        self._routes.setdefault((method, len(parts)), []).append((parts, handler))
        self._methods.setdefault(len(parts), []).append((parts, method))

    def match(self, method: str, path: str) -> tuple[Handler, dict[str, str]] | None:
        """The handler and the unquoted path parameters, or nothing."""
        parts = path.strip("/").split("/")
        for pattern, handler in self._routes.get((method, len(parts)), ()):
            if _fits(pattern, parts):
                return handler, {p[1:-1]: unquote(v) for p, v in zip(pattern, parts, strict=True) if p[:1] == "{"}
        return None

    def methods(self, path: str) -> list[str]:
        """The methods that some handler answers on this path."""
        parts = path.strip("/").split("/")
        return sorted({method for pattern, method in self._methods.get(len(parts), ()) if _fits(pattern, parts)})


def _fits(pattern: Iterable[str], parts: Iterable[str]) -> bool:
    return all(p == part or p[:1] == "{" for p, part in zip(pattern, parts, strict=True))


class Sandbox:
    """One embedded tracker: all its state, changed by nothing but the calls it answers.

    The state must follow from the calls alone (time is `call.at`, ids are counted), since a restarted sandbox
    gets its state back by answering the recorded calls again. Whatever a test may want to arrange that the vendor
    has no request for (rename, hard delete) is a route below `/_sandbox/`.
    """

    kind: ClassVar[str]

    def __init__(self) -> None:
        self.url = ""
        self.faults = Faults()
        self.outbox: list[Delivery] = []

    @property
    def users(self) -> tuple[User, ...]:
        """Everybody who has an account; the first is the one that the synchronisation uses."""
        raise NotImplementedError

    def answer(self, call: Call) -> Answer:
        """Do what the call asks for and say so as the vendor would."""
        raise NotImplementedError

    def writes(self, call: Call) -> bool:
        """Whether the call may change anything, so that it must be recorded."""
        return call.method not in ("GET", "HEAD", "OPTIONS")

    def limited(self, fault: Planned, call: Call) -> Answer:
        """The vendor's way to say "too many requests"."""
        raise NotImplementedError

    def failed(self, status: int) -> Answer:
        """The vendor's way to fail with `status`."""
        return Answer(status, b"<html><body>Something went wrong</body></html>", {"content-type": "text/html"})
