"""The register's nouns: how names are compared, and when a risk is due."""

from datetime import UTC, date, datetime

import pytest

from state.register import Control, ControlStatus, Risk, Score, ScoreKind, Treatment, folded

WHEN = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY = date(2026, 11, 20)
CONTROL = Control("soc2:CC6.1", "soc2", "CC6.1", "Access", "", None, ControlStatus.NOT_STARTED, "", WHEN)
RISK = Risk("R-0001", "Accounts are taken over", None, Treatment.MITIGATE, "", (), None, WHEN, WHEN)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("AC-2", "ac-2"),
        ("AC-2(1)", "ac-2.1"),
        ("AC-2 (1)", "ac-2.1"),
        ("IA-5(13)(a)", "ia-5.13.a"),
        ("CIS-3.0/1.4", "cis-3.0:1.4"),
        (" CC6.1 ", "cc6.1"),
    ],
)
def test_the_same_control_is_named_in_many_ways(one: str, other: str) -> None:
    assert folded(one) == folded(other) == other


@pytest.mark.parametrize("other", ["AC-21", "AC-2.2", "AC-2(2)", "nist:AC-2"])
def test_other_controls_have_other_names(other: str) -> None:
    assert folded("AC-2(1)") != folded(other)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("CC6.1", True),
        ("cc6.1", True),
        ("SOC2/CC6.1", True),
        ("soc2:CC6.1", True),
        ("iso:CC6.1", False),
        ("CC6", False),
    ],
)
def test_a_control_is_named_by_its_code_alone_or_with_its_framework(name: str, meant: bool) -> None:
    assert CONTROL.is_named(name) is meant


def test_the_latest_score_of_a_kind_counts_and_the_others_are_kept() -> None:
    scores = (
        Score(ScoreKind.INHERENT, 5, 5, "kim", WHEN),
        Score(ScoreKind.CURRENT, 4, 4, "kim", WHEN),
        Score(ScoreKind.CURRENT, 2, 4, "kim", WHEN),
    )
    risk = Risk("R-1", "", None, Treatment.MITIGATE, "", (), None, WHEN, WHEN, scores=scores)
    current = risk.score(ScoreKind.CURRENT)
    assert current is not None
    assert (current.level, risk.score(ScoreKind.TARGET)) == (8, None)


@pytest.mark.parametrize(
    ("next_review", "due_since", "due"),
    [
        (None, None, False),
        (date(2026, 11, 21), None, False),
        (date(2026, 11, 20), None, True),
        (date(2026, 11, 21), WHEN, True),
        (None, WHEN, True),
    ],
)
def test_a_risk_is_due_on_its_review_date_or_once_an_item_ended(
    next_review: date | None, due_since: datetime | None, due: bool
) -> None:
    risk = Risk("R-1", "", None, Treatment.MITIGATE, "", (), next_review, WHEN, WHEN, due_since)
    assert risk.is_due(TODAY) is due
