"""Evidence: what counts, what a policy still misses, and what a link's looks add up to."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import permutations

import pytest

from state.model import ActionItem, Priority, SourceKind, Status
from state.proof import (
    CHANGE,
    DEMANDS,
    Demand,
    Evidence,
    EvidenceDraft,
    EvidenceKind,
    EvidencePolicy,
    LinkCheck,
    LinkHealth,
    Review,
    Verdict,
    kind_of_address,
    kind_of_file,
    latest_word,
    missing,
)

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY = AT.date()
DRAFT = EvidenceDraft(EvidenceKind.FILE, "keys were rotated", "mia@acme.example", AT, item="AI-000001")
PIECE = Evidence("EV-000001", 1, DRAFT)


def hours(number: int) -> datetime:
    return AT + timedelta(hours=number)


def review(verdict: Verdict = Verdict.ACCEPTED, by: str = "rae@acme.example", at: int = 1, reason: str = "") -> Review:
    return Review(verdict, by, hours(at), reason)


def look(health: LinkHealth, at: int = 0, sha256: str | None = None) -> LinkCheck:
    return LinkCheck(health, hours(at), sha256)


def piece(number: int = 1, kind: EvidenceKind = EvidenceKind.FILE, **other: object) -> Evidence:
    made = Evidence(f"EV-{number:06d}", 1, replace(DRAFT, kind=kind))
    return replace(made, **other)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("evidence", "why_not"),
    [
        (PIECE, ""),
        (replace(PIECE, review=review()), ""),
        (replace(PIECE, superseded=True), "replaced by a later version"),
        (replace(PIECE, review=review(Verdict.REJECTED)), "rejected"),
        (replace(PIECE, review=review(Verdict.REJECTED, reason="blurred")), "rejected: blurred"),
        (replace(PIECE, draft=replace(DRAFT, expires_on=TODAY)), ""),
        (replace(PIECE, draft=replace(DRAFT, expires_on=TODAY - timedelta(1))), "expired on 2026-11-19"),
        (replace(PIECE, check=look(LinkHealth.SAME)), ""),
        (replace(PIECE, check=look(LinkHealth.UNREACHABLE)), ""),
        (replace(PIECE, check=look(LinkHealth.REFUSED)), "its link is refused"),
        (replace(PIECE, check=look(LinkHealth.REFUSED), review=review(at=1)), ""),
        (replace(PIECE, check=look(LinkHealth.CHANGED)), "its link is changed"),
        (replace(PIECE, check=look(LinkHealth.GONE)), "its link is gone"),
        (replace(PIECE, check=look(LinkHealth.GONE), review=review(at=1)), ""),
        (replace(PIECE, check=look(LinkHealth.CHANGED, at=1), review=review(at=1)), "its link is changed"),
        (replace(PIECE, check=look(LinkHealth.CHANGED, at=2), review=review(at=1)), "its link is changed"),
        (replace(PIECE, check=look(LinkHealth.CHANGED), review=review(Verdict.REJECTED)), "rejected"),
    ],
)
def test_what_counts_and_why_the_rest_does_not(evidence: Evidence, why_not: str) -> None:
    assert evidence.why_not(TODAY) == why_not
    assert evidence.resolves(TODAY) is (not why_not)


S, C, G, R, U = LinkHealth.SAME, LinkHealth.CHANGED, LinkHealth.GONE, LinkHealth.REFUSED, LinkHealth.UNREACHABLE


@pytest.mark.parametrize(
    ("found", "word"),
    [
        ([], None),
        ([(U, None)], 0),
        ([(U, None), (R, None)], 1),
        ([(U, None), (S, "a")], 1),
        ([(S, "a"), (U, None)], 0),
        ([(S, "a"), (C, "b"), (U, None)], 1),
        ([(S, "a"), (G, None), (R, None)], 1),
        ([(S, "a"), (C, "b"), (U, None), (C, "b")], 1),
        ([(S, "a"), (C, "b"), (U, None), (C, "c")], 3),
        ([(S, "a"), (C, "b"), (S, "a")], 2),
    ],
)
def test_a_look_that_sees_nothing_takes_no_flag_away(
    found: list[tuple[LinkHealth, str | None]], word: int | None
) -> None:
    looks = [look(health, at, sha256) for at, (health, sha256) in enumerate(found)]
    assert latest_word(looks) == (None if word is None else looks[word])


def test_no_order_of_looks_makes_a_blind_one_the_last_word() -> None:
    for order in permutations([look(S, sha256="a"), look(C, sha256="b"), look(G), look(U), look(R)]):
        word = latest_word(order)
        assert word == [each for each in order if each.health in (S, C, G)][-1]


@pytest.mark.parametrize(
    ("by", "names", "same"),
    [
        ("mia@acme.example", {"Mia@Acme.Example"}, True),
        ("mia@acme.example", {"rae@acme.example", "git:mia"}, False),
        ("git:mia", {"mia@acme.example", "git:mia"}, True),
        ("mia", {"mia@acme.example", "git:Mia"}, True),
        ("mia", {"mia@acme.example"}, False),
    ],
)
def test_who_brought_it_is_known_under_every_name(by: str, names: set[str], same: bool) -> None:
    assert replace(DRAFT, by=by).is_by(names) is same


def test_what_names_no_end_lasts_as_long_as_the_policy_says() -> None:
    assert DRAFT.lasting(30).expires_on == date(2026, 12, 20)
    assert DRAFT.lasting(None) is DRAFT
    ending = replace(DRAFT, expires_on=TODAY)
    assert ending.lasting(30) is ending
    frozen = replace(DRAFT, kind=EvidenceKind.TICKET_SNAPSHOT)
    assert frozen.lasting(30) is frozen


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://git.example/acme/web/pull/12", EvidenceKind.PULL_REQUEST),
        ("https://git.example/acme/web/pull/12/files", EvidenceKind.PULL_REQUEST),
        ("https://git.example/acme/web/-/merge_requests/7#note", EvidenceKind.PULL_REQUEST),
        ("https://git.example/acme/web/actions/runs/881", EvidenceKind.CI_RUN),
        ("https://git.example/acme/web/-/pipelines/5", EvidenceKind.CI_RUN),
        ("https://git.example/acme/web/pulls", EvidenceKind.LINK),
        ("https://wiki.acme.example/pull/twelve", EvidenceKind.LINK),
    ],
)
def test_an_address_says_what_it_leads_to_only_beyond_doubt(url: str, kind: EvidenceKind) -> None:
    assert kind_of_address(url) is kind


PR, LOG = EvidenceKind.PULL_REQUEST, EvidenceKind.LOG
MERGED = Evidence("EV-000003", 1, replace(DRAFT, kind=PR, origin="eng", remote_id=f"{CHANGE}x1"))


@pytest.mark.parametrize(
    ("demand", "evidence", "sentence"),
    [
        (Demand(1), [PIECE], None),
        (Demand(1), [], "1 piece of evidence asked for, 0 here"),
        (Demand(2), [PIECE], "2 pieces of evidence asked for, 1 here"),
        (Demand(1, frozenset({PR, LOG})), [PIECE], "1 piece of log or pull request asked for, 0 here"),
        (Demand(1, frozenset({PR})), [PIECE, piece(2, PR)], "a review of EV-000002"),
        (Demand(1, frozenset({PR})), [piece(2, PR, review=review())], None),
        (Demand(1, frozenset({PR})), [piece(2, PR, review=review(by="mia@acme.example"))], "a review of EV-000002"),
        (Demand(1, frozenset({PR})), [MERGED], None),
        (Demand(2, frozenset({PR})), [piece(2, PR), MERGED], "a review of EV-000002"),
        (Demand(1, frozenset({LOG, EvidenceKind.CI_RUN})), [piece(2, EvidenceKind.CI_RUN)], "a review of EV-000002"),
        (Demand(1), [piece(2, PR)], None),
        (
            Demand(1),
            [piece(1, review=review(Verdict.REJECTED, reason="blurred")), piece(2, check=look(G))],
            "1 piece of evidence asked for, 0 here (EV-000001 rejected: blurred; EV-000002 its link is gone)",
        ),
        (Demand(1), [piece(1, superseded=True)], "1 piece of evidence asked for, 0 here"),
        (Demand(1, review=True), [PIECE], "a review of EV-000001"),
        (Demand(1, review=True), [piece(1), piece(2)], "a review of EV-000001, EV-000002"),
        (Demand(1, review=True), [piece(1), piece(2, review=review())], None),
        (Demand(2, review=True), [piece(1), piece(2, review=review())], "a review of EV-000001"),
        (Demand(1, review=True), [piece(1, review=review(by="MIA@acme.example"))], "a review of EV-000001"),
        (
            Demand(1, review=True, reviewers=frozenset({"lead@acme.example"})),
            [piece(1, review=review())],
            "a review by lead@acme.example of EV-000001",
        ),
        (
            Demand(1, review=True, reviewers=frozenset({"lead@acme.example"})),
            [piece(1, review=review(by="Lead@acme.example"))],
            None,
        ),
    ],
)
def test_what_is_missing_is_said_in_one_sentence(
    demand: Demand, evidence: list[Evidence], sentence: str | None
) -> None:
    assert missing([demand], evidence, TODAY) == ((sentence,) if sentence else ())


def test_what_two_demands_miss_alike_is_said_once() -> None:
    assert missing([Demand(1), Demand(1)], [], TODAY) == ("1 piece of evidence asked for, 0 here",)


def _item(priority: Priority, *controls: str) -> ActionItem:
    return ActionItem(
        ref="AI-000001",
        title="Rotate the keys",
        description="",
        priority=priority,
        original_priority=priority,
        status=Status.OPEN,
        owner=None,
        due_date=TODAY,
        original_due_date=TODAY,
        controls=controls,
        risks=(),
        source_kind=SourceKind.MANUAL,
        source_ref="",
        external_ref=None,
        fingerprint=None,
        claim=None,
        created_at=AT,
        updated_at=AT,
        resolved_at=None,
        revision=1,
    )


def test_a_policy_asks_by_priority_and_on_top_by_control() -> None:
    more = Demand(1, frozenset({PR}))
    policy = EvidencePolicy(by_control=(("CC8.*", more), ("CC9.1", Demand(3))))
    assert policy.demands(_item(Priority.CRITICAL)) == (DEMANDS[Priority.CRITICAL],)
    assert policy.demands(_item(Priority.MEDIUM, "CC6.1", "CC8.1")) == (Demand(1), more)
    assert policy.demands(_item(Priority.LOW)) == ()
    assert policy.demands(_item(Priority.LOW, "CC8.1", "CC8.2")) == (more,)
    assert [policy.demands(_item(Priority.LOW, name)) for name in ("SOC2/CC8.1", "soc2:cc8.1")] == [(more,)] * 2
    of_one = EvidencePolicy(by_control=(("SOC2/CC8.*", more),))
    assert [of_one.demands(_item(Priority.LOW, name)) for name in ("soc2:CC8.1", "iso:CC8.1")] == [(more,), ()]


def test_an_item_that_tickets_may_lower_is_judged_by_the_more_urgent_of_its_first_priority_and_its_own() -> None:
    lowered = replace(_item(Priority.LOW), original_priority=Priority.CRITICAL)
    raised = replace(_item(Priority.HIGH), original_priority=Priority.LOW)
    policy = EvidencePolicy(by_first=True)
    assert policy.demands(lowered) == (DEMANDS[Priority.CRITICAL],)
    assert policy.demands(raised) == (DEMANDS[Priority.HIGH],)
    assert EvidencePolicy().demands(lowered) == ()


WORDS = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PNG, PDF = b"\x89PNG\r\n\x1a\n....", b"%PDF-1.7 ..."


@pytest.mark.parametrize(
    ("name", "head", "kind", "mime"),
    [
        ("mfa.png", PNG, EvidenceKind.SCREENSHOT, "image/png"),
        ("mfa", PNG, EvidenceKind.SCREENSHOT, "image/png"),
        ("mfa.JPEG", b"\xff\xd8\xff\xe0", EvidenceKind.SCREENSHOT, "image/jpeg"),
        ("mfa.webp", b"RIFF\n\0\0\0WEBPVP8 ", EvidenceKind.SCREENSHOT, "image/webp"),
        ("mfa.png", b"<html>", EvidenceKind.FILE, "application/octet-stream"),
        ("policy.docx", b"PK\x03\x04", EvidenceKind.DOCUMENT, WORDS),
        ("policy.log", PDF, EvidenceKind.DOCUMENT, "application/pdf"),
        ("run.LOG", b"12:00 ok", EvidenceKind.LOG, "text/plain"),
        ("users.csv", b"name,mfa", EvidenceKind.FILE, "text/csv"),
        ("scan.sarif", b"{}", EvidenceKind.TEST_RESULT, "application/sarif+json"),
        ("core", b"", EvidenceKind.FILE, "application/octet-stream"),
    ],
)
def test_a_file_is_what_its_first_bytes_or_its_name_say(name: str, head: bytes, kind: EvidenceKind, mime: str) -> None:
    assert kind_of_file(name, head) == (kind, mime)
