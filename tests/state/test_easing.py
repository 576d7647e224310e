"""What asks for less of an item, and who may have it so."""

from dataclasses import replace
from typing import Any

import pytest

from state.acceptance import Authorities
from state.easing import less, refusal
from state.model import Priority
from tests.state.test_lifecycle import ITEM

HIGH = replace(ITEM, controls=("soc2:CC6.1", "CC7.2"))
NAMED = Authorities(
    reviewers=frozenset({"rita@acme.example"}),
    risk_owners={
        Priority.HIGH: frozenset({"Ruth@acme.example", "kim@acme.example"}),
        Priority.CRITICAL: frozenset({"otto@acme.example"}),
    },
)
LOWER = {"priority": Priority.LOW}
OWNERS = ["Kim@acme.example"]


@pytest.mark.parametrize(
    ("values", "eased"),
    [
        (LOWER, ["priority"]),
        ({"controls": ("CC7.2", "CC8.1")}, ["controls"]),
        ({**LOWER, "controls": ()}, ["priority", "controls"]),
        ({"priority": Priority.CRITICAL, "controls": ("SOC2/cc6.1", "CC7.2", "CC8.1"), "title": "Another"}, []),
        ({"owner": None, "risks": ()}, []),
    ],
)
def test_a_lower_priority_and_a_control_fewer_ask_for_less(values: dict[str, Any], eased: list[str]) -> None:
    assert list(less(HIGH, values)) == eased


@pytest.mark.parametrize(
    ("person", "may"),
    [
        ("rita@acme.example", True),
        ("ruth@acme.example", True),
        ("otto@acme.example", False),
        ("kim@acme.example", False),
        ("mia@acme.example", False),
        ("", False),
    ],
)
def test_who_reviews_or_decides_at_the_present_priority_and_never_owned_it_may(person: str, may: bool) -> None:
    why = refusal(HIGH, LOWER, person, OWNERS, NAMED)
    assert (why is None) is may
    assert may or "low in place of high asks for less" in str(why)
    assert may or str(why).endswith("(rita@acme.example, ruth@acme.example)")
    assert refusal(HIGH, {"priority": Priority.CRITICAL}, person, OWNERS, NAMED) is None


def test_where_nobody_is_named_everybody_may() -> None:
    assert (
        refusal(HIGH, LOWER, "", OWNERS, Authorities(risk_owners={Priority.CRITICAL: frozenset({"otto@a.example"})}))
        is None
    )


def test_where_tickets_may_lower_it_the_first_priority_says_whose_word_it_takes() -> None:
    lowered = replace(HIGH, priority=Priority.MEDIUM, original_priority=Priority.CRITICAL)
    named = replace(NAMED, by_first=True)
    assert refusal(lowered, LOWER, "otto@acme.example", OWNERS, named) is None
    assert "for critical" in str(refusal(lowered, LOWER, "ruth@acme.example", OWNERS, named))
