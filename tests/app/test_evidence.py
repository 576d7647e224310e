"""Evidence on the command line: brought, listed, reviewed by somebody else, verified and looked at."""

import hashlib
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sync.app.shell import system_user
from tests.app.conftest import Line, Office, state_table
from tests.connectors.hostile_server import serving

BYTES = b"all keys were rotated\n"
HASH = hashlib.sha256(BYTES).hexdigest()
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
PEOPLE = """
[[people]]
email = "mia@acme.example"
git = "mia-m"
{mia}
[[people]]
email = "rae@acme.example"
{rae}
[roles]
reviewer = ["rae@acme.example", "mia@acme.example"]
delegate = ["mia@acme.example"]
"""


def day(days: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days=days)).isoformat()


def seat(line: Line, who: str, more: str = "") -> None:
    """Have the user of these tests be somebody of the configuration."""
    login = f"login = {system_user()!r}"
    people = PEOPLE.format(mia=login if who == "mia" else "", rae=login if who == "rae" else "")
    line.config.write_text(state_table(line.url) + people + more, encoding="utf-8")


@pytest.fixture
def log(desk: Line) -> Path:
    seat(desk, "mia")
    file = desk.folder / "run.log"
    file.write_bytes(BYTES)
    return file


def test_a_file_is_kept_and_shown_as_it_was_brought(desk: Line, log: Path) -> None:
    ref = desk.add("Rotate the deploy keys", "--control", "CC6.1")
    desk.add("Write it down", "--control", "CC7.1")
    made = desk.json(
        *(
            "evidence",
            "add",
            "1",
            str(log),
            "--shows",
            "keys  were rotated",
            "--control",
            "CC6.1",
            "--control",
            "CC7.1",
        ),
        *("--from", "2026-07-01", "--until", "2026-09-30", "--expires", day(30)),
    )
    [version] = made["versions"]
    assert made["new"] is True
    assert (version["ref"], version["item"], version["controls"]) == ("EV-000001", ref, ["CC7.1"])
    assert (version["kind"], version["shows"], version["by"]) == ("log", "keys were rotated", "mia@acme.example")
    assert (version["sha256"], version["size"], version["stored"]) == (HASH, len(BYTES), True)
    assert (version["period_start"], version["period_end"], version["expires_on"]) == (
        "2026-07-01",
        "2026-09-30",
        day(30),
    )
    assert (version["counts"], version["why_not"], version["review"]) == (True, None, None)
    assert Path(version["file"]).read_bytes() == BYTES
    assert Path(version["file"]).is_relative_to(desk.folder / "evidence")
    log.unlink()
    assert desk.json("evidence", "show", "ev-1") == {"ref": "EV-000001", "versions": [version]}
    [shown] = desk.json("item", "show", ref)["evidence"]
    assert shown == {name: value for name, value in version.items() if name not in ("file", "reviews", "looks")}
    assert "EV-000001 log, not reviewed: keys were rotated" in desk("item", "show", ref).out
    words = desk("evidence", "show", "EV-1").out
    assert "keys were rotated" in words
    assert HASH in words


def test_the_same_again_is_the_same_and_a_piece_gets_versions_by_its_name(desk: Line, log: Path) -> None:
    desk.add("Rotate the deploy keys")
    command = ("evidence", "add", "AI-1", str(log))
    assert [desk.json(*command)["new"] for _ in range(2)] == [True, False]
    assert "is that already" in desk(*command).out
    log.write_bytes(BYTES * 2)
    again = desk.json("evidence", "add", "EV-1", str(log))
    assert [each["version"] for each in again["versions"]] == [1, 2]
    assert [each["why_not"] for each in again["versions"]] == ["replaced by a later version", None]
    assert again["versions"][1]["shows"] == "Rotate the deploy keys"
    [listed] = desk.json("evidence", "list")
    assert (listed["ref"], listed["version"]) == ("EV-000001", 2)
    [only] = desk.json("evidence", "show", "EV-1/1")["versions"]
    assert only["version"] == 1
    assert desk("evidence", "show", "EV-1/3").code == 2


def test_an_address_is_kept_as_it_stands(desk: Line, log: Path) -> None:
    desk.add("Rotate the deploy keys")
    url = "https://git.acme.example/web/pull/12?tab=files#x"
    [version] = desk.json("evidence", "add", "1", url)["versions"]
    assert (version["kind"], version["url"], version["stored"], version["file"]) == ("pull_request", url, False, None)
    [version] = desk.json("evidence", "add", "1", "http://wiki.acme.example:8080/a", "--kind", "document")["versions"]
    assert version["kind"] == "document"


def test_every_record_of_a_piece_can_be_read(desk: Line, log: Path) -> None:
    ref = desk.add("Rotate the deploy keys")
    desk.json("evidence", "add", ref, "https://ci.acme.example/runs/7")
    desk.json("evidence", "add", ref, str(log))
    for words in (("audit", "log"), ("item", "show", ref), ("explain", ref)):
        told = desk(*words)
        assert told.code == 0, told.err
        assert ("evidence.added EV-000001 link" in told.out, "evidence.added EV-000002 log" in told.out) == (True, True)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("1", "ftp://h.example/x"), "no web address"),
        (("1", "https://"), "no web address"),
        (("1", "https://[::1/"), "no web address"),
        (("1", "https://mia:pw@h.example/x"), "a password"),
        (("1", "https://h.example/a b"), "a blank"),
        (("1", "nowhere.log"), "cannot be read"),
        (("1", "."), "not a file"),
        (("9", "run.log"), "item list"),
        (("EV-9", "run.log"), "evidence list"),
        (("CC9.9", "run.log"), "item list"),
        (("CC*", "run.log"), "item list"),
        (("1", "run.log", "--control", "CC9.9"), "CC9.9"),
        (("1", "run.log", "--expires", "soon"), "2026-12-31"),
        (("1", "run.log", "--from", "2026-02-02", "--until", "2026-02-01"), "ends before it begins"),
        (("1", "run.log", "--kind", "gossip"), "gossip"),
    ],
)
def test_what_cannot_be_kept_is_refused_and_leaves_nothing(
    words: tuple[str, ...], told: str, desk: Line, log: Path
) -> None:
    desk.add("Rotate the deploy keys", "--control", "CC6.1")
    answer = desk("evidence", "add", *words)
    assert (answer.code, answer.out) == (2, "")
    assert told in answer.err
    assert desk.json("evidence", "list") == []


def test_what_is_too_large_is_refused_and_leaves_nothing(desk: Line, log: Path) -> None:
    seat(desk, "mia", "[evidence]\nlargest_mb = 1\n")
    desk.add("Rotate the deploy keys")
    log.write_bytes(bytes(1024**2 + 1))
    answer = desk("evidence", "add", "1", str(log))
    assert (answer.code, "largest_mb" in answer.err) == (2, True)
    assert desk.json("evidence", "verify") == {"files": 0, "faults": [], "unnamed": []}


def test_evidence_of_a_control_is_found_by_it_and_so_is_that_of_its_items(desk: Line, log: Path) -> None:
    desk.add("Rotate the deploy keys", "--control", "CC6.1")
    desk.add("Write it down", "--control", "CC6.2")
    desk.json("evidence", "add", "1", str(log))
    desk.json("evidence", "add", "2", str(log))
    told = desk("evidence", "add", "CC6.1", str(log), "--expires", day(-1)).out
    assert told.endswith(f"run.log; it does not count: expired on {day(-1)}\n")
    assert [each["ref"] for each in desk.json("evidence", "list", "cc6.1")] == ["EV-000001", "EV-000003"]
    assert [each["ref"] for each in desk.json("evidence", "list", "AI-2")] == ["EV-000002"]
    assert [each["ref"] for each in desk.json("evidence", "list", "--expired")] == ["EV-000003"]
    words = desk("evidence", "list").out
    assert f"expired on {day(-1)}" in words
    assert "3 pieces of evidence" in words
    assert desk("evidence", "list", "AI-9").code == 2
    assert desk("evidence", "list", "CC9").code == 2


def test_nobody_reviews_what_they_brought_by_any_name(desk: Line, log: Path) -> None:
    desk.add("Rotate the deploy keys")
    desk.json("evidence", "add", "1", str(log))
    for words in (("--accept",), ("--reject", "no"), ("--accept", "--as", "rae@acme.example")):
        answer = desk("evidence", "review", "EV-1", *words)
        assert (answer.code, "nobody reviews what they brought" in answer.err) == (2, True)
    seat(desk, "rae")
    assert desk.json("evidence", "review", "EV-1", "--accept")["versions"][0]["review"]["by"] == "rae@acme.example"


def test_what_a_user_brought_before_people_had_logins_is_still_theirs(desk: Line, log: Path) -> None:
    seat(desk, "nobody")
    desk.add("Rotate the deploy keys")
    [version] = desk.json("evidence", "add", "1", str(log))["versions"]
    assert version["by"] == system_user()
    seat(desk, "rae")
    assert "nobody reviews what they brought" in desk("evidence", "review", "EV-1", "--accept").err


def test_a_review_is_kept_with_its_reason_and_for_the_version_that_was_seen(desk: Line, log: Path) -> None:
    desk.add("Rotate the deploy keys")
    desk.json("evidence", "add", "1", str(log))
    seat(desk, "rae")
    assert [each["ref"] for each in desk.json("evidence", "list", "--unreviewed")] == ["EV-000001"]
    rejected = desk.json("evidence", "review", "ev-1/1", "--reject", "the date is cut off")
    assert rejected["versions"][0]["why_not"] == "rejected: the date is cut off"
    assert desk.json("evidence", "list", "--unreviewed") == []
    seat(desk, "mia")
    log.write_bytes(BYTES * 2)
    desk.json("evidence", "add", "EV-1", str(log))
    seat(desk, "rae")
    late = desk("evidence", "review", "EV-1/1", "--accept")
    assert (late.code, "is at version 2" in late.err) == (2, True)
    desk.json("evidence", "review", "EV-1", "--accept")
    versions = desk.json("evidence", "show", "EV-1")["versions"]
    assert [[r["verdict"] for r in each["reviews"]] for each in versions] == [["rejected"], ["accepted"]]
    records = [each for each in desk.json("audit", "log") if each["action"] == "evidence.reviewed"]
    assert [each["reason"] for each in records] == ["the date is cut off", ""]
    assert {each["actor"]["name"] for each in records} == {"rae@acme.example"}


def test_a_delegate_reviews_for_somebody_and_is_recorded(desk: Line, log: Path) -> None:
    seat(desk, "rae")
    desk.add("Rotate the deploy keys")
    desk.json("evidence", "add", "1", str(log))
    seat(desk, "mia")
    refused = desk("evidence", "review", "EV-1", "--accept", "--as", "rae@acme.example")
    assert "nobody reviews what they brought" in refused.err
    seat(desk, "mia", '[[people]]\nemail = "ida@acme.example"\n')
    desk.config.write_text(desk.config.read_text().replace("reviewer = [", 'reviewer = ["ida@acme.example", '))
    desk.json("evidence", "review", "EV-1", "--accept", "--as", "ida@acme.example")
    actor = desk.json("audit", "log", "--limit", "1")[0]["actor"]
    assert (actor["account"], actor["name"]) == ("mia@acme.example", "ida@acme.example")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "either --accept or --reject"),
        (("--accept", "--reject", "no"), "either --accept or --reject"),
        (("--reject", " "), "needs a reason"),
        (("--accept", "--as", "who@acme.example"), "nobody in [[people]]"),
    ],
)
def test_a_review_that_is_not_clear_is_refused(words: tuple[str, ...], told: str, desk: Line, log: Path) -> None:
    desk.add("Rotate the deploy keys")
    desk.json("evidence", "add", "1", str(log))
    assert told in desk("evidence", "review", "EV-1", *words).err
    assert "counterfoil evidence list" in desk("evidence", "review", "AI-1", "--accept").err


def test_only_reviewers_review(desk: Line, log: Path) -> None:
    desk.add("Rotate the deploy keys")
    desk.json("evidence", "add", "1", str(log))
    seat(desk, "rae")
    desk.config.write_text(desk.config.read_text().replace('reviewer = ["rae@acme.example", ', "reviewer = ["))
    answer = desk("evidence", "review", "EV-1", "--accept")
    assert (answer.code, "reviewer under [roles]" in answer.err) == (2, True)


def test_verify_names_what_is_missing_and_what_is_too_many(desk: Line, log: Path) -> None:
    desk.add("Rotate the deploy keys")
    desk.json("evidence", "add", "1", str(log), "--shows", "it")
    desk.json("evidence", "add", "1", str(log), "--shows", "and this")
    assert desk("evidence", "verify").code == 0
    [kept] = (desk.folder / "evidence").rglob(HASH)
    kept.rename(kept.with_name("elsewhere"))
    answer = desk("evidence", "verify", "--json")
    assert answer.code == 5
    assert [(each["ref"], each["fault"], each["name"]) for each in answer.json["faults"]] == [
        ("EV-000001", "missing", "run.log"),
        ("EV-000002", "missing", "run.log"),
    ]
    assert (answer.json["files"], answer.json["unnamed"]) == (1, [f"{HASH[:2]}/elsewhere"])
    words = desk("evidence", "verify")
    assert (words.code, str(kept) in words.out, "elsewhere" in words.out) == (5, True, True)
    desk.json("evidence", "add", "1", str(log), "--shows", "it")
    assert desk("evidence", "verify").code == 0


@pytest.fixture
def page() -> Iterator[tuple[int, list[bytes]]]:
    body = [b"first"]

    def behave(connection: socket.socket, _: bytes) -> None:
        head = b"HTTP/1.1 200 OK" if body[-1] else b"HTTP/1.1 404 Not Found"
        connection.sendall(head + b"\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body[-1]) + body[-1])

    with serving(behave) as port:
        yield port, body


def test_a_link_that_changes_or_goes_is_flagged_until_it_is_reviewed(
    desk: Line, log: Path, page: tuple[int, list[bytes]]
) -> None:
    port, body = page
    looking = f'[evidence]\ncheck_links = true\nallow_hosts = ["127.0.0.1:{port}"]\n'
    seat(desk, "mia", looking)
    desk.add("Rotate the deploy keys", "--control", "CC6.1")
    [version] = desk.json("evidence", "add", "1", f"http://127.0.0.1:{port}/run")["versions"]
    assert (version["link"]["health"], version["link"]["sha256"]) == ("same", hashlib.sha256(b"first").hexdigest())
    assert desk.json("evidence", "check") == {"looked_at": 1, "news": [], "flagged": [], "renewals": []}
    for text, health in ((b"second", "changed"), (b"", "gone")):
        body.append(text)
        answer = desk("evidence", "check", "--json")
        assert answer.code == 5
        assert [each["link"]["health"] for each in answer.json["news"]] == [health]
        assert [each["why_not"] for each in answer.json["flagged"]] == [f"its link is {health}"]
        assert desk.json("evidence", "list", "--unreviewed")[0]["counts"] is False
    assert "its link is gone" in desk("evidence", "check").out
    seat(desk, "rae", looking)
    desk.json("evidence", "review", "EV-1", "--accept")
    assert desk("evidence", "check").code == 0
    [version] = desk.json("evidence", "show", "EV-1")["versions"]
    assert version["counts"] is True
    assert [each["health"] for each in version["looks"]] == ["same", "changed", "gone"]


def test_links_are_not_looked_at_unless_the_configuration_says_so(desk: Line, log: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        desk.add("Rotate the deploy keys")
        desk.json("evidence", "add", "1", f"http://127.0.0.1:{port}/")
        assert desk.json("evidence", "check")["looked_at"] is None
        seat(desk, "mia", "[evidence]\ncheck_links = true\n")
        answer = desk.json("evidence", "check")
        assert [each["link"]["health"] for each in answer["news"]] == ["refused"]
        listening.setblocking(False)
        with pytest.raises(BlockingIOError):
            listening.accept()
    assert desk.json("evidence", "list")[0]["counts"] is False


def test_what_expired_is_asked_for_anew_once_and_brought_for_what_asks(desk: Line, log: Path) -> None:
    seat(desk, "mia", "[evidence]\nvalid_days = 30\n")
    desk.add("Rotate the deploy keys", "--control", "CC6.1", "--owner", "mia@acme.example")
    [version] = desk.json("evidence", "add", "1", str(log))["versions"]
    assert version["expires_on"] == day(30)
    desk.json("evidence", "add", "1", str(log), "--expires", day(-1), "--shows", "keys were rotated")
    assert desk.json("evidence", "check")["renewals"] == []
    desk.json("resolve", "1", "--reason", "seen")
    assert desk.json("evidence", "check")["renewals"] == ["AI-000002"]
    assert desk.json("evidence", "check")["renewals"] == []
    asking = desk.json("item", "show", "2")
    assert (asking["owner"], asking["due_date"], asking["external_ref"]) == (
        *("mia@acme.example", day(30), "renew:EV-000002/1"),
    )
    newest = desk.json("evidence", "add", "EV-2", str(log))["versions"][-1]
    assert (newest["version"], newest["item"], newest["counts"]) == (2, "AI-000002", True)


def test_a_sync_asks_for_what_expired_and_the_next_makes_its_ticket(office: Office, tmp_path: Path) -> None:
    line = office.line
    (tmp_path / "run.log").write_bytes(BYTES)
    line.add("Rotate the deploy keys", "--control", "CC6.1")
    line.json("evidence", "add", "1", str(tmp_path / "run.log"), "--expires", day(-1))
    line.json("resolve", "1", "--reason", "seen")
    before = line.json("plan")["digest"]
    done = line.json("sync", "--expect", before)
    assert done["created"] == 0
    assert [each for each in done["warnings"] if "AI-000002 was made: Renew the evidence EV-000001" in each]
    assert line.json("item", "show", "2")["external_ref"] == "renew:EV-000001/1"
    assert line.json("sync")["created"] == 1
    assert line.json("sync")["created"] == 0
    assert len(line.json("item", "list")) == 2
