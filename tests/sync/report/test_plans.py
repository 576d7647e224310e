"""Plans of action and milestones, as OSCAL and as a workbook: valid, the same each time, and true to the ledger."""

import io
import json
import os
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from openpyxl import load_workbook  # type: ignore[import-untyped]
from trestle.oscal.poam import PlanOfActionAndMilestones
from trestle.tasks.base_task import TaskOutcome
from trestle.tasks.xlsx_to_oscal_poam import XlsxToOscalPoam

from state.model import GROUP, Agent, ItemDraft, Priority
from state.store import Store
from sync.report import fedramp, poam
from sync.report.book import read
from sync.report.model import Book, ItemStory, Period, Policy
from sync.report.weakness import risk_status
from tests.sync.report.history import BEGIN, CRON, MIA, RUTH, Past, year

LATER = date(2026, 12, 31)


class Office(NamedTuple):
    """A programme that has begun, in which something may happen yet."""

    past: Past
    store: Store

    def book(self, last: date = LATER) -> Book:
        return read(self.store, Period(date(2026, 1, 1), last), Policy())

    def plan(self, last: date = LATER) -> Any:
        plan = poam.document(self.book(last), self.store.installation)["plan-of-action-and-milestones"]
        PlanOfActionAndMilestones.model_validate(plan)
        return plan

    def risk(self, last: date = LATER) -> Any:
        [risk] = self.plan(last)["risks"]
        return risk

    def sheets(self, last: date = LATER) -> dict[str, list[dict[str, Any]]]:
        return rows(self.book(last))


def rows(book: Book) -> dict[str, list[dict[str, Any]]]:
    """The rows of each sheet by their headings, which stand in row 5."""
    made = load_workbook(io.BytesIO(b"".join(fedramp.workbook(book).content)))
    tables = {sheet.title: list(sheet.iter_rows(min_row=5, values_only=True)) for sheet in made}
    return {
        name: [dict(zip(map(str, heading), row, strict=True)) for row in some]
        for name, (heading, *some) in tables.items()
    }


@contextmanager
def begun(folder: Path) -> Iterator[Office]:
    pasts: list[Past] = []
    clock = lambda: pasts[0].now if pasts else BEGIN  # noqa: E731
    with Store.create(f"sqlite:///{folder}/state.db", clock=clock, entropy=os.urandom) as store:
        pasts.append(Past(store))
        yield Office(pasts[0], store)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with begun(tmp_path) as made:
        made.past.programme()
        yield made


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A year in which everything happens that can."""
    with begun(tmp_path_factory.mktemp("year")) as made:
        year(made.store, made.past, 40)
        yield made


def props(some: Any) -> dict[str, str]:
    return {each["name"]: each["value"] for each in some["props"]}


def test_a_year_is_a_valid_plan_of_oscal_and_nothing_of_it_is_lost_by_the_models(whole: Office) -> None:
    plan = whole.plan()
    told = PlanOfActionAndMilestones.model_validate(plan).model_dump(mode="json", by_alias=True, exclude_none=True)
    assert moments(told) == moments(plan)
    assert len(plan["poam-items"]) == 40


def moments(value: Any) -> Any:
    """A document with its times as times, to the millisecond that the models write."""
    if isinstance(value, dict):
        return {name: moments(each) for name, each in value.items()}
    if isinstance(value, list):
        return [moments(each) for each in value]
    try:
        return datetime.fromisoformat(value).isoformat(timespec="milliseconds")
    except (TypeError, ValueError):
        return value


def test_every_reference_in_a_plan_leads_somewhere_and_no_id_is_used_twice(whole: Office) -> None:
    plan = whole.plan()
    named, meant = [], set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            named.extend([value["uuid"]] if "uuid" in value else [])
            for name, each in value.items():
                if name.endswith("-uuid"):
                    meant.add(each)
                elif name == "party-uuids":
                    meant.update(each)
                elif name == "href" and each.startswith("#"):
                    meant.add(each[1:])
                walk(each)
        elif isinstance(value, list):
            for each in value:
                walk(each)

    walk(plan)
    assert len(set(named)) == len(named)
    assert meant <= set(named)


def test_the_log_of_each_risk_ends_with_the_status_that_it_has(whole: Office) -> None:
    for risk in whole.plan()["risks"]:
        said = [each["status-change"] for each in risk["risk-log"]["entries"] if "status-change" in each]
        assert said[0] == "open"
        assert said[-1] == risk["status"], risk["title"]
        assert all(a != b for a, b in pairwise(said))


def test_the_same_ledger_gives_the_same_bytes(whole: Office) -> None:
    assert b"".join(poam.content(whole.plan())) == b"".join(poam.content(whole.plan()))
    assert b"".join(fedramp.workbook(whole.book()).content) == b"".join(fedramp.workbook(whole.book()).content)


def test_a_plan_is_as_old_as_the_last_record_that_it_tells_of(office: Office) -> None:
    ref = office.past.item()
    office.past.later(40)
    office.past.start(ref)
    written = max(each.recorded for each in office.book().events)
    assert datetime.fromisoformat(office.plan()["metadata"]["last-modified"]) == written


def test_of_a_period_that_is_not_over_either_says_so(office: Office) -> None:
    office.past.item()
    for last, is_open in ((LATER, True), (office.past.now.date(), False)):
        book = office.book(last)
        made = load_workbook(io.BytesIO(b"".join(fedramp.workbook(book).content)))
        told = (office.plan(last)["metadata"]["remarks"], made.worksheets[0]["A1"].value)
        assert [bool(book.open_end) and each.endswith(book.open_end) for each in told] == [is_open] * 2


def test_ids_stay_the_same_from_one_plan_to_the_next_but_the_plan_s_own(office: Office) -> None:
    ref = office.past.item()
    before = office.plan()
    office.past.start(ref)
    after = office.plan()
    assert before["poam-items"][0]["uuid"] == after["poam-items"][0]["uuid"]
    assert before["risks"][0]["remediations"] == after["risks"][0]["remediations"]
    assert before["uuid"] != after["uuid"]


def test_the_original_due_date_stays_and_each_change_is_a_milestone(office: Office) -> None:
    ref = office.past.item()
    first = office.store.item(ref).due_date
    office.past.put_off(ref, 30)
    office.past.put_off(ref, 15)
    risk = office.risk()
    [remediation] = risk["remediations"]
    due = [each["timing"]["on-date"]["date"][:10] for each in remediation["tasks"]]
    assert due == [str(first + timedelta(days=n)) for n in (0, 30, 45)]
    assert (props(risk)["original-due-date"], risk["deadline"][:10]) == (str(first), due[-1])
    [row] = office.sheets()[fedramp.OPEN]
    assert row["Scheduled Completion Date"] == str(first)
    assert row["Planned Milestones"] == f"Milestone 1: as first planned by {first}"
    assert row["Milestone Changes"].splitlines() == [
        f"Milestone 2: {due[0]} to {due[1]}, by Ruth on 2026-01-06: granted",
        f"Milestone 3: {due[1]} to {due[2]}, by Ruth on 2026-01-07: granted",
    ]


def test_an_acceptance_is_an_operational_requirement_with_its_reason(office: Office) -> None:
    ref = office.past.item()
    office.past.accept(ref, date(2026, 6, 30))
    risk, [row] = office.risk(date(2026, 3, 1)), office.sheets(date(2026, 3, 1))[fedramp.OPEN]
    assert (risk["status"], props(risk)["operational-requirement"]) == ("deviation-approved", "approved")
    assert risk["mitigating-factors"][0]["description"] == "Access by VPN only."
    assert (row["Operational Requirement"], row["Risk Adjustment"], row["False Positive"]) == ("Yes", "No", "No")
    assert row["Deviation Rationale"] == "Operational-requirement: The system is replaced in spring."
    assert "accepts the risk until 2026-06-30; approved by ruth@acme.example" in row["Comments"]


def test_an_acceptance_that_is_asked_for_is_pending(office: Office) -> None:
    ref = office.past.item()
    office.past.accept(ref, date(2026, 6, 30))
    risk, [row] = office.risk(date(2026, 1, 5)), office.sheets(date(2026, 1, 5))[fedramp.OPEN]
    assert (risk["status"], props(risk)["operational-requirement"]) == ("deviation-requested", "pending")
    assert row["Operational Requirement"] == "Pending"


def test_an_acceptance_past_its_end_is_open_though_nothing_ran_since(office: Office) -> None:
    ref = office.past.item()
    office.past.accept(ref, date(2026, 6, 30))
    risk, [row] = office.risk(), office.sheets()[fedramp.OPEN]
    assert (risk["status"], "operational-requirement" in props(risk)) == ("open", False)
    last = risk["risk-log"]["entries"][-1]
    assert (last["start"][:10], last["status-change"]) == ("2026-07-01", "open")
    assert row["Operational Requirement"] == "No"


@pytest.mark.parametrize(
    ("who", "why", "answer", "value"),
    [
        (RUTH, "behind the VPN", "Yes", "approved"),
        (RUTH, "", "Pending", "pending"),
        (CRON, "the scanner rates it so", "Pending", "pending"),
    ],
)
def test_another_rating_is_an_adjustment_once_a_person_says_why(
    office: Office, who: Agent, why: str, answer: str, value: str
) -> None:
    ref = office.past.item()
    office.past.edit(ref, who, why, priority=Priority.LOW)
    risk, [row] = office.risk(), office.sheets()[fedramp.OPEN]
    ratings = (row["Original Risk Rating"], row["Adjusted Risk Rating"], row["Risk Adjustment"])
    assert ratings == ("High", "Low", answer)
    assert props(risk)["risk-adjustment"] == value
    facets = [each for each in risk["characterizations"][0]["facets"] if each["name"] == "risk"]
    assert [(each["value"], props(each)["state"]) for each in facets] == [("high", "initial"), ("low", "adjusted")]


def test_what_is_resolved_is_closed_with_its_evidence(office: Office) -> None:
    ref = office.past.item()
    office.past.prove(ref)
    office.past.later(1)
    office.past.resolve(ref)
    plan, sheets = office.plan(), office.sheets()
    [risk], [row] = plan["risks"], sheets[fedramp.CLOSED]
    assert (risk["status"], risk["remediations"][0]["lifecycle"], sheets[fedramp.OPEN]) == ("closed", "completed", [])
    assert (row["POAM ID"], row["Status Date"]) == (ref, "2026-01-06")
    [file] = plan["back-matter"]["resources"]
    assert file["rlinks"][0]["href"] == f"evidence/{'b' * 64}"
    assert f"#{file['uuid']}" in json.dumps(plan["observations"])
    assert "b" * 64 in row["Supporting Documents"]


def test_what_people_said_in_a_ticket_is_in_neither(office: Office) -> None:
    ref = office.past.item()
    office.past.say(ref, "Ask Karl about this.", MIA)
    assert "Karl" not in json.dumps(office.plan()) + json.dumps(office.sheets())


def test_hostile_texts_are_words_in_either(office: Office) -> None:
    office.past.item('  =HYPERLINK("http://x")\n<script> \u2028 ', code=" CC6.1\n", risk="R-99")
    [made] = office.plan()["poam-items"]
    assert made["title"].startswith("=HYPERLINK")
    book = office.book()
    made = load_workbook(io.BytesIO(b"".join(fedramp.workbook(book).content)))
    assert {cell.data_type for row in made[fedramp.OPEN].iter_rows() for cell in row} <= {"s", "n", "inlineStr"}


def test_an_item_that_only_stands_for_others_in_a_ticket_is_no_weakness(office: Office) -> None:
    ref = office.past.item()
    group = ItemDraft("Update what is old", origin={GROUP: "patches"})
    office.store.add_items([(group, date(2026, 3, 1), Priority.HIGH)], office.past.by(CRON))
    assert [props(each)["POAM-ID"] for each in office.plan()["poam-items"]] == [ref]


def test_a_text_that_is_gone_is_told_by_its_hash(office: Office) -> None:
    ref = office.past.item()
    office.past.later(30)
    office.past.edit(ref, description="Something else.")
    [made] = office.plan(date(2026, 1, 10))["poam-items"]
    assert made["description"].startswith("Text with SHA-256 ")


def test_another_program_reads_the_workbook_as_the_plan_that_it_is(whole: Office, tmp_path: Path) -> None:
    book = whole.book()
    (tmp_path / "plan.xlsx").write_bytes(b"".join(fedramp.workbook(book).content))
    config = ConfigParser()
    asked = {"xlsx-file": f"{tmp_path}/plan.xlsx", "output-dir": str(tmp_path), "title": "T", "version": "1"}
    config["task"] = asked | {"validate-required-fields": "on", "quiet": "true"}
    assert XlsxToOscalPoam(config["task"]).execute() == TaskOutcome.SUCCESS
    read_back = json.loads((tmp_path / "plan-of-action-and-milestones.json").read_text())
    risks = read_back["plan-of-action-and-milestones"]["risks"]
    still = [each for each in book.told if each.status != "resolved"]
    sheets = {name: [row["POAM ID"] for row in some] for name, some in rows(book).items()}
    done = [each.ref for each in book.told if each.status == "resolved"]
    assert sheets == {fedramp.OPEN: [each.ref for each in still], fedramp.CLOSED: done}
    assert [each["deadline"][:10] for each in risks] == [str(first_due(each)) for each in still]
    assert all(len(each["remediations"][0]["tasks"]) == 1 for each in risks)


def first_due(item: ItemStory) -> str:
    return str(item.made.said("due_date"))


def test_a_period_without_items_has_no_plan(office: Office) -> None:
    with pytest.raises(ValueError, match="no item"):
        poam.document(office.book(), office.store.installation)


@pytest.mark.parametrize(
    ("status", "asked", "told"),
    [
        ("open", False, "open"),
        ("in_progress", False, "remediating"),
        ("open", True, "deviation-requested"),
        ("accepted_as_risk", True, "deviation-approved"),
        ("resolved", False, "closed"),
    ],
)
def test_each_status_has_its_name_in_oscal(status: str, asked: bool, told: str) -> None:
    assert risk_status(status, asked=asked) == told
