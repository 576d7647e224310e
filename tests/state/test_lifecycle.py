"""Which status may follow which, and what lint says."""

from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import product

import pytest

from state.lifecycle import is_vague, lint, refusal
from state.model import ActionItem, Priority, SourceKind, Status

WORKED = [Status.OPEN, Status.IN_PROGRESS, Status.RESOLVED]
TODAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, tzinfo=UTC)
ITEM = ActionItem(
    ref="AI-000001",
    title="Enable MFA for admins",
    description="",
    priority=Priority.HIGH,
    original_priority=Priority.HIGH,
    status=Status.OPEN,
    owner="kim@acme.example",
    due_date=TODAY,
    original_due_date=TODAY,
    controls=(),
    risks=(),
    source_kind=SourceKind.MANUAL,
    source_ref="",
    external_ref=None,
    fingerprint=None,
    claim=None,
    created_at=NOW,
    updated_at=NOW,
    resolved_at=None,
    revision=1,
)


@pytest.mark.parametrize(("before", "system"), list(product(WORKED, ["counterfoil", "eng"])))
def test_nobody_accepts_a_risk_without_a_decision(before: Status, system: str) -> None:
    assert "named approver" in str(refusal(before, Status.ACCEPTED_AS_RISK, system))


@pytest.mark.parametrize(("before", "after"), list(product(WORKED, repeat=2)))
def test_work_moves_freely_between_the_other_statuses(before: Status, after: Status) -> None:
    assert refusal(before, after, "eng") is None


@pytest.mark.parametrize("after", WORKED)
def test_an_acceptance_ends_by_a_decision_and_not_by_a_change_of_status(after: Status) -> None:
    assert "eng may not end" in str(refusal(Status.ACCEPTED_AS_RISK, after, "eng"))
    assert "accept revoke" in str(refusal(Status.ACCEPTED_AS_RISK, after, "counterfoil"))


@pytest.mark.parametrize(
    "title",
    ["improve access control", "Improve security", "Access", "strengthen our password policy", "Ensure compliance"],
)
def test_a_title_that_says_nothing_to_do_is_vague(title: str) -> None:
    assert is_vague(title)


@pytest.mark.parametrize(
    "title",
    [
        "Enable MFA for admins",
        "Improve TLS to 1.3",
        "rotate signing keys",
        "Ensure S3 buckets are private",
        "improve onboarding checklist with access review step",
        "Encrypt backups",
        "CVE-2026-1",
        "Strengthen sudo on `bastion`",
        "Zugriffe der Lieferanten prüfen",
    ],
)
def test_a_title_that_names_something_to_do_is_not_vague(title: str) -> None:
    assert not is_vague(title)


def test_lint_says_everything_that_is_missing() -> None:
    bad = replace(ITEM, owner=None, due_date=date(2026, 11, 19), title="improve access control")
    assert lint(bad, TODAY) == ["no owner", "past its due date", "the title does not say what to do"]
    assert lint(ITEM, TODAY) == []


@pytest.mark.parametrize("status", [Status.RESOLVED, Status.ACCEPTED_AS_RISK])
def test_lint_leaves_finished_items_alone(status: Status) -> None:
    done = replace(ITEM, owner=None, due_date=date(2020, 1, 1), title="x", status=status)
    assert lint(done, TODAY) == []
