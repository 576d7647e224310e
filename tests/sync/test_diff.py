"""The table by which a field's two sides are compared, row by row and for each authority."""

import pytest

from state.model import Agreed, Authority, Field
from sync.diff import Change, Flow, compare

ITEM, TICKET, BOTH = Authority.ITEM, Authority.TICKET, Authority.BOTH
BASE = Agreed("High", "P2")

TABLE = [
    # ours, theirs, the flow under the authority of the item, of the ticket, and of both
    ("High", "P2", None, None, None),
    ("Low", "P2", Flow.PUSH, Flow.PULL, Flow.PUSH),
    ("High", "P9", Flow.PUSH, Flow.PULL, Flow.PULL),
    ("same", "same", Flow.SETTLE, Flow.SETTLE, Flow.SETTLE),
    ("Low", "P9", Flow.PUSH, Flow.PULL, Flow.CONFLICT),
    (None, "P2", Flow.PUSH, Flow.PULL, Flow.PUSH),
    ("High", None, Flow.PUSH, Flow.PULL, Flow.PULL),
    (None, None, Flow.SETTLE, Flow.SETTLE, Flow.SETTLE),
]


@pytest.mark.parametrize(("ours", "theirs", "item", "ticket", "both"), TABLE)
def test_the_table_says_which_way_a_change_flows(
    ours: str | None, theirs: str | None, item: Flow | None, ticket: Flow | None, both: Flow | None
) -> None:
    field = Field.PRIORITY
    for authority, flow in ((ITEM, item), (TICKET, ticket), (BOTH, both)):
        found = compare({field: BASE}, {field: ours}, {field: theirs}, {field: authority})
        assert found == (() if flow is None else (Change(field, BASE, ours, theirs, flow),))


def test_an_authority_that_nobody_defined_is_an_error() -> None:
    with pytest.raises(AssertionError, match="nobody"):
        compare({Field.TITLE: BASE}, {Field.TITLE: "a"}, {Field.TITLE: "b"}, {Field.TITLE: "nobody"})  # type: ignore[dict-item]


def test_changes_come_in_the_order_of_the_fields() -> None:
    values = {field: field.value for field in reversed(Field)}
    baseline = {field: Agreed("", "") for field in Field}
    found = compare(baseline, values, values, dict.fromkeys(Field, BOTH))
    assert [change.field for change in found] == list(Field)


def test_what_the_ticket_does_not_show_is_not_compared() -> None:
    assert compare({Field.TITLE: BASE}, {Field.TITLE: "new"}, {}, {Field.TITLE: BOTH}) == ()


def test_what_the_item_says_nothing_of_has_not_moved_here() -> None:
    [change] = compare({Field.TITLE: BASE}, {}, {Field.TITLE: "P9"}, {Field.TITLE: BOTH})
    assert (change.ours, change.flow) == ("High", Flow.PULL)
    assert (change.ours_moved, change.theirs_moved) == (False, True)


@pytest.mark.parametrize(
    ("ours", "theirs", "authority", "flow"),
    [
        ("a", "a", BOTH, Flow.SETTLE),
        (None, None, BOTH, Flow.SETTLE),
        ("a", None, BOTH, Flow.CONFLICT),
        (None, "a", BOTH, Flow.CONFLICT),
        ("a", "b", BOTH, Flow.CONFLICT),
        ("a", "b", ITEM, Flow.PUSH),
        ("a", "b", TICKET, Flow.PULL),
    ],
)
def test_what_was_never_agreed_counts_as_moved_on_both_sides(
    ours: str | None, theirs: str | None, authority: Authority, flow: Flow
) -> None:
    [change] = compare({}, {Field.ASSIGNEE: ours}, {Field.ASSIGNEE: theirs}, {Field.ASSIGNEE: authority})
    assert (change.flow, change.ours_moved, change.theirs_moved) == (flow, True, True)


def test_what_was_never_agreed_and_the_item_says_nothing_of_is_left_alone() -> None:
    assert compare({}, {}, {Field.TITLE: "theirs"}, {Field.TITLE: BOTH}) == ()
