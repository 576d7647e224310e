"""Records in words: what is said of who did what."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from sync.report.model import Event, Who
from sync.report.words import headline

AT = datetime(2026, 6, 1, tzinfo=UTC)
ADA = Who("human", "counterfoil", "ada@acme.example", "ada@acme.example")
TERMS = {"ref": "RA-000001", "until": "2026-12-31", "requester": "mia@acme.example"}
ASKED = Event(1, AT, AT, "AI-000001", "acceptance.requested", "", None, TERMS, "", ADA, "", "")


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("active", "Risk accepted"),
        ("rejected", "Accepting the risk rejected"),
        ("withdrawn", "Request to accept the risk withdrawn"),
        ("revoked", "Acceptance of the risk revoked"),
        ("voided", "Acceptance of the risk void"),
        ("lapsed", "Acceptance of the risk lapsed"),
        ("renewed", "Acceptance of the risk renewed by another"),
        ("amended", "Request to accept the risk changed"),
    ],
)
def test_what_became_of_a_request_is_said_to_be_by_who_did_it_and_not_by_who_asked(what: str, words: str) -> None:
    event = replace(ASKED, action=f"acceptance.{what}")
    asked = f"{words}: RA-000001, 2026-12-31, asked for by mia@acme.example"
    assert headline(event) == f"{asked}, by ada@acme.example"
    assert headline(replace(event, who=Who("schedule", "counterfoil", "cron", ""))) == asked


def test_a_request_is_said_to_be_by_who_asked_whoever_told_of_it() -> None:
    assert headline(ASKED) == "Asked to accept the risk: RA-000001, 2026-12-31, by mia@acme.example"
