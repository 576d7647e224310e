"""Looking at addresses that strangers wrote: what is not public stays untouched, by any spelling, detour or trick."""

import hashlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import httpcore
import pytest

from connectors.guarded import SIZE_LIMIT, Guard, Refused, Resolve, Seen, Unseen
from tests.connectors.hostile_server import Behaviour, bomb, certificate, endless, no_http, serving, trickle

OUTSIDE = "93.184.216.34"
LOCAL = "127.0.0.1"

SPELLINGS = (
    *("127.0.0.1", "127.1", "127.0.1", "0x7f000001", "0x7f.0.0.1", "2130706433", "017700000001", "0177.0.0.1"),
    *("0", "0.0.0.0", "localhost", "LOCALHOST", "localhost.", "127.0.0.1.", "127.0.0.2", "127.0.0.1%2e"),
    *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "[::127.0.0.1]"),
    *("[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[fe80::1%25lo]", "\uff11\uff12\uff17.0.0.1", "①②⑦.0.0.1"),
)
NOT_LOOKED_AT = (
    *(
        "",
        "http://",
        "http:///etc/passwd",
        "/etc/passwd",
        "file:///etc/passwd",
        "ftp://h.example/",
        "gopher://h.example",
    ),
    *("javascript:alert(1)", "data:text/plain,x", "unix:///var/run/docker.sock", "http+unix://%2Fvar%2Frun/x", "//h/x"),
    *("http://user:pw@h.example/", "https://token@h.example/", "http:\\\\127.0.0.1\\", "http://h.example\r\nX: y/"),
    *("http://h.example:22/", "http://h.example:6379/", "https://h.example:8443/", "http://h.example:0/"),
    *("http://h.example:99999/", "http://[::1/", "https://h.example/" + "a" * 5000, "h.example", "http://\x00/"),
)


STAYING = ("\\\\127.0.0.1\\", "http://")
"""What a redirect may name that is no other host, however it looks."""


class Line:
    """Connections that go to a listener on loopback, whatever public address they were meant for."""

    def __init__(self, port: int) -> None:
        self.asked: list[tuple[str, int]] = []
        self._port, self._real = port, httpcore.SyncBackend()

    def connect_tcp(self, host: str, port: int, *_: object, **__: object) -> httpcore.NetworkStream:
        self.asked.append((host, port))
        return self._real.connect_tcp(LOCAL, self._port)

    def connect_unix_socket(self, *_: object, **__: object) -> httpcore.NetworkStream:
        raise AssertionError

    def sleep(self, seconds: float) -> None:
        raise AssertionError


def known(**hosts: str) -> Resolve:
    """A resolver that knows some hosts, by the first part of their names, and nobody else."""

    def resolve(host: str, *_: object) -> Sequence[str]:
        if host.partition(".")[0] not in hosts:
            raise socket.gaierror
        return hosts[host.partition(".")[0]].split()

    return resolve


def here(host: str, port: int, *_: object) -> Sequence[str]:
    """What this machine makes of a number in any spelling; every name is this machine's."""
    with suppress(OSError):
        return [str(each[4][0]) for each in socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)]
    return [LOCAL]


def guard(port: int, *, resolve: Resolve | None = None, **other: object) -> tuple[Guard, Line]:
    """A guard that believes a listener on loopback to be at every public address."""
    line = Line(port)
    return Guard(resolve=resolve or known(h=OUTSIDE), network=line, **other), line  # type: ignore[arg-type]


def answer(status: str, *headers: str, body: bytes = b"") -> Behaviour:
    head = "".join(f"{each}\r\n" for each in (*headers, f"content-length: {len(body)}", "connection: close"))

    def behave(connection: socket.socket, _: bytes) -> None:
        connection.sendall(f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body)

    return behave


@contextmanager
def telling(*answers: Behaviour) -> Iterator[tuple[int, list[bytes]]]:
    """A server that gives one answer after the other, the last for ever; its port, and what it was asked."""
    told: list[bytes] = []

    def behave(connection: socket.socket, request: bytes) -> None:
        told.append(request)
        answers[min(len(told), len(answers)) - 1](connection, request)

    with serving(behave) as port:
        yield port, told


@contextmanager
def untouched(*hosts: str) -> Iterator[int]:
    """A port on this machine that nobody may connect to meanwhile."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with suppress(OSError), socket.create_server(("::1", port), family=socket.AF_INET6) as also:
            yield port
            _nobody_came(also)
            _nobody_came(listening)
            return
        yield port
        _nobody_came(listening)


def _nobody_came(listening: socket.socket) -> None:
    listening.setblocking(False)
    with pytest.raises(BlockingIOError):
        listening.accept()


def reason(found: Guard, url: str) -> str:
    with pytest.raises((Refused, Unseen)) as error:
        found.look(url)
    return str(error.value)


def test_what_is_there_is_kept_as_a_hash() -> None:
    with telling(answer("200 OK", body=b"the log")) as (port, told):
        found, line = guard(port)
        seen = found.look("http://h.example/run?id=1#top")
    assert seen == Seen(200, hashlib.sha256(b"the log").hexdigest(), "http://h.example/run?id=1#top")
    assert line.asked == [(OUTSIDE, 80)]
    [request] = told
    assert request.startswith(b"GET /run?id=1 HTTP/1.1\r\nHost: h.example\r\n")
    names = {row.partition(b":")[0].lower() for row in request.split(b"\r\n")[1:] if row}
    assert names == {b"host", b"user-agent", b"accept", b"accept-encoding", b"connection"}
    assert b"\r\nAccept-Encoding: identity\r\n" in request


@pytest.mark.parametrize("status", [204, 401, 403, 404, 410, 429, 500])
def test_the_status_is_told_and_none_is_an_error(status: int) -> None:
    with telling(answer(f"{status} Whatever")) as (port, _):
        found, _line = guard(port)
        assert found.look("http://h.example/").status == status


@pytest.mark.parametrize("host", SPELLINGS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_spelling_reaches_this_machine(scheme: str, host: str) -> None:
    with untouched() as port:
        assert reason(Guard(ports={port}, resolve=here), f"{scheme}://{host}:{port}/")


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"])
def test_no_variable_leads_elsewhere(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with untouched() as port, telling(answer("200 OK")) as (outside, told):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{port}")
        monkeypatch.setenv("NO_PROXY", "")
        found, _ = guard(outside)
        assert found.look("http://h.example/").status == 200
        assert reason(Guard(), "http://169.254.169.254/latest/meta-data/")
        assert len(told) == 1


@pytest.mark.parametrize("url", NOT_LOOKED_AT)
def test_what_is_no_plain_web_address_is_refused_before_anything_is_resolved(url: str) -> None:
    def never(*_: object) -> Sequence[str]:
        raise AssertionError

    with pytest.raises(Refused):
        Guard(resolve=never).look(url)


@pytest.mark.parametrize(
    "addresses",
    [
        *(f"{OUTSIDE} 127.0.0.1", f"127.0.0.1 {OUTSIDE}", f"{OUTSIDE} ::1", f"{OUTSIDE} 10.0.0.1 {OUTSIDE}"),
        *(
            f"{OUTSIDE} 64:ff9b::7f00:1",
            f"{OUTSIDE} fe80::1%eth0",
            f"{OUTSIDE} nonsense",
            "169.254.169.254",
            "::ffff:10.0.0.1",
        ),
    ],
)
def test_one_answer_that_is_not_public_is_enough(addresses: str) -> None:
    with untouched() as port:
        found, line = guard(port, resolve=known(h=addresses))
        assert "not public" in reason(found, "http://h.example/")
        assert line.asked == []


def test_a_host_without_an_address_is_not_seen_and_one_without_answers_refused() -> None:
    with pytest.raises(Unseen, match="no address"):
        Guard(resolve=known()).look("http://h.example/")
    with pytest.raises(Unseen, match="no address"):
        Guard().look(f"http://{'a' * 70}.example/")
    with pytest.raises(Refused):
        Guard(resolve=lambda *_: []).look("http://h.example/")


def test_a_name_that_changes_its_address_after_the_check_is_not_asked_again() -> None:
    answers = iter([[OUTSIDE], [LOCAL], [LOCAL]])
    asked: list[str] = []

    def rebinding(host: str, *_: object) -> Sequence[str]:
        asked.append(host)
        return next(answers)

    with telling(answer("200 OK")) as (port, _):
        found, line = guard(port, resolve=rebinding)
        found.look("http://h.example/")
    assert asked == ["h.example"]
    assert line.asked == [(OUTSIDE, 80)]


def test_a_name_that_changes_its_address_between_redirects_is_checked_again() -> None:
    answers = iter([[OUTSIDE], [LOCAL]])
    with telling(answer("302 Found", "location: /again")) as (port, told):
        found, line = guard(port, resolve=lambda *_: next(answers))
        assert "not public" in reason(found, "http://h.example/")
    assert len(told) == len(line.asked) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "to",
    [
        *(
            "http://127.0.0.1/",
            "http://127.1/",
            "http://0x7f000001/",
            "//127.0.0.1/",
            "http://[::1]/",
            "http://in.example/",
        ),
        *(
            "http://169.254.169.254/latest/meta-data/",
            "file:///etc/passwd",
            "http://user:pw@h.example/",
            "gopher://h.example/",
        ),
        *("http://h.example:6379/", *STAYING, "http://[::1/", "https://h.example:22/"),
    ],
)
def test_a_redirect_to_anywhere_else_is_refused(status: int, to: str) -> None:
    def resolve(host: str, port: int, _: float) -> Sequence[str]:
        return [OUTSIDE] if host == "h.example" else ["10.0.0.7"] if host == "in.example" else here(host, port)

    with telling(answer(f"{status} Elsewhere", f"location: {to}")) as (port, told):
        found, line = guard(port, resolve=resolve)
        if to in STAYING:
            assert "more than 3 times" in reason(found, "http://h.example/")
        else:
            with pytest.raises(Refused):
                found.look("http://h.example/")
            assert len(told) == 1
    assert {host for host, _ in line.asked} == {OUTSIDE}


def test_three_redirects_are_followed_with_no_cookie_and_the_last_address_is_told() -> None:
    cookie = "set-cookie: session=1; path=/"
    hops = [answer("302 Found", f"location: /{n}", cookie) for n in (1, 2)]
    last = [answer("307 Elsewhere", "location: http://other.example/3", cookie), answer("200 OK", body=b"x")]
    with telling(*hops, *last) as (port, told):
        found, line = guard(port, resolve=known(h=OUTSIDE, other="1.1.1.1"))
        assert found.look("http://h.example/").url == "http://other.example/3"
    assert [host for host, _ in line.asked] == [OUTSIDE] * 3 + ["1.1.1.1"]
    assert b"cookie" not in b"".join(told).lower()
    assert b"Host: other.example" in told[-1]


def test_a_fourth_redirect_is_not_followed() -> None:
    with telling(answer("302 Found", "location: /on")) as (port, told):
        found, _ = guard(port)
        assert "more than 3 times" in reason(found, "http://h.example/")
    assert len(told) == 4


def test_only_so_much_is_read_and_nothing_is_unpacked() -> None:
    with serving(endless) as port:
        found, _ = guard(port)
        assert found.look("http://h.example/").sha256 == hashlib.sha256(b" " * SIZE_LIMIT).hexdigest()
    with serving(bomb) as port:
        found, _ = guard(port)
        assert found.look("http://h.example/").sha256 != hashlib.sha256(b" " * SIZE_LIMIT).hexdigest()


def test_what_comes_after_the_first_megabyte_makes_no_difference() -> None:
    first = bytes(range(256)) * (SIZE_LIMIT // 256)
    with telling(answer("200 OK", body=first), answer("200 OK", body=first + bytes(50_000))) as (port, _):
        found, _line = guard(port)
        seen = {found.look("http://h.example/").sha256 for _ in range(2)}
    assert seen == {hashlib.sha256(first).hexdigest()}


def ticking(seconds: Iterable[float]) -> Callable[[], float]:
    passed = iter(seconds)
    return lambda: next(passed)


def test_an_answer_that_trickles_is_given_up_when_the_time_of_the_whole_is_over() -> None:
    stop = threading.Event()
    clock = (each * 0.5 for each in range(10_000))
    with serving(trickle(stop)) as port:
        found, _ = guard(port, clock=ticking(clock))
        assert "within 10 seconds" in reason(found, "http://h.example/")
        stop.set()


def test_a_name_that_nobody_finds_out_in_time_is_given_up() -> None:
    given: list[float] = []

    def slow(_host: str, _port: int, seconds: float) -> Sequence[str]:
        given.append(seconds)
        raise TimeoutError

    with pytest.raises(Unseen, match="in time"):
        Guard(resolve=slow, clock=ticking([0.0, 4.0])).look("http://h.example/")
    assert given == [6.0]


def test_redirects_share_the_time_of_one_look() -> None:
    clock = (each * 1.5 for each in range(10_000))
    with telling(answer("302 Found", "location: /on")) as (port, told):
        found, _ = guard(port, clock=ticking(clock))
        assert "within 10 seconds" in reason(found, "http://h.example/")
    assert len(told) < 4


def test_what_the_far_side_says_wrong_is_not_repeated() -> None:
    with serving(no_http) as port:
        found, _ = guard(port)
        assert reason(found, "http://h.example/") == "what answers there does not speak HTTP"
    with telling(lambda connection, _: connection.close()) as (port, _):
        found, _line = guard(port)
        assert reason(found, "http://h.example/") == "what answers there does not speak HTTP"
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    found, _line = guard(port)
    assert reason(found, "http://h.example/") == "no connection, or no valid certificate"


def test_https_is_checked_by_the_host_s_name_and_never_left(tmp_path: Path) -> None:
    context, file = certificate(tmp_path, host="h.example")
    trust = ssl.create_default_context(cafile=str(file))
    with serving(answer("200 OK", body=b"x"), context) as port:
        found, line = guard(port, trust=trust, resolve=known(h=OUTSIDE, other=OUTSIDE))
        assert found.look("https://h.example/").status == 200
        assert line.asked == [(OUTSIDE, 443)]
        assert "certificate" in reason(found, "https://other.example/")
        untrusting, _ = guard(port)
        assert "certificate" in reason(untrusting, "https://h.example/")
    with serving(answer("302 Found", "location: http://h.example/"), context) as port:
        found, _ = guard(port, trust=trust)
        assert "https to http" in reason(found, "https://h.example/")


def test_a_host_of_one_s_own_is_looked_at_where_it_is_named() -> None:
    with telling(answer("200 OK")) as (port, told):
        assert Guard([f"127.0.0.1:{port}"]).look(f"http://127.0.0.1:{port}/").status == 200
        inside = {"resolve": known(wiki=LOCAL, h=LOCAL)}
        assert Guard([f"Wiki.Example:{port}"], **inside).look(f"http://wiki.example.:{port}/").status == 200  # type: ignore[arg-type]
        for url in (f"http://h.example:{port}/", "http://h.example/", f"http://wiki.example:{port + 1}/"):
            with pytest.raises(Refused):
                Guard([f"wiki.example:{port}"], **inside).look(url)  # type: ignore[arg-type]
    assert len(told) == 2


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1", "64:ff9b::7f00:1"])
def test_no_name_opens_what_no_house_has(address: str) -> None:
    with untouched() as port:
        found, line = guard(port, resolve=known(wiki=address), allow_hosts=["wiki.example"])
        assert "not on the network" in reason(found, "http://wiki.example/")
        assert line.asked == []


def test_local_sockets_are_never_opened(tmp_path: Path) -> None:
    with untouched() as port:
        found, _ = guard(port)
        assert reason(found, f"unix://{tmp_path}/docker.sock")


def test_the_first_address_that_answers_is_taken() -> None:
    class Half(Line):
        def connect_tcp(self, host: str, port: int, *_: object, **__: object) -> httpcore.NetworkStream:
            if host == OUTSIDE:
                self.asked.append((host, port))
                raise httpcore.ConnectError
            return super().connect_tcp(host, port)

    with telling(answer("200 OK")) as (port, _):
        line = Half(port)
        found = Guard(resolve=known(h=f"{OUTSIDE} 1.1.1.1"), network=line)  # type: ignore[arg-type]
        assert found.look("http://h.example/").status == 200
    assert [host for host, _ in line.asked] == [OUTSIDE, "1.1.1.1"]
