"""Checkpoints that are put into a bucket and locked there."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from connectors.anchors.base import AnchorError, Kept
from connectors.anchors.bucket import Bucket
from connectors.anchors.directory import file_name
from state.checkpoint import Head, SigningKey, signed
from tests.connectors.anchors.store import BucketServer

KEY = SigningKey.made("acme.example/ledger", bytes(range(32)))
OTHER = SigningKey.made("acme.example/ledger", bytes(range(1, 33)))
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SEVEN = "our notes/acme.example_ledger.000000000007.note"


def note(size: int, name: str = KEY.name) -> tuple[Head, str]:
    head = Head(name, size, bytes([size % 256]) * 32)
    return head, signed(head, [KEY])


def hold(server: BucketServer, *notes: tuple[Head, str]) -> None:
    server.objects |= {f"our notes/{file_name(head)}": text.encode() for head, text in notes}


@pytest.fixture
def server() -> BucketServer:
    return BucketServer()


@pytest.fixture
def url(server: BucketServer) -> Iterator[str]:
    with server.served() as address:
        yield address


def bucket(server: BucketServer, url: str, **said: object) -> Bucket:
    given = {
        "url": url,
        "prefix": "our notes/",
        "region": server.region,
        "key": server.access,
        "secret": SecretStr(server.secret),
        "lock": "COMPLIANCE",
        "days": 365,
        "clock": lambda: NOW,
        "known": [KEY.public],
    }
    return Bucket("bucket", **(given | said))  # type: ignore[arg-type]


def test_a_checkpoint_is_put_there_signed_for_and_locked(server: BucketServer, url: str) -> None:
    bucket(server, url).keep(*note(7))
    assert server.objects == {SEVEN: note(7)[1].encode()}
    assert server.locks == {SEVEN: ("COMPLIANCE", "2027-11-22T12:00:00Z")}


def test_the_same_checkpoint_again_changes_nothing(server: BucketServer, url: str) -> None:
    for days in (365, 9):
        bucket(server, url, days=days).keep(*note(7))
    assert server.locks == {SEVEN: ("COMPLIANCE", "2027-11-22T12:00:00Z")}


def test_another_checkpoint_over_as_many_records_is_not_written_over(server: BucketServer, url: str) -> None:
    server.objects[SEVEN] = b"something else"
    with pytest.raises(AnchorError, match="is another checkpoint over as many records"):
        bucket(server, url).keep(*note(7))
    assert server.objects[SEVEN] == b"something else"


def test_the_newest_of_a_ledger_is_found_over_many_pages(server: BucketServer, url: str) -> None:
    server.page = 3
    anchor = bucket(server, url)
    assert list(anchor.notes(KEY.name)) == []
    for size in (7, 9, 11, 105, 1004):
        anchor.keep(*note(size))
    for name in ("acme.example/ledger/epoch-2", "acme.example/other", "acme.example_ledger"):
        anchor.keep(*note(2000, name))
    server.objects["another/acme.example_ledger.000000005000.note"] = note(5000)[1].encode()
    assert next(anchor.notes(KEY.name)) == note(2000, "acme.example/ledger/epoch-2")[1]
    ours = [text for text in anchor.notes(KEY.name) if f"{KEY.name}\n" in text]
    assert ours == [note(size)[1] for size in (1004, 105, 11, 9, 7)]
    found = [each.note for each in anchor.every()]
    assert {note(1004)[1], note(2000, "acme.example/ledger/epoch-2")[1]} <= {*found}
    assert not {note(5000)[1], note(2000, "acme.example/other")[1]} & {*found}


def test_what_somebody_puts_there_under_later_names_hides_no_checkpoint(server: BucketServer, url: str) -> None:
    anchor = bucket(server, url)
    for size in (7, 9):
        anchor.keep(*note(size))
    for number in range(30):
        file = f"our notes/acme.example_ledger.{10**12 - 1 - number}.note"
        server.objects[file] = signed(Head(KEY.name, 10**12 - 1 - number, bytes(32)), [OTHER]).encode()
    server.objects[f"our notes/acme.example_ledger.{10**11}.note"] = b"long" * 10_000
    found = {each.note for each in anchor.every()}
    assert {note(7)[1], note(9)[1]} <= found
    assert max(map(len, found)) < 20_000


def test_of_a_long_ledger_the_newest_few_are_read(server: BucketServer, url: str) -> None:
    hold(server, *(note(size) for size in range(1, 25)))
    assert [each.note for each in bucket(server, url).every()] == [note(size)[1] for size in range(24, 4, -1)]


def test_what_other_ledgers_keep_there_is_not_looked_at_and_all_is_asked_for_over_one_connection(
    server: BucketServer, url: str
) -> None:
    others = [Head(f"acme.example/ledger{number}", 5, bytes(32)) for number in range(60)]
    hold(server, *(note(size) for size in range(1, 30)), *((head, signed(head, [OTHER])) for head in others))
    assert [each.note for each in bucket(server, url).every()] == [note(size)[1] for size in range(29, 9, -1)]
    assert len(server.asked) == 21
    assert len(server.connections) == 1


def test_where_not_all_could_be_seen_for_what_else_is_there_that_is_said(
    server: BucketServer, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.anchors.bucket._MOST", 5)
    anchor = bucket(server, url)
    anchor.keep(*note(7))
    for number in range(6):
        server.objects[f"our notes/acme.example_ledger.{10**11 + number}.note"] = b"nonsense"
    found: list[Kept] = []
    with pytest.raises(AnchorError, match=r"only 5 of the checkpoints in .* and not all"):
        found.extend(anchor.every())
    assert len(found) == 5
    with pytest.raises(AnchorError, match=r"not all"):
        list(anchor.notes(KEY.name))


def test_a_key_that_may_only_put_is_enough(server: BucketServer, url: str) -> None:
    server.readable = False
    anchor = bucket(server, url)
    anchor.keep(*note(7))
    assert list(anchor.notes(KEY.name)) == []
    assert list(anchor.every()) == []
    with pytest.raises(AnchorError, match=r"does not give .*: 403 AccessDenied"):
        anchor.keep(*note(7))


def test_a_key_that_is_lent_names_its_session(server: BucketServer, url: str) -> None:
    server.session = "FwoGZXIvYXdzEXAMPLE"
    with pytest.raises(AnchorError, match="403 InvalidToken"):
        bucket(server, url).keep(*note(7))
    bucket(server, url, session=SecretStr(server.session)).keep(*note(7))


@pytest.mark.parametrize("said", [{"secret": SecretStr("guessed")}, {"region": "us-east-1"}, {"key": "AKIAOTHER"}])
def test_a_wrong_key_is_told_of_and_not_shown(server: BucketServer, url: str, said: dict[str, object]) -> None:
    with pytest.raises(AnchorError, match="does not take a locked object: 403 SignatureDoesNotMatch") as caught:
        bucket(server, url, **said).keep(*note(7))
    with pytest.raises(AnchorError, match="does not list its objects: 403 SignatureDoesNotMatch"):
        next(bucket(server, url, **said).notes(KEY.name))
    assert "guessed" not in str(caught.value)
    assert server.objects == {}


def test_a_bucket_that_cannot_lock_is_told_of(server: BucketServer, url: str) -> None:
    server.locking = False
    with pytest.raises(AnchorError, match="does not take a locked object: 400 InvalidRequest"):
        bucket(server, url).keep(*note(7))


def test_nobody_there_is_told_of(server: BucketServer) -> None:
    with pytest.raises(AnchorError, match=r"127\.0\.0\.1 cannot be reached"):
        bucket(server, "http://127.0.0.1:1/audit").keep(*note(7))


def test_who_does_not_answer_as_s3_does_is_told_of(
    server: BucketServer, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for said in (b"<html><p>hello</html>", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'):
        monkeypatch.setattr(server, "listing", lambda _, said=said: said)
        with pytest.raises(AnchorError, match="does not answer as S3 does"):
            next(bucket(server, url).notes(KEY.name))
