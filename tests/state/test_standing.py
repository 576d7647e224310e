"""A control's status: the table is the promise."""

from datetime import UTC, datetime
from itertools import product

import pytest

from state.model import Status
from state.register import ControlStatus, Exemption
from state.standing import Grounds, Some, Support, standing

NOT_STARTED, IN_PROGRESS, IMPLEMENTED, FAILING, NOT_APPLICABLE = ControlStatus
OPEN, STARTED, RESOLVED, ACCEPTED = Status
GOOD, SPENT = Support("EV-000001"), Support("EV-000002", "expired on 2026-11-01")
FAILS = Some(1, ("Root MFA",))
EXEMPT = Exemption("we host nothing", "kim@acme.example", datetime(2026, 11, 20, tzinfo=UTC))


def _items(*statuses: Status) -> dict[Status, Some]:
    return {s: Some(statuses.count(s), tuple(f"AI-{s.value}" for _ in range(statuses.count(s)))) for s in statuses}


CASES = [
    # exemption, items, failing, support -> status, why
    (None, (), Some(), (), NOT_STARTED, "no evidence"),
    (None, (), Some(), (SPENT,), NOT_STARTED, "no valid evidence: EV-000002 (expired on 2026-11-01)"),
    (None, (), Some(), (GOOD,), IMPLEMENTED, "evidence: EV-000001"),
    (None, (), Some(), (SPENT, GOOD), IMPLEMENTED, "evidence: EV-000001"),
    (None, (OPEN,), Some(), (), NOT_STARTED, "open: AI-open"),
    (None, (OPEN,), Some(), (GOOD,), IN_PROGRESS, "open: AI-open"),
    (None, (STARTED,), Some(), (), IN_PROGRESS, "open: AI-in_progress"),
    (None, (OPEN, STARTED), Some(), (), IN_PROGRESS, "open: AI-open, AI-in_progress"),
    (None, (OPEN, RESOLVED), Some(), (), IN_PROGRESS, "open: AI-open"),
    (None, (OPEN, RESOLVED), Some(), (GOOD,), IN_PROGRESS, "open: AI-open"),
    (None, (OPEN,) * 5, Some(), (), NOT_STARTED, "open: AI-open, AI-open, AI-open and 2 more"),
    (None, (RESOLVED,), Some(), (), IN_PROGRESS, "no evidence"),
    (None, (RESOLVED,), Some(), (SPENT,), IN_PROGRESS, "no valid evidence: EV-000002 (expired on 2026-11-01)"),
    (None, (RESOLVED,), Some(), (GOOD,), IMPLEMENTED, "evidence: EV-000001"),
    (None, (ACCEPTED,), Some(), (), IN_PROGRESS, "the risk is accepted, not treated: AI-accepted_as_risk"),
    (None, (ACCEPTED,), Some(), (GOOD,), IN_PROGRESS, "the risk is accepted, not treated: AI-accepted_as_risk"),
    (
        None,
        (RESOLVED, ACCEPTED),
        Some(),
        (GOOD,),
        IN_PROGRESS,
        "the risk is accepted, not treated: AI-accepted_as_risk",
    ),
    (None, (ACCEPTED, OPEN), Some(), (GOOD,), IN_PROGRESS, "open: AI-open"),
    (None, (), FAILS, (), FAILING, "failing: Root MFA"),
    (None, (RESOLVED,), FAILS, (GOOD,), FAILING, "failing: Root MFA"),
    (None, (OPEN, STARTED), Some(7, ("a", "b", "c")), (GOOD,), FAILING, "failing: a, b, c and 4 more"),
    (EXEMPT, (), Some(), (), NOT_APPLICABLE, "we host nothing (approved by kim@acme.example)"),
    (EXEMPT, (OPEN,), FAILS, (GOOD,), NOT_APPLICABLE, "we host nothing (approved by kim@acme.example)"),
]


@pytest.mark.parametrize(("exemption", "items", "failing", "support", "status", "why"), CASES)
def test_a_control_stands_as_its_items_tests_and_evidence_say(
    exemption: Exemption | None,
    items: tuple[Status, ...],
    failing: Some,
    support: tuple[Support, ...],
    status: ControlStatus,
    why: str,
) -> None:
    assert standing(Grounds(exemption, _items(*items), failing, support)) == (status, why)


def test_nothing_is_implemented_with_an_open_item_a_failing_test_or_no_valid_evidence() -> None:
    for chosen in product((False, True), repeat=len(Status)):
        items = tuple(s for s, there in zip(Status, chosen, strict=True) if there)
        for failing, support in product((Some(), FAILS), ((), (SPENT,), (GOOD,), (SPENT, GOOD))):
            status, why = standing(Grounds(None, _items(*items), failing, support))
            sound = set(items) <= {RESOLVED} and not failing.count and GOOD in support
            assert (status is IMPLEMENTED) is sound, (items, failing, support)
            assert (status is FAILING) is bool(failing.count)
            assert why
