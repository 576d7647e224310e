from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from state.grouping import Grouping, GroupRule, Joined, Key, checklist, following
from state.model import ActionItem, ItemDraft, Priority, SourceKind, Status

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
OPEN, STARTED, DONE, LIVED_WITH = Status.OPEN, Status.IN_PROGRESS, Status.RESOLVED, Status.ACCEPTED_AS_RISK
FOUND = ItemDraft(
    "Close port 22",
    owner="Mia@acme.example",
    controls=("CIS/5.1", "SOC2/CC6.6"),
    source_kind=SourceKind.AUTOMATED_TEST,
    source_ref="ssh_open",
)


def item(number: int = 1, status: Status = OPEN, **values: object) -> ActionItem:
    made = ActionItem(
        ref=f"AI-{number:06d}",
        title=f"Close port 22 of host {number}",
        description="",
        priority=Priority.MEDIUM,
        original_priority=Priority.MEDIUM,
        status=status,
        owner=None,
        due_date=date(2026, 12, 10),
        original_due_date=date(2026, 12, 10),
        controls=(),
        risks=(),
        source_kind=SourceKind.AUTOMATED_TEST,
        source_ref="ssh_open",
        external_ref=None,
        fingerprint=None,
        claim=None,
        created_at=NOW,
        updated_at=NOW,
        resolved_at=None,
        revision=1,
    )
    return replace(made, **values)  # type: ignore[arg-type]


TESTS = frozenset({SourceKind.AUTOMATED_TEST})


@pytest.mark.parametrize(
    ("rules", "draft", "key"),
    [
        ([], FOUND, None),
        ([GroupRule("check")], FOUND, Key("check", "ssh_open")),
        ([GroupRule("check")], replace(FOUND, source_ref=""), None),
        ([GroupRule("check", TESTS)], FOUND, Key("check", "ssh_open")),
        ([GroupRule("check", TESTS)], replace(FOUND, source_kind=SourceKind.ASSESSMENT), None),
        ([GroupRule("check", controls=("SOC2/*",))], FOUND, Key("check", "ssh_open")),
        ([GroupRule("check", controls=("ISO/*",))], FOUND, None),
        ([GroupRule("control")], FOUND, Key("control", "CIS/5.1")),
        ([GroupRule("control", controls=("SOC2/*",))], FOUND, Key("control", "SOC2/CC6.6")),
        ([GroupRule("control")], replace(FOUND, controls=None), None),
        ([GroupRule("owner")], FOUND, Key("owner", "mia@acme.example")),
        ([GroupRule("owner")], replace(FOUND, owner=None), None),
        ([GroupRule("control", controls=("ISO/*",)), GroupRule("check")], FOUND, Key("check", "ssh_open")),
        ([GroupRule("owner"), GroupRule("check")], FOUND, Key("owner", "mia@acme.example")),
    ],
)
def test_the_first_rule_that_fits_says_which_group_a_new_item_belongs_to(
    rules: Sequence[GroupRule], draft: ItemDraft, key: Key | None
) -> None:
    assert Grouping(tuple(rules)).key(draft) == key


def test_a_groups_item_is_as_urgent_and_as_early_due_as_the_first_of_its_items() -> None:
    first = item(1, priority=Priority.HIGH, controls=("A", "B"), risks=("R-1",), owner="mia@acme.example")
    second = item(2, due_date=date(2026, 12, 1), controls=("B", "C"), owner="tom@acme.example")
    draft, due, priority = Joined(Key("check", "ssh_open"), [first, second]).draft("AI-000009")
    assert (due, priority) == (date(2026, 12, 1), Priority.HIGH)
    assert (draft.title, draft.owner) == ("Settle what the check ssh_open found", None)
    assert (draft.controls, draft.risks) == (("B",), ())
    assert (draft.fingerprint, draft.origin["group"], draft.predecessor) == (*["group:check:ssh_open"] * 2, "AI-000009")


@pytest.mark.parametrize(
    ("group", "items", "settled", "expected"),
    [
        (OPEN, [OPEN, DONE], False, None),
        (STARTED, [OPEN, OPEN], False, None),
        (OPEN, [DONE, DONE], False, DONE),
        (STARTED, [DONE, LIVED_WITH], False, DONE),
        (STARTED, [LIVED_WITH, LIVED_WITH], False, DONE),
        (DONE, [DONE, OPEN], False, OPEN),
        (DONE, [STARTED], False, OPEN),
        (DONE, [DONE, DONE], False, None),
        (OPEN, [DONE, DONE], True, None),
    ],
)
def test_a_group_is_open_while_any_of_its_items_is(
    group: Status, items: list[Status], settled: bool, expected: Status | None
) -> None:
    made = [item(number, status) for number, status in enumerate(items)]
    assert following(item(9, group), made, settled=settled).get("status") is expected


def test_items_that_have_ended_make_a_group_neither_urgent_nor_late() -> None:
    done = item(1, DONE, priority=Priority.CRITICAL, due_date=date(2026, 11, 1))
    values = following(item(9), [done, item(2), item(3, priority=Priority.LOW, due_date=date(2026, 12, 3))])
    assert (values["priority"], values["due_date"]) == (Priority.MEDIUM, date(2026, 12, 3))
    assert "priority" not in following(item(9), [done])


def test_the_checklist_has_the_unfinished_first_and_ticks_the_others() -> None:
    items = [
        item(1, DONE),
        item(2, LIVED_WITH),
        item(3),
        item(4, STARTED, priority=Priority.HIGH),
        item(5, due_date=date(2026, 12, 1), title="Close\nport 23"),
    ]
    assert checklist("AI-000009", items).splitlines()[2:] == [
        "- [ ] **AI-000004** Close port 22 of host 4, due 2026-12-10",
        "- [ ] **AI-000005** Close port 23, due 2026-12-01",
        "- [ ] **AI-000003** Close port 22 of host 3, due 2026-12-10",
        "- [x] **AI-000001** Close port 22 of host 1, resolved",
        "- [x] **AI-000002** Close port 22 of host 2, accepted as a risk",
    ]


def test_what_does_not_fit_into_the_checklist_is_counted() -> None:
    text = checklist("AI-000900", [item(number, title="Close port 22 " * 10) for number in range(1, 501)])
    lines = text.splitlines()
    assert len(text) < 20_500
    assert lines[0].startswith("500 of 500 to do.")
    assert lines[-1] == f"- and {500 - len(lines) + 3} more: `counterfoil item list --group AI-000900`"
