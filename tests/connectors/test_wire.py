"""The wire: what goes out, how often, and what each failure is called."""

import base64
import gzip
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
import requests
from pydantic import SecretStr

from connectors.errors import (
    Ambiguous,
    Denied,
    NotFound,
    RateLimited,
    Rejected,
    Stale,
    TicketLimited,
    TrackerError,
    Unavailable,
)
from connectors.wire import BYTES, Exchange, Wire

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
URL = "https://tracker.test/base"
Handler = Callable[[httpx.Request], httpx.Response]


class Line:
    """A wire to a handler, with the requests that arrived and the waits that were slept, by which time is `moving`."""

    def __init__(self, handler: Handler, *, moving: bool = False, **options: object) -> None:
        self.arrived: list[httpx.Request] = []
        self.waits: list[float] = []
        self.exchanges: list[Exchange] = []

        def handle(request: httpx.Request) -> httpx.Response:
            self.arrived.append(request)
            return handler(request)

        self.wire = Wire(
            URL,
            clock=lambda: NOW + timedelta(seconds=sum(self.waits) if moving else 0),
            sleep=self.waits.append,
            transport=httpx.MockTransport(handle),
            observer=self.exchanges.append,
            reads=("/search",),
            **options,  # type: ignore[arg-type]
        )
        self.session = requests.Session()
        self.session.mount("https://", self.wire.adapter)

    def raised(self, method: str, path: str = "/thing", **more: object) -> TrackerError:
        with pytest.raises(TrackerError) as caught:
            self.session.request(method, URL + path, **more)  # type: ignore[arg-type]
        return caught.value


def always(status: int, headers: dict[str, str] | None = None, json: object = None) -> Handler:
    return lambda _: httpx.Response(status, headers=headers, json={} if json is None else json)


def failing(error: type[httpx.TransportError], text: str = "broken") -> Handler:
    def handle(request: httpx.Request) -> httpx.Response:
        raise error(text, request=request)

    return handle


def in_turn(*responses: httpx.Response) -> Handler:
    left = list(responses)
    return lambda _: left.pop(0)


def test_a_request_built_by_requests_arrives_whole_and_its_answer_returns_whole() -> None:
    line = Line(lambda _: httpx.Response(201, headers={"ETag": "e", "X-More": "1"}, json={"id": 7}))
    answer = line.session.post(f"{URL}/a%20b?q=x%2By", json={"n": "ü"}, headers={"X-Own": "yes"})
    sent = line.arrived[0]
    assert (sent.url.raw_path, sent.headers["x-own"]) == (b"/base/a%20b?q=x%2By", "yes")
    assert sent.read() == requests.Request("POST", URL, json={"n": "ü"}).prepare().body
    assert (answer.status_code, answer.json(), answer.headers["etag"]) == (201, {"id": 7}, "e")


def test_a_compressed_answer_is_read_once() -> None:
    packed = gzip.compress(b'{"ok": true}')
    line = Line(lambda _: httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=packed))
    answer = line.session.get(f"{URL}/x")
    assert answer.json() == {"ok": True}
    assert "content-encoding" not in answer.headers


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_a_write_is_sent_exactly_once_whatever_the_answer(method: str, status: int) -> None:
    line = Line(always(status, {"Retry-After": "1"}))
    line.raised(method)
    assert (len(line.arrived), line.waits, line.wire.count) == (1, [], 1)


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError])
def test_a_write_without_an_answer_is_sent_exactly_once(error: type[httpx.TransportError]) -> None:
    line = Line(failing(error))
    line.raised("POST")
    assert len(line.arrived) == 1


@pytest.mark.parametrize(
    ("status", "on_write", "on_read"),
    [
        (400, Rejected, Rejected),
        (401, Denied, Denied),
        (403, Denied, Denied),
        (404, NotFound, NotFound),
        (405, Rejected, Rejected),
        (409, Rejected, Rejected),
        (410, NotFound, NotFound),
        (413, Rejected, Rejected),
        (415, Rejected, Rejected),
        (422, Rejected, Rejected),
        (500, Ambiguous, Unavailable),
        (501, Rejected, Rejected),
        (502, Ambiguous, Unavailable),
        (503, Ambiguous, Unavailable),
        (504, Ambiguous, Unavailable),
        (408, Ambiguous, Unavailable),
    ],
)
def test_each_status_is_named_by_what_to_do_next(
    status: int, on_write: type[TrackerError], on_read: type[TrackerError]
) -> None:
    line = Line(always(status))
    assert type(line.raised("POST")) is on_write
    assert type(line.raised("GET")) is on_read
    assert line.raised("PUT").status == status


def test_a_conflict_is_stale_where_told() -> None:
    line = Line(always(409), conflict_is_stale=True)
    assert type(line.raised("PUT")) is Stale


@pytest.mark.parametrize(
    ("error", "on_write"),
    [
        (httpx.ConnectError, Unavailable),
        (httpx.ConnectTimeout, Unavailable),
        (httpx.PoolTimeout, Unavailable),
        (httpx.ProxyError, Unavailable),
        (httpx.UnsupportedProtocol, Unavailable),
        (httpx.LocalProtocolError, Unavailable),
        (httpx.ReadTimeout, Ambiguous),
        (httpx.WriteTimeout, Ambiguous),
        (httpx.ReadError, Ambiguous),
        (httpx.WriteError, Ambiguous),
        (httpx.RemoteProtocolError, Ambiguous),
    ],
)
def test_a_lost_write_is_ambiguous_unless_it_was_never_sent(
    error: type[httpx.TransportError], on_write: type[TrackerError]
) -> None:
    line = Line(failing(error))
    assert type(line.raised("POST")) is on_write
    assert type(line.raised("GET")) is Unavailable


def test_a_read_is_tried_three_times_and_then_given_up() -> None:
    line = Line(always(502))
    line.raised("GET")
    assert (len(line.arrived), line.waits) == (3, [0.5, 1.0])


def test_a_read_that_recovers_is_answered() -> None:
    line = Line(in_turn(httpx.Response(503), httpx.Response(200, json={"ok": 1})))
    assert line.session.get(f"{URL}/x").json() == {"ok": 1}


def test_a_search_by_post_is_a_read() -> None:
    line = Line(in_turn(httpx.Response(500), httpx.Response(200, json={"ok": 1})))
    assert line.session.post(f"{URL}/search", json={"q": 1}).json() == {"ok": 1}
    assert [request.read() for request in line.arrived] == [b'{"q": 1}'] * 2


def test_a_read_waits_as_asked_when_that_is_short() -> None:
    line = Line(in_turn(httpx.Response(429, headers={"Retry-After": "7"}), httpx.Response(200, json={})))
    line.session.get(f"{URL}/x")
    assert line.waits == [7.0]


def test_a_read_does_not_sit_out_a_long_wait() -> None:
    line = Line(always(429, {"Retry-After": "11"}))
    error = line.raised("GET")
    assert isinstance(error, RateLimited)
    assert (error.retry_at, len(line.arrived), line.waits) == (NOW + timedelta(seconds=11), 1, [])


def test_a_limit_that_names_no_time_is_waited_for_twice_as_long_each_time_in_a_row() -> None:
    limit, fine = httpx.Response(429, headers={"RateLimit-Reason": "jira-burst-based"}), httpx.Response(200, json={})
    line = Line(in_turn(limit, limit, fine, limit, fine), unasked_wait=timedelta(seconds=1))
    line.session.get(f"{URL}/x")
    line.session.get(f"{URL}/x")
    assert line.waits == [1.0, 2.0, 1.0]


def test_a_limit_says_which_of_the_vendor_s_limits_it_is() -> None:
    line = Line(always(429, {"RateLimit-Reason": "jira-quota-tenant-based", "Retry-After": "600"}))
    assert "jira-quota-tenant-based" in str(line.raised("POST"))


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"retry-after": "60"}, {}),
        ({"x-ratelimit-remaining": "0"}, {}),
        ({}, {"message": "You have exceeded a secondary rate limit"}),
        ({}, {"message": "This was submitted too quickly"}),
    ],
)
def test_a_403_about_a_limit_is_a_limit(headers: dict[str, str], said: dict[str, str]) -> None:
    line = Line(always(403, headers, said))
    assert type(line.raised("POST")) is RateLimited


def test_a_403_that_asks_for_no_wait_is_a_denial() -> None:
    line = Line(always(403, {"retry-after": "0", "x-ratelimit-remaining": "9"}))
    assert type(line.raised("POST")) is Denied


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("jira-per-issue-on-write", TicketLimited),
        ("jira-quota-global-based", RateLimited),
        ("jira-quota-tenant-based", RateLimited),
        ("jira-burst-based", RateLimited),
        ("jira-cost-based", RateLimited),
        ("", RateLimited),
    ],
)
def test_a_limit_of_one_ticket_is_told_from_those_of_the_whole_tracker(reason: str, kind: type[RateLimited]) -> None:
    line = Line(always(429, {"RateLimit-Reason": reason, "Retry-After": "20"}))
    error = line.raised("PUT")
    assert type(error) is kind
    assert error.retry_at - NOW == timedelta(seconds=20)


def spent(seconds: float, **headers: str) -> httpx.Response:
    """An answer after which no request is left before so many seconds have passed."""
    reset = str(int(NOW.timestamp() + seconds))
    told = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset, "x-ratelimit-resource": "core", **headers}
    return httpx.Response(200, headers=told, json={})


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_once_the_budget_is_used_up_nothing_is_sent_before_it_is_filled_again(method: str) -> None:
    line = Line(in_turn(spent(1800)))
    line.session.get(f"{URL}/x")
    for _ in range(2):
        error = line.raised(method)
        assert isinstance(error, RateLimited)
        assert (error.retry_at, error.status) == (NOW + timedelta(minutes=30), 0)
        assert "12:30:00 UTC" in str(error)
    assert (len(line.arrived), line.wire.count, line.waits) == (1, 1, [])


def test_a_read_waits_for_a_budget_that_is_filled_soon_and_is_sent_once() -> None:
    line = Line(in_turn(spent(7), httpx.Response(200, json={})), moving=True)
    line.session.get(f"{URL}/x")
    line.session.get(f"{URL}/x")
    assert (line.waits, len(line.arrived)) == ([7.0], 2)


@pytest.mark.parametrize(
    "headers",
    [
        {"x-ratelimit-remaining": "1"},
        {"x-ratelimit-resource": "search"},
        {"x-ratelimit-resource": ""},
        {"x-ratelimit-reset": "soon"},
        {"x-ratelimit-reset": str(int(NOW.timestamp()) - 1)},
    ],
)
def test_a_budget_that_is_not_all_requests_or_names_no_time_to_come_holds_nothing_back(headers: dict[str, str]) -> None:
    line = Line(lambda _: spent(1800, **headers))
    for _ in range(2):
        line.session.post(f"{URL}/x", json={})
    assert len(line.arrived) == 2


def test_a_budget_belongs_to_the_credentials_that_used_it_up() -> None:
    line = Line(in_turn(spent(1800), httpx.Response(200, json={})))
    line.session.get(f"{URL}/x", headers={"authorization": "Bearer installation"})
    line.session.get(f"{URL}/x", headers={"authorization": "Bearer app"})
    assert type(line.raised("GET", headers={"authorization": "Bearer installation"})) is RateLimited


def test_a_403_with_quota_left_is_a_denial() -> None:
    line = Line(always(403, {"x-ratelimit-remaining": "12"}, {"message": "Resource not accessible"}))
    assert type(line.raised("POST")) is Denied


def test_a_503_that_names_a_time_is_a_limit_on_a_read_and_ambiguous_on_a_write() -> None:
    line = Line(always(503, {"retry-after": "60"}))
    assert type(line.raised("GET")) is RateLimited
    assert type(line.raised("POST")) is Ambiguous


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirected_write_is_never_followed(status: int) -> None:
    line = Line(always(status, {"Location": f"{URL}/elsewhere"}))
    assert type(line.raised("POST", json={})) is Ambiguous
    assert len(line.arrived) == 1


def test_a_redirected_read_is_followed_and_keeps_its_query_and_credentials() -> None:
    moved = httpx.Response(301, headers={"Location": "/base/new"})
    line = Line(in_turn(moved, httpx.Response(200, json={"ok": 1})))
    line.session.get(f"{URL}/old?state=all&page=2", headers={"Authorization": "Bearer t"})
    assert str(line.arrived[1].url) == f"{URL}/new?state=all&page=2"
    assert line.arrived[1].headers["authorization"] == "Bearer t"


def test_a_redirect_to_another_host_gets_no_credentials() -> None:
    line = Line(always(302, {"Location": "https://elsewhere.test/login"}))
    assert type(line.raised("GET", headers={"Authorization": "Bearer t"})) is Unavailable
    assert {request.url.host for request in line.arrived} == {"tracker.test"}


def test_a_redirect_from_https_to_http_is_not_followed() -> None:
    line = Line(always(302, {"Location": "http://tracker.test/base/x"}))
    line.raised("GET")
    assert {request.url.scheme for request in line.arrived} == {"https"}


def test_redirects_end() -> None:
    line = Line(always(302, {"Location": f"{URL}/thing"}))
    assert "too often" in str(line.raised("GET"))


def test_an_address_on_another_host_is_never_asked() -> None:
    line = Line(always(200))
    with pytest.raises(Denied, match=r"elsewhere\.test"):
        line.session.get("https://elsewhere.test/next?page=2")
    assert (line.arrived, line.wire.count) == ([], 0)


def test_an_answer_that_cannot_be_read_is_not_success() -> None:
    line = Line(lambda _: httpx.Response(200, html="<html>Please sign in</html>"))
    assert type(line.raised("POST")) is Ambiguous
    assert type(line.raised("GET")) is Unavailable


def test_an_empty_answer_is_success() -> None:
    assert Line(lambda _: httpx.Response(204)).session.put(f"{URL}/x", data="{}").status_code == 204


def test_not_modified_reaches_the_caller() -> None:
    assert Line(lambda _: httpx.Response(304)).session.get(f"{URL}/x").status_code == 304


def test_an_error_says_on_one_line_what_was_asked_and_what_the_vendor_said() -> None:
    said = {"errorMessages": ["No\nsuch"], "errors": {"summary": "is required"}}
    error = Line(always(400, json=said)).raised("POST", "/issue?token=1")
    assert str(error) == "POST /base/issue: 400: No such; summary: is required"
    assert error.answer == said


def test_a_vendor_that_lists_errors_is_quoted_too() -> None:
    said = {"message": "Validation Failed", "errors": [{"resource": "Issue", "field": "title", "code": "missing"}]}
    assert str(Line(always(422, json=said)).raised("POST")).endswith("422: Validation Failed; Issue title missing")


def test_a_long_message_is_cut() -> None:
    assert len(str(Line(always(400, json={"message": "x" * 5000})).raised("POST"))) < 340


def test_no_form_of_a_secret_is_in_an_error() -> None:
    secret = "s3cret/with+signs and space"
    forms = [secret, base64.b64encode(secret.encode()).decode(), quote(secret, safe="")]
    said = {"message": f"bad token {' '.join(forms)}" + "x" * 300}
    line = Line(always(401, json=said), secrets=[SecretStr(secret)])
    error = line.raised("GET", f"/{quote(secret, safe='')}")
    text = f"{error} {error!r} {error.answer}"
    assert "s3cret" not in text
    assert forms[1][:20] not in text
    assert "***" in text


def test_a_secret_in_a_transport_error_is_hidden_and_the_cause_is_not_carried_along() -> None:
    line = Line(
        failing(httpx.LocalProtocolError, "Illegal header value b'Bearer s3cret'"), secrets=[SecretStr("s3cret")]
    )
    error = line.raised("GET")
    assert "s3cret" not in str(error)
    assert error.__cause__ is None
    assert error.__suppress_context__


def test_credentials_that_an_sdk_made_are_hidden_once_they_are_sent() -> None:
    made = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOjEwMDF9.c2lnbmVk"
    line = Line(lambda request: httpx.Response(401, json={"message": f"no {request.headers['authorization']}"}))
    line.session.headers["authorization"] = f"Bearer {made}"
    error = line.raised("GET")
    assert str(error).endswith("401: no Bearer ***")
    assert made not in str(error.answer)


def test_a_proxy_that_cannot_be_used_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "ftp://me:hunter2@127.0.0.1:1")
    with pytest.raises(Denied, match="HTTP_PROXY") as caught:
        Wire(URL, clock=lambda: NOW, sleep=lambda _: None)
    assert "hunter2" not in str(caught.value)


def test_exchanges_are_observed_without_bodies_in_their_repr() -> None:
    line = Line(always(200, json={"private": 1}))
    line.session.get(f"{URL}/issues/12?token=private")
    seen = line.exchanges[0]
    assert (seen.method, seen.path, seen.status) == ("GET", "/base/issues/12", 200)
    assert "private" not in repr(seen)


def test_requests_are_counted_by_kind() -> None:
    line = Line(always(200))
    for number in (1, 2):
        line.session.get(f"{URL}/issues/{number}")
    line.session.get(f"{URL}/issue/SEC-7/transitions")
    assert line.wire.kinds == {"GET /base/issues/*": 2, "GET /base/issue/*/transitions": 1}
    assert line.wire.count == 3


def test_a_trust_file_that_cannot_be_used_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(Denied, match="ca_bundle"):
        Line(always(200), ca_bundle=str(tmp_path / "none.pem"))


def test_certificates_are_always_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[ssl.SSLContext] = []

    class Recorder(httpx.Client):
        def __init__(self, **options: object) -> None:
            context = options["verify"]
            assert isinstance(context, ssl.SSLContext)
            seen.append(context)
            super().__init__(**options)  # type: ignore[arg-type]

    monkeypatch.setattr(httpx, "Client", Recorder)
    line = Line(always(200))
    line.session.get(f"{URL}/x", verify=False)
    assert [(context.verify_mode, context.check_hostname) for context in seen] == [(ssl.CERT_REQUIRED, True)]


@pytest.mark.parametrize(
    ("said", "time"),
    [
        ("Fri, 20 Nov 2026 13:00:07 GMT", NOW + timedelta(hours=1, seconds=7)),
        ("Fri, 20 Nov 2026 11:00:00 GMT", NOW - timedelta(hours=1)),
        ("yesterday", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", None),
    ],
)
def test_the_servers_own_time_is_what_its_answer_said(said: str, time: datetime | None) -> None:
    line = Line(lambda _: httpx.Response(500, headers={"date": said}))
    assert line.wire.time() is None
    line.raised("GET")
    assert line.wire.time() == time


@pytest.mark.parametrize("reason", ["AUTHENTICATED_FAILED", "OUT, AUTHENTICATION_DENIED"])
def test_what_is_answered_to_nobody_is_a_refusal_of_the_credentials(reason: str) -> None:
    empty = {"issues": [], "isLast": True}
    line = Line(always(200, {"X-Seraph-LoginReason": reason}, empty))
    for method, path in (("GET", "/thing"), ("POST", "/search")):
        error = line.raised(method, path)
        assert isinstance(error, Denied)
        assert reason in str(error)
    assert isinstance(Line(always(404, {"X-Seraph-LoginReason": reason})).raised("PUT"), Denied)


def test_a_write_that_was_done_is_done_whoever_it_counts_as() -> None:
    line = Line(always(201, {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}, {"id": "1"}))
    assert line.session.post(URL + "/thing").json() == {"id": "1"}


def test_a_sound_login_is_none() -> None:
    line = Line(always(200, {"X-Seraph-LoginReason": "OK"}, {"id": "1"}))
    assert line.session.get(URL + "/thing").json() == {"id": "1"}


def test_what_cannot_be_stored_is_taken_out_of_what_is_json_and_never_out_of_a_file() -> None:
    line = Line(lambda _: httpx.Response(200, content=rb'"a\u0000"'))
    assert line.session.get(URL).json() == "a\ufffd"
    assert line.session.get(URL, headers={"accept": BYTES}).content == rb'"a\u0000"'
