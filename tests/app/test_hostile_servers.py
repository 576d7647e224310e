"""What answers is not the tracker, or not to be trusted: said in plain words, in little time and memory."""

import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from connectors import bounded
from tests.connectors import hostile_server as hostile
from tests.connectors.hostile_server import Behaviour, certificate, serving

if TYPE_CHECKING:
    from tests.app.conftest import Line

CONFIG = """
[trackers.work]
kind = "{kind}"
url = "{url}"
{where}
token_file = "token"
timeout_seconds = {seconds}
{more}
[[routes]]
tracker = "work"
"""
LIMIT = 8 * 1024 * 1024
WHERE = {
    "jira": 'project = "SEC"\nemail = "sync@acme.example"',
    "github": 'repository = "acme/platform"',
}


@pytest.fixture(params=list(WHERE))
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def settled(line: "Line", kind: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that points the command line at a URL; there is one item to be mirrored, and no wait between tries."""
    monkeypatch.setattr(time, "sleep", lambda _: None)
    (line.folder / "token").write_text("the-secret-token")
    (line.folder / "token").chmod(0o600)

    def point(url: str, more: str = "", seconds: float = 30) -> None:
        line.config.write_text(CONFIG.format(kind=kind, url=url, where=WHERE[kind], more=more, seconds=seconds))

    point("http://127.0.0.1:1")
    assert line("init").code == 0
    line.add("Rotate the deploy keys")
    return point


def told(line: "Line", words: str, code: int = 3) -> None:
    """No ticket is believed to be made, and it is said why: by `check`, by a first `sync` and by the next."""
    for command, expected in (("check", {2, 3, 5}), ("sync", {code}), ("sync", {code})):
        answer = line(command)
        said = answer.out + answer.err
        assert answer.code in expected, said
        assert words.lower() in " ".join(said.lower().split()), said
        assert "a bug" not in said
        assert "the-secret-token" not in said
    assert line.json("item", "show", "1")["ticket"] is None


BEHAVIOURS: dict[str, tuple[Behaviour, str]] = {
    "a page to sign in at": (hostile.page, "not JSON"),
    "a captive portal": (hostile.portal, "redirected to http://portal.example"),
    "half a gigabyte": (hostile.announced, "larger than 8 MB"),
    "a body without end": (hostile.endless, "larger than 8 MB"),
    "a gzip bomb": (hostile.bomb, "larger than 8 MB"),
    "very deep JSON": (hostile.deep, "not JSON"),
    "another protocol": (hostile.no_http, "no answer"),
}


@pytest.mark.parametrize("name", list(BEHAVIOURS))
def test_what_is_no_tracker_is_told_and_nothing_is_created(
    line: "Line", settled: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    behave, words = BEHAVIOURS[name]
    monkeypatch.setattr(bounded, "SIZE_LIMIT", LIMIT)
    with serving(behave) as port:
        settled(f"http://127.0.0.1:{port}")
        tracemalloc.start()
        try:
            told(line, words)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak < 8 * LIMIT


def test_an_answer_that_trickles_is_given_up(line: "Line", settled: Any) -> None:
    stop = threading.Event()
    with serving(hostile.trickle(stop)) as port:
        settled(f"http://127.0.0.1:{port}", seconds=0.3)
        told(line, "did not end within 0.6 seconds")
        stop.set()


def test_a_server_that_is_not_there_and_a_name_that_is_none(line: "Line", settled: Any) -> None:
    told(line, "no answer")
    settled("http://tracker.invalid")
    told(line, "no answer")


ONE = pytest.mark.parametrize("kind", ["github"], indirect=True)


@contextmanager
def encrypted(folder: Path, **kind: Any) -> Iterator[tuple[int, Path]]:
    context, file = certificate(folder, **kind)
    with serving(hostile.page, context) as port:
        yield port, file


@ONE
def test_a_certificate_nobody_vouches_for_is_refused(line: "Line", settled: Any) -> None:
    with encrypted(line.folder) as (port, _):
        settled(f"https://127.0.0.1:{port}")
        told(line, "self-signed certificate")


@ONE
@pytest.mark.parametrize(("wrong", "words"), [({"days": -1}, "expired"), ({"host": "other.example"}, "not valid for")])
def test_an_expired_certificate_and_one_of_another_host_are_refused(
    line: "Line", settled: Any, wrong: Any, words: str
) -> None:
    with encrypted(line.folder, **wrong) as (port, file):
        settled(f"https://127.0.0.1:{port}", f'ca_bundle = "{file}"')
        told(line, words)


@ONE
def test_a_certificate_that_the_bundle_vouches_for_is_taken_where_it_is_named_alone(line: "Line", settled: Any) -> None:
    with encrypted(line.folder) as (port, file):
        settled(f"https://127.0.0.1:{port}", f'ca_bundle = "{file}"')
        told(line, "not JSON")
        settled(f"https://127.0.0.1:{port}")
        told(line, "self-signed certificate")


@ONE
def test_plain_http_where_encryption_is_asked_for_is_refused(line: "Line", settled: Any) -> None:
    with serving(hostile.page) as port:
        settled(f"https://127.0.0.1:{port}")
        told(line, "ssl")


@pytest.mark.parametrize(
    "url", ["https://[x", "https://[::1", "https://a b.example", "https://x:99999", "ftp://x", "https://"]
)
def test_an_address_that_is_none_is_named_by_its_line(line: "Line", settled: Any, url: str) -> None:
    settled(url)
    for command in ("sync", "plan", "check"):
        answer = line(command)
        assert answer.code == 2
        assert "url" in answer.out + answer.err
        assert "a bug" not in answer.out + answer.err
