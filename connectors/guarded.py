"""A client for addresses that strangers wrote: it looks at public hosts only, briefly, and keeps only a hash."""

import hashlib
import socket
import ssl
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache

import httpcore
import httpx

from connectors.addresses import public, within

SECONDS = 10.0
"""How long one look may take, redirects and all."""
SIZE_LIMIT = 1024 * 1024
"""How many bytes are read; the hash is over these."""
REDIRECTS = 3
PORTS = frozenset({80, 443})

_REDIRECTED = frozenset({301, 302, 303, 307, 308})
_DEFAULT = {"http": 80, "https": 443}
_LONGEST = 4000
_HEADERS = (
    (b"User-Agent", b"counterfoil"),
    (b"Accept", b"*/*"),
    (b"Accept-Encoding", b"identity"),
    (b"Connection", b"close"),
)

Resolve = Callable[[str, int, float], Sequence[str]]
"""Every numeric address of a host, found out in so many seconds; raises `OSError` if it has none, or not in time."""
Left = Callable[[], float]
"""How many seconds are left."""


class Refused(Exception):
    """The address is one that is not looked at; the message says why. Nothing was sent there."""


class Unseen(Exception):
    """There was no whole answer in time; the message says what happened, in none of the far side's words."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What an address gave: the HTTP status, the SHA-256 of its first megabyte, and where redirects led."""

    status: int
    sha256: str
    url: str


def resolve(host: str, port: int, _: float = SECONDS) -> list[str]:
    """Every address that this machine knows a host by; it takes the time that the system gives its name servers."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


@cache
def _authorities() -> ssl.SSLContext:
    """The certificate authorities that everybody trusts, whatever the environment says."""
    return httpx.create_ssl_context(trust_env=False)


class Guard:
    """Looks at addresses under guard.

    A host is resolved once for each connection; every answer has to be public, and the connection goes to one of those
    very answers. `allow_hosts` names hosts of one's own, as `host` or `host:port`, that may be on the house's network.
    No variable of the environment, proxy, cookie, credential or local socket has a part in it. `resolve`, `clock`
    (seconds), `network` and `ports` are for tests; `trust` is for hosts with a certificate authority of their own.
    """

    def __init__(
        self,
        allow_hosts: Iterable[str] = (),
        *,
        trust: ssl.SSLContext | None = None,
        resolve: Resolve = resolve,
        clock: Callable[[], float] = time.monotonic,
        network: httpcore.NetworkBackend | None = None,
        ports: Collection[int] = PORTS,
    ) -> None:
        named = [httpx.URL(f"//{each}") for each in allow_hosts]
        self._hosts = {_plain(each.host) for each in named}
        self._places = {(_plain(each.host), each.port) for each in named}
        self._trust, self._resolve, self._clock, self._ports = trust, resolve, clock, ports
        self._network = network or httpcore.SyncBackend()

    def look(self, url: str) -> Seen:
        """What the address gives to anybody who asks; raises `Refused` or `Unseen`."""
        until = self._clock() + SECONDS
        backend = _Backend(self._network, self._addresses, lambda: until - self._clock())
        target, trust = self.checked(url), self._trust or _authorities()
        with httpcore.ConnectionPool(trust, max_keepalive_connections=0, network_backend=backend) as pool:
            return self._follow(pool, target)

    def checked(self, text: str | httpx.URL) -> httpx.URL:
        """An address as far as its text tells that it may be looked at; raises `Refused`."""
        try:
            url = httpx.URL(text) if len(str(text)) <= _LONGEST else None
        except httpx.InvalidURL:
            url = None
        if url is None or url.scheme not in _DEFAULT or not url.host:
            raise Refused("it is no address that begins with http:// or https://")
        if url.userinfo:
            raise Refused("it holds a user name or a password")
        port = _DEFAULT[url.scheme] if url.port is None else url.port
        if port not in self._ports and (_plain(url.host), url.port) not in self._places:
            raise Refused(f"port {port} is not looked at; name the host with it in allow_hosts under [evidence]")
        return url

    def _follow(self, pool: httpcore.ConnectionPool, url: httpx.URL) -> Seen:
        for _ in range(REDIRECTS + 1):
            found = _ask(pool, url)
            if isinstance(found, Seen):
                return found
            url = self._next(url, found)
        raise Refused(f"it redirects more than {REDIRECTS} times")

    def _next(self, url: httpx.URL, location: str) -> httpx.URL:
        try:
            target = self.checked(url.join(location))
        except httpx.InvalidURL:
            raise Refused("it redirects to what is no address") from None
        except Refused as why:
            raise Refused(f"it redirects to where nobody is sent: {why}") from None
        if (url.scheme, target.scheme) == ("https", "http"):
            raise Refused("it redirects from https to http")
        return target

    def _addresses(self, host: str, port: int, seconds: float) -> list[str]:
        """The addresses of a host, once all of them are known to be such that anybody may be sent there."""
        try:
            found = list(self._resolve(host, port, seconds))
        except TimeoutError:
            raise Unseen("its host's address was not found out in time") from None
        except (OSError, UnicodeError):
            raise Unseen("its host has no address here") from None
        allowed = _plain(host) in self._hosts
        if not found or not all(public(each) or (allowed and within(each)) for each in found):
            why = "is not on the network" if allowed else "is not public; name the host in allow_hosts under [evidence]"
            raise Refused(f"an address of {host} {why}")
        return found


class _Backend(httpcore.NetworkBackend):
    """Connects to checked addresses only, and within the time that is left."""

    def __init__(
        self, network: httpcore.NetworkBackend, addresses: Callable[[str, int, float], list[str]], left: Left
    ) -> None:
        self._network, self._addresses, self._left = network, addresses, left

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """A connection to the first address of the host that takes one."""
        failure: Exception = httpcore.ConnectError()
        for address in self._addresses(host, port, _some(self._left)):
            try:
                stream = self._network.connect_tcp(address, port, _some(self._left), None, socket_options)
                return _Stream(stream, self._left)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    def connect_unix_socket(self, *_: object, **__: object) -> httpcore.NetworkStream:
        """Never."""
        raise Refused("a local socket is not looked at")


class _Stream(httpcore.NetworkStream):
    """A connection that is given up when the time of the whole look is over."""

    def __init__(self, stream: httpcore.NetworkStream, left: Left) -> None:
        self._stream, self._left = stream, left

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        """Some bytes."""
        return self._stream.read(max_bytes, _some(self._left))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        """Send all of it."""
        self._stream.write(buffer, _some(self._left))

    def close(self) -> None:
        """Hang up."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        """The same connection, encrypted; the certificate has to be the host's, by its name."""
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, _some(self._left)), self._left)

    def get_extra_info(self, info: str) -> object:
        """What the connection below knows of itself."""
        return self._stream.get_extra_info(info)


def _some(left: Left) -> float:
    seconds = left()
    if seconds <= 0:
        raise httpcore.ReadTimeout
    return seconds


def _plain(host: str) -> str:
    return host.casefold().rstrip(".")


def _ask(pool: httpcore.ConnectionPool, url: httpx.URL) -> Seen | str:
    """What is there, or where it redirects to."""
    request = httpcore.Request(
        "GET",
        httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=[(b"Host", url.netloc), *_HEADERS],
    )
    try:
        response = pool.handle_request(request)
        with closing(response):
            location = next((value for name, value in response.headers if name.lower() == b"location"), b"")
            if response.status in _REDIRECTED and location:
                return location.decode("latin-1")
            return Seen(response.status, _hash(response.iter_stream()), str(url))
    except httpcore.TimeoutException:
        raise Unseen(f"it gave no whole answer within {SECONDS:g} seconds") from None
    except (httpcore.NetworkError, ssl.SSLError):
        raise Unseen("no connection, or no valid certificate") from None
    except httpcore.ProtocolError:
        raise Unseen("what answers there does not speak HTTP") from None


def _hash(stream: Iterable[bytes]) -> str:
    """The SHA-256 of the first megabyte of a body, which is read no further."""
    digest, left = hashlib.sha256(), SIZE_LIMIT
    for chunk in stream:
        digest.update(chunk[:left])
        left -= len(chunk)
        if left <= 0:
            break
    return digest.hexdigest()
