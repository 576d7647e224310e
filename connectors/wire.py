"""The one HTTP client under every SDK, where each failure gets the name of what to do about it."""

import io
import json
import re
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import httpx
import requests
import tenacity
from pydantic import SecretStr
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from connectors import bounded
from connectors.base import before_sending
from connectors.errors import (
    Ambiguous,
    Denied,
    NotFound,
    RateLimited,
    Rejected,
    Stale,
    TrackerError,
    Unavailable,
)
from connectors.limits import DEFAULT_WAIT, Limits
from connectors.redaction import spellings
from connectors.storable import storable
from connectors.times import said_at

TRIES = 3
PATIENCE = timedelta(seconds=10)
"""The longest wait that a retried read obeys by sleeping; a longer one is the engine's to plan for."""
REDIRECTS = 3
MESSAGE_LIMIT = 300
CREDENTIALS = 8
"""Fewer letters than this are no credentials: hiding them would take words apart."""

BYTES = "application/octet-stream, */*"
"""What a request accepts, and no other does, whose answer is a file and need not be JSON."""

_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_REFUSED_LOGIN = re.compile("AUTHENTICATED_FAILED|AUTHENTICATION_DENIED")
_ID = re.compile(r"/(?:\d+|[A-Z][A-Z0-9_]*-\d+)(?=/|$)")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request as it went over the wire; `status` is 0 and `response` is `None` where no answer came."""

    method: str
    path: str
    status: int
    request: httpx.Request = field(repr=False)
    response: httpx.Response | None = field(repr=False, default=None)


class Wire:
    """One client for one tracker: reads are retried, writes are sent exactly once, errors are `connectors.errors`.

    `reads` are endings of paths whose POST changes nothing, such as searches. `secrets` never appear in an error.
    Credentials go to the host of `base_url` and no other. Certificates are always checked; `ca_bundle` adds trust
    to the system's. `conflict_is_stale` says that a 409 or 412 means the ticket moved, rather than a refusal.
    `unasked_wait` is kept after a rate limit that names no time, and doubled with each one in a row. Once an answer
    says that no more requests are taken until some time, none is sent before.
    """

    def __init__(
        self,
        base_url: str,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None],
        timeout_seconds: float = 60.0,
        ca_bundle: str | None = None,
        secrets: Sequence[SecretStr] = (),
        transport: httpx.BaseTransport | None = None,
        observer: Callable[[Exchange], None] | None = None,
        reads: Collection[str] = (),
        conflict_is_stale: bool = False,
        unasked_wait: timedelta = DEFAULT_WAIT,
    ) -> None:
        self.base_url = httpx.URL(base_url)
        self.count = self._written = 0
        self._counting = threading.Lock()
        self.kinds: Counter[str] = Counter()
        self.adapter: BaseAdapter = _Adapter(self)
        self._clock, self._sleep, self._observer = clock, sleep, observer
        self._reads, self._conflict_is_stale = tuple(reads), conflict_is_stale
        self._limits = Limits(clock, unasked_wait)
        self._hidden = spellings(secret.get_secret_value() for secret in secrets)
        self._sent: set[str] = set()
        self._ahead: timedelta | None = None
        timeout = httpx.Timeout(timeout_seconds, connect=min(timeout_seconds, 10.0))
        self._client = _client(timeout, _trust(ca_bundle), transport)

    def close(self) -> None:
        """Give back connections."""
        self._client.close()

    def time(self) -> datetime | None:
        """The server's own time now, to the second: what its last answer said and what passed since by our clock."""
        return None if self._ahead is None else self._clock() + self._ahead

    def redact(self, text: str) -> str:
        """`text` with every secret, in any form it travels in, replaced by `***`."""
        for form in self._hidden:
            text = text.replace(form, "***")
        return text

    def send(self, method: str, url: str, headers: Mapping[str, str], content: bytes | None) -> httpx.Response:
        """The answer below 400, redirects of a GET followed; anything else is raised as a `TrackerError`."""
        request = self._client.build_request(method, url, headers=headers, content=content)
        if not self._is_read(request):
            answer = self._once(request)
            self._written += 1
            return answer
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(TRIES),
            wait=self._pause,
            sleep=self._sleep,
            retry=tenacity.retry_if_exception(self._worth_another_try),
            reraise=True,
        )
        return retrying(self._once, request)

    @contextmanager
    def one_update(self) -> Iterator[None]:
        """What fails within, after another request within wrote something, is an error that says `partly`."""
        before = self._written
        try:
            yield
        except TrackerError as error:
            error.partly = self._written > before
            raise

    def raise_for(self, request: httpx.Request, response: httpx.Response) -> None:
        """Raise what the status, or a body that cannot be read, means for the caller."""
        error = self._problem(request, response)
        if error is not None:
            error.status = response.status_code
            error.answer = _parsed(self.redact(response.text))
            raise error

    def _is_read(self, request: httpx.Request) -> bool:
        posted = request.method == "POST" and request.url.path.endswith(self._reads) if self._reads else False
        return request.method in _READS or posted

    def _once(self, request: httpx.Request) -> httpx.Response:
        for _ in range(REDIRECTS + 1):
            response = self._exchange(request)
            target = self._redirect(request, response)
            if target is None:
                self.raise_for(request, response)
                return response
            request = self._client.build_request(request.method, target, headers=_forward(request.headers))
        raise Unavailable(self._line(request, "0", "redirected too often"))

    def _learn(self, credentials: str) -> None:
        """Hide also what an SDK made or bought with the secrets, once it is sent as credentials."""
        if credentials not in self._sent and len(credentials) >= CREDENTIALS:
            self._sent.add(credentials)
            self._hidden = sorted({*self._hidden, *spellings([credentials])}, key=len, reverse=True)

    def _exchange(self, request: httpx.Request) -> httpx.Response:
        if not _same_host(self.base_url, request.url):
            told = f"will not send credentials to {request.url.host}; the configured host is {self.base_url.host}"
            raise Denied(self._line(request, "not sent", told))
        if (until := self._limits.used_up_until(request)) is not None:
            told = f"the tracker takes no more requests until {until:%H:%M:%S} UTC"
            raise RateLimited(self._line(request, "not sent", told), until)
        with self._counting:
            self._learn(request.headers.get("authorization", "").partition(" ")[2])
            self.count += 1
            self.kinds[f"{request.method} {_ID.sub('/*', request.url.path)}"] += 1
        before_sending()
        try:
            response = bounded.send(self._client, request)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            self._observe(request, None)
            raise self._failure(request, error) from None
        if request.headers.get("accept") != BYTES:
            response._content = storable(response.content)
        self._observe(request, response)
        self._limits.note(request, response)
        if (said := said_at(response.headers)) is not None:
            self._ahead = said - self._clock()
        return response

    def _observe(self, request: httpx.Request, response: httpx.Response | None) -> None:
        if self._observer is not None:
            status = 0 if response is None else response.status_code
            self._observer(Exchange(request.method, request.url.path, status, request, response))

    def _redirect(self, request: httpx.Request, response: httpx.Response) -> httpx.URL | None:
        location = response.headers.get("location")
        if response.status_code not in _REDIRECTS or request.method not in _READS or not location:
            return None
        try:
            target = request.url.join(location)
        except httpx.InvalidURL:
            return None
        if not _same_host(self.base_url, target):
            return None
        return target if target.query else target.copy_with(query=request.url.query or None)

    def _failure(self, request: httpx.Request, error: Exception) -> TrackerError:
        told = f"{type(error).__name__}: {error}" if isinstance(error, httpx.TransportError) else type(error).__name__
        text = self._line(request, "no answer", told)
        never_sent = isinstance(error, (*_NEVER_SENT, httpx.LocalProtocolError, httpx.InvalidURL))
        return Unavailable(text) if never_sent or self._is_read(request) else Ambiguous(text)

    def _problem(self, request: httpx.Request, response: httpx.Response) -> TrackerError | None:
        status, read = response.status_code, self._is_read(request)
        told = _vendor_message(response) if status >= 400 else ""
        reason = response.headers.get("ratelimit-reason", "")
        text = self._line(request, str(status), "; ".join(filter(None, (told or response.reason_phrase, reason))))
        if (limited := self._limits.refusal(response, told, text, read=read)) is not None:
            return limited
        if status in _REDIRECTS:
            text = self._line(request, str(status), f"redirected to {response.headers.get('location', 'nowhere')}")
            return Unavailable(text) if read else Ambiguous(text)
        if 200 <= status < 300 and request.headers.get("accept") != BYTES and not _is_json(response):
            text = self._line(request, str(status), "the answer is not JSON")
            return Unavailable(text) if read else Ambiguous(text)
        # https://developer.atlassian.com/cloud/jira/platform/basic-auth-for-rest-apis/ tells of this header. With it an
        # answer may look in order, and is what somebody without an account would see.
        login = response.headers.get("x-seraph-loginreason", "")
        if _REFUSED_LOGIN.search(login) and (read or 400 <= status < 500):
            return Denied(self._line(request, str(status), f"the credentials were refused ({login})"))
        return None if status < 400 else self._by_status(status, text, read=read)

    def _by_status(self, status: int, text: str, *, read: bool) -> TrackerError:
        match status:
            case 401 | 403:
                return Denied(text)
            case 404 | 410:
                return NotFound(text)
            case 409 | 412 if self._conflict_is_stale:
                return Stale(text)
            case 408:
                return Unavailable(text) if read else Ambiguous(text)
            case 425:
                return Unavailable(text)
            case 501:
                return Rejected(text)
            case _ if status < 500:
                return Rejected(text)
            case _:
                return Unavailable(text) if read else Ambiguous(text)

    def _worth_another_try(self, error: BaseException) -> bool:
        if isinstance(error, RateLimited):
            return error.retry_at - self._clock() <= PATIENCE
        return isinstance(error, Unavailable)

    def _pause(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, RateLimited):
            return max(0.0, (error.retry_at - self._clock()).total_seconds())
        return 0.5 * 2.0 ** (state.attempt_number - 1)

    def _line(self, request: httpx.Request, status: str, told: str) -> str:
        text = self.redact(" ".join(told.split()))
        cut = text if len(text) <= MESSAGE_LIMIT else text[: MESSAGE_LIMIT - 1] + "…"
        return f"{request.method} {self.redact(request.url.path)}: {status}: {cut}".rstrip(": ")


class _Adapter(BaseAdapter):
    """Lets an SDK built on requests speak through the wire."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire

    def send(self, request: requests.PreparedRequest, *_args: Any, **_kwargs: Any) -> requests.Response:
        """Send through the wire, which decides on time-outs, proxies and certificates."""
        body = request.body.encode() if isinstance(request.body, str) else request.body
        content = body if isinstance(body, bytes) or body is None else b"".join(body)
        method, url = request.method or "GET", request.url or ""
        headers = {name: value for name, value in request.headers.items() if isinstance(value, str)}
        try:
            answer = self._wire.send(method, url, _forward(headers), content)
        except httpx.InvalidURL:
            raise Rejected(self._wire.redact(f"{method}: the address cannot be used")) from None
        return _as_requests(answer, request)

    def close(self) -> None:
        """Leave the client open: it belongs to the wire."""


@cache
def _usual_trust() -> ssl.SSLContext:
    """The authorities that are trusted everywhere: many, so they are read once in a process."""
    return httpx.create_ssl_context()


def _trust(ca_bundle: str | None) -> ssl.SSLContext:
    if ca_bundle is None:
        return _usual_trust()
    context = httpx.create_ssl_context()
    try:
        context.load_verify_locations(ca_bundle)
    except (OSError, ssl.SSLError) as error:
        raise Denied(f"ca_bundle {ca_bundle}: cannot be used: {error}") from None
    return context


def _client(timeout: httpx.Timeout, trust: ssl.SSLContext, transport: httpx.BaseTransport | None) -> httpx.Client:
    try:
        return httpx.Client(timeout=timeout, verify=trust, transport=transport, follow_redirects=False)
    except (ValueError, ImportError, httpx.InvalidURL):
        raise Denied(
            "a proxy variable (HTTPS_PROXY, HTTP_PROXY, ALL_PROXY) cannot be used; write http://HOST:PORT"
        ) from None


def _same_host(base: httpx.URL, other: httpx.URL) -> bool:
    if base.host != other.host:
        return False
    upgraded = (base.scheme, other.scheme) == ("http", "https")
    return upgraded or (base.scheme == other.scheme and base.port == other.port)


def _forward(headers: Mapping[str, str]) -> dict[str, str]:
    ours = {"host", "accept-encoding", "content-length", "connection", "transfer-encoding"}
    return {name: value for name, value in headers.items() if name.lower() not in ours}


def _as_requests(answer: httpx.Response, request: requests.PreparedRequest) -> requests.Response:
    response = requests.Response()
    response.status_code = answer.status_code
    spent = {"content-encoding", "transfer-encoding", "content-length"}
    kept = {name: value for name, value in answer.headers.items() if name.lower() not in spent}
    response.headers = CaseInsensitiveDict(kept)
    response.reason = answer.reason_phrase
    response.url = str(answer.url)
    response.encoding = answer.encoding or "utf-8"
    response.request = request
    response.raw = io.BytesIO(answer.content)
    response._content = answer.content
    return response


def _is_json(response: httpx.Response) -> bool:
    return not response.content or _json(response) is not None


def _json(response: httpx.Response) -> Any:
    return _parsed(response.content)


def _parsed(text: str | bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _vendor_message(response: httpx.Response) -> str:
    said = _json(response)
    if isinstance(said, dict):
        return "; ".join(words(said))
    return response.text if "text/plain" in response.headers.get("content-type", "") else ""


def words(said: Mapping[str, Any]) -> list[str]:
    """What a vendor's JSON says went wrong, in its own words."""
    parts = [said[key] for key in ("message", "errorMessage") if isinstance(said.get(key), str)]
    many = said.get("errorMessages")
    parts += [str(text) for text in many] if isinstance(many, list) else []
    errors = said.get("errors")
    if isinstance(errors, dict):
        parts += [f"{name}: {text}" for name, text in errors.items()]
    elif isinstance(errors, list):
        parts += [_one_error(error) for error in errors]
    return [part for part in parts if part]


def _one_error(error: object) -> str:
    if not isinstance(error, dict):
        return str(error)
    known = (error.get(key) for key in ("resource", "field", "code", "message"))
    return " ".join(str(part) for part in known if part)
