"""An item renders the same everywhere, whole within the limits, and a patch changes exactly what it says."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapping import block as blocks
from mapping.document import text_size
from mapping.markup import ZERO_WIDTH_SPACE, size
from mapping.read import observe
from mapping.render import desired, draft, patch
from mapping.rules import RESOLUTION_NAMES, Rules
from state.model import ActionItem, Agreed, Field, Priority, Status
from state.ticket import BodyFormat, Category, Draft, Keep, Marker, Patch, Ticket, TransitionTo

MakeRules = Callable[..., Rules]
MakeItem = Callable[..., ActionItem]
MakeTicket = Callable[..., Ticket]
Hold = Callable[[Draft], Ticket]

DONE = ("Done", "Fixed")
PARKED = ("Parked", *RESOLUTION_NAMES["acceptance"], *DONE)
FORMS = pytest.mark.parametrize("form", list(BodyFormat))
TEXTS = st.text(alphabet=st.sampled_from("ab @#12<>&`*_~|[](){}!-+.:/\\\n\t\u00e9\u200b\U0001f44d\r\x00"), max_size=80)
MARKDOWN_BLOCK = """\
<!-- counterfoil:begin v=1 k=kkkkkkkkkkkkkkkkkkkkkkkkkk item=AI-000123 -->
**AI-000123** \u00b7 high priority \u00b7 due 2026-12-01

Keys are **older** than 90 days.

- list them
- replace them

**Owner** mia@acme.example\\
**Controls** CC6.1, CC6.2\\
**Risks** R-7\\
**Source** automated test `iam_rotate_keys`

*Counterfoil keeps this section in step with AI-000123. Text outside it is yours and stays as you write it.*
<!-- counterfoil:end -->"""


@FORMS
@given(title=TEXTS, description=TEXTS, control=TEXTS, source=TEXTS)
def test_an_untouched_ticket_reads_as_it_was_rendered(
    make_item: MakeItem,
    make_rules: MakeRules,
    held: Hold,
    marker: Marker,
    form: BodyFormat,
    title: str,
    description: str,
    control: str,
    source: str,
) -> None:
    item = make_item(title=title, description=description, controls=(control,), source_ref=source)
    rules = make_rules(form)
    wanted = desired(item, rules, "t", marker)
    ticket = held(draft(wanted, marker))
    assert observe(ticket, rules, "t", baseline=None, desired=wanted).values == wanted.values
    if isinstance(ticket.body, str):
        ticket = replace(ticket, body=ticket.body.replace("\n", "\r\n"))
    else:
        ticket = replace(ticket, body=json.loads(json.dumps(ticket.body)))
    assert observe(ticket, rules, "t", baseline=None, desired=wanted).values == wanted.values


def test_the_block_is_made_for_people(make_item: MakeItem, make_rules: MakeRules, marker: Marker) -> None:
    assert desired(make_item(), make_rules(), "t", marker).block == MARKDOWN_BLOCK


@pytest.mark.parametrize("form", BodyFormat)
def test_the_block_names_the_item_that_it_goes_on_from(
    make_item: MakeItem, make_rules: MakeRules, marker: Marker, form: BodyFormat
) -> None:
    item = replace(make_item(), predecessor="AI-000007")
    block = desired(item, make_rules(form), "t", marker).block
    assert "AI-000007" in json.dumps(block)


def test_the_canonical_values_are_those_of_the_item(make_item: MakeItem, make_rules: MakeRules, marker: Marker) -> None:
    wanted = desired(make_item(owner="MIA@acme.example"), make_rules(labels=("audit",)), "t", marker)
    assert wanted.values == {
        Field.STATUS: "open",
        Field.TITLE: "Rotate the access keys of the deploy user",
        Field.BODY: wanted.values[Field.BODY],
        Field.PRIORITY: "high",
        Field.ASSIGNEE: "mia@acme.example",
        Field.DUE_DATE: "2026-12-01",
        Field.LABELS: "audit\ncounterfoil",
    }
    assert (wanted.priority, wanted.account, wanted.due_date) == ("High", "Mia-1", date(2026, 12, 1))


def test_a_field_that_the_tracker_lacks_is_absent(make_item: MakeItem, make_rules: MakeRules, marker: Marker) -> None:
    rules = make_rules(fields=frozenset({Field.STATUS, Field.TITLE, Field.BODY, Field.LABELS}))
    wanted = desired(make_item(), rules, "t", marker)
    made = draft(wanted, marker)
    assert set(wanted.values) == {Field.STATUS, Field.TITLE, Field.BODY, Field.LABELS}
    assert (made.priority, made.assignee, made.due_date) == (None, None, None)
    assert made.labels == ("priority:high",)
    assert wanted.values[Field.LABELS] == "counterfoil\npriority:high"


@pytest.mark.parametrize(("owner", "warned"), [(None, False), ("stranger@acme.example", True)])
def test_an_owner_without_an_account_is_neither_guessed_nor_wiped(
    make_item: MakeItem, make_rules: MakeRules, make_ticket: MakeTicket, marker: Marker, owner: str | None, warned: bool
) -> None:
    rules = make_rules()
    wanted = desired(make_item(owner=owner), rules, "t", marker)
    assert Field.ASSIGNEE not in wanted.values
    assert draft(wanted, marker).assignee is None
    assert patch(wanted, [Field.ASSIGNEE], make_ticket(assignee="tom-2"), {}, rules, "t") == Patch()
    assert any("stranger@acme.example" in text for text in wanted.warnings) is warned


@FORMS
@pytest.mark.parametrize("filler", ["word ", "@user\n", "\U0001f44d", "x", "```\n", "<b>&{}[]|*"])
def test_a_long_description_fits_and_says_what_is_left_out(
    make_item: MakeItem, make_rules: MakeRules, marker: Marker, form: BodyFormat, filler: str
) -> None:
    item = make_item(description=filler * 40_000)
    wanted = desired(item, make_rules(form), "t", marker)
    length = size(wanted.block) if isinstance(wanted.block, str) else text_size(wanted.block or {})
    assert 8_000 < length <= 32_767
    assert blocks.find(wanted.block, form) is not None
    text = blocks.canonical(wanted.block)
    assert "more characters are not shown here: " in text
    assert "counterfoil item show AI-000123" in text
    assert "Counterfoil keeps this section" in text
    assert any("do not fit" in warning for warning in wanted.warnings)


def test_a_title_is_cut_on_a_word_within_the_limit(make_item: MakeItem, make_rules: MakeRules, marker: Marker) -> None:
    wanted = desired(make_item(title="Rotate @team keys " * 40), make_rules(title_limit=100), "t", marker)
    assert size(wanted.title) <= 100
    assert wanted.title.endswith("\u2026")
    assert "@" + ZERO_WIDTH_SPACE in wanted.title
    assert ZERO_WIDTH_SPACE not in (wanted.values[Field.TITLE] or "")


def test_an_item_without_a_visible_title_is_called_by_its_ref(
    make_item: MakeItem, make_rules: MakeRules, marker: Marker
) -> None:
    assert desired(make_item(title=" \x00\u202e "), make_rules(), "t", marker).title == "AI-000123"


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (Status.OPEN, TransitionTo(Category.NEW, (), (), ("Doing", "risk-accept"))),
        (Status.IN_PROGRESS, TransitionTo(Category.INDETERMINATE, ("Doing",), (), ("risk-accept",))),
        (Status.RESOLVED, TransitionTo(Category.DONE, (), ("Done",), ("Doing", "risk-accept"))),
        (Status.ACCEPTED_AS_RISK, TransitionTo(Category.DONE, (), PARKED, ("Doing",))),
    ],
)
def test_each_status_is_a_state_to_bring_the_ticket_to(
    make_item: MakeItem,
    make_rules: MakeRules,
    make_ticket: MakeTicket,
    marker: Marker,
    status: Status,
    state: TransitionTo,
) -> None:
    rules = make_rules(status={"in_progress": ("Doing",)}, resolution={"acceptance": ("Parked",), "resolved": DONE})
    wanted = desired(make_item(status=status), rules, "t", marker)
    assert patch(wanted, [Field.STATUS], make_ticket(), {}, rules, "t") == Patch(state=state)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (Field.TITLE, {"title": "Rotate the access keys of the deploy user"}),
        (Field.PRIORITY, {"priority": "High"}),
        (Field.ASSIGNEE, {"assignee": "Mia-1"}),
        (Field.DUE_DATE, {"due_date": date(2026, 12, 1)}),
        (Field.LABELS, {"add_labels": ("counterfoil",)}),
    ],
)
def test_a_patch_changes_its_field_and_no_other(
    make_item: MakeItem,
    make_rules: MakeRules,
    make_ticket: MakeTicket,
    marker: Marker,
    field: Field,
    expected: dict[str, Any],
) -> None:
    rules = make_rules()
    wanted = desired(make_item(), rules, "t", marker)
    assert patch(wanted, [field], make_ticket(), {}, rules, "t") == Patch(**expected)


@FORMS
def test_a_body_patch_replaces_the_block_and_keeps_the_rest(
    make_item: MakeItem, make_rules: MakeRules, held: Hold, marker: Marker, form: BodyFormat
) -> None:
    rules = make_rules(form)
    before = desired(make_item(), rules, "t", marker)
    ticket = held(draft(before, marker))
    if isinstance(ticket.body, str):
        ticket = replace(ticket, body=f"Ours:\r\n\r\n{ticket.body}\r\nmore \t\r\n")
    elif ticket.body is not None:
        ticket = replace(ticket, body={**ticket.body, "content": [{"type": "rule"}, *ticket.body["content"]]})
    wanted = desired(make_item(description="Something else"), rules, "t", marker)
    changed = patch(wanted, [Field.BODY], ticket, {Field.BODY: Agreed("a", "a")}, rules, "t").body
    assert not isinstance(changed, Keep)
    assert blocks.digest(changed, form) == wanted.values[Field.BODY]
    assert blocks.remove(changed, form) == blocks.remove(ticket.body, form)


def test_a_block_that_a_person_removed_stays_removed(
    make_item: MakeItem, make_rules: MakeRules, make_ticket: MakeTicket, marker: Marker
) -> None:
    rules = make_rules()
    wanted = desired(make_item(), rules, "t", marker)
    agreed = {Field.BODY: Agreed("a", "a")}
    assert patch(wanted, [Field.BODY], make_ticket(body="Mine"), agreed, rules, "t") == Patch()
    assert patch(wanted, [Field.BODY], make_ticket(body="Mine"), None, rules, "t").body == f"Mine\n\n{wanted.block}"
    with pytest.raises(ValueError, match="within the ticket"):
        patch(wanted, [Field.BODY], None, None, rules, "t")


@FORMS
def test_a_patched_body_fits_beside_what_people_wrote(
    make_item: MakeItem, make_rules: MakeRules, make_ticket: MakeTicket, marker: Marker, form: BodyFormat
) -> None:
    rules = make_rules(form)
    wanted = desired(make_item(description="word " * 10_000), rules, "t", marker)
    theirs = "theirs " * 2_000
    body = {
        "type": "doc",
        "version": 1,
        "content": [{"type": "paragraph", "content": [{"type": "text", "text": theirs}]}],
    }
    changed = patch(
        wanted, [Field.BODY], make_ticket(body=body if form is BodyFormat.ADF else theirs), None, rules, "t"
    ).body
    length = size(changed) if isinstance(changed, str) else text_size(changed) if isinstance(changed, dict) else 0
    assert 14_000 < length <= 32_767
    assert blocks.find(changed if isinstance(changed, str | dict) else None, form) is not None


def test_labels_change_by_difference_and_only_ours_are_removed(
    make_item: MakeItem, make_rules: MakeRules, make_ticket: MakeTicket, marker: Marker
) -> None:
    rules = make_rules(fields=frozenset(Field) - {Field.PRIORITY}, labels=("audit",))
    wanted = desired(make_item(priority=Priority.LOW), rules, "t", marker)
    ticket = make_ticket(labels=frozenset({"Counterfoil", "priority:high", "old-team", "theirs"}))
    agreed = {Field.LABELS: Agreed("counterfoil\nold-team\npriority:high", "counterfoil\nold-team\npriority:high")}
    changed = patch(wanted, [Field.LABELS], ticket, agreed, rules, "t")
    assert changed == Patch(add_labels=("audit", "priority:low"), remove_labels=("old-team", "priority:high"))


def test_the_same_item_renders_the_same_twice(make_item: MakeItem, make_rules: MakeRules, marker: Marker) -> None:
    for form in BodyFormat:
        assert desired(make_item(), make_rules(form), "t", marker) == desired(
            make_item(), make_rules(form), "t", marker
        )


def test_a_draft_carries_the_marker(make_item: MakeItem, make_rules: MakeRules, marker: Marker) -> None:
    assert draft(desired(make_item(), make_rules(), "t", marker), marker).marker == marker


def test_a_configured_resolution_is_asked_for_and_done_only_where_an_accepted_risk_has_no_other_word(
    make_item: MakeItem, make_rules: MakeRules, marker: Marker
) -> None:
    named = {"resolved": ("Shipped", "Done"), "acceptance": ("Waived",), "duplicate": ("Declined",)}
    rules = make_rules(resolution=named)
    usual = [name for name in RESOLUTION_NAMES["acceptance"] if name != "Declined"]
    for status, resolutions in (
        (Status.OPEN, ()),
        (Status.IN_PROGRESS, ()),
        (Status.RESOLVED, ("Shipped",)),
        (Status.ACCEPTED_AS_RISK, ("Waived", *usual, "Shipped", "Done")),
    ):
        made = patch(desired(make_item(status=status), rules, "t", marker), [Field.STATUS], None, None, rules, "t")
        assert made.state is not None
        assert made.state.resolutions == resolutions


def test_without_the_ticket_labels_change_by_what_was_agreed(
    make_item: MakeItem, make_rules: MakeRules, make_ticket: MakeTicket, marker: Marker
) -> None:
    rules = make_rules(labels=("two words", "new"))
    baseline = {Field.LABELS: Agreed("counterfoil\ntwo words\nold", None)}
    wanted = desired(make_item(), rules, "t", marker)
    made = patch(wanted, [Field.LABELS], None, baseline, rules, "t")
    assert (made.add_labels, made.remove_labels) == (("new",), ("old",))
    there = make_ticket(labels=frozenset({"new", "theirs"}))
    made = patch(wanted, [Field.LABELS], there, baseline, rules, "t")
    assert (made.add_labels, made.remove_labels) == (("counterfoil", "two words"), ())


def test_a_body_is_not_patched_blind(make_item: MakeItem, make_rules: MakeRules, marker: Marker) -> None:
    rules = make_rules()
    with pytest.raises(ValueError, match=r"^a body is changed only within the ticket as it is now$"):
        patch(desired(make_item(), rules, "t", marker), [Field.BODY], None, None, rules, "t")


@pytest.mark.parametrize("less", [0, 1])
def test_the_block_is_cut_only_where_it_does_not_fit_with_a_line_around_it(
    make_item: MakeItem, make_rules: MakeRules, make_ticket: MakeTicket, marker: Marker, less: int
) -> None:
    wanted = desired(make_item(description="word " * 400), make_rules(), "t", marker)
    people = "Written by people."
    rules = make_rules(body_limit=size(str(wanted.block)) + size(people) + 4 - less)
    made = patch(wanted, [Field.BODY], make_ticket(body=people), None, rules, "t")
    assert isinstance(made.body, str)
    assert ("more characters are not shown here" in made.body) is bool(less)
    assert size(made.body) <= rules.trackers["t"].body_limit
