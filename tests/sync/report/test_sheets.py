"""Cells that a spreadsheet would take for a formula."""

import csv
import io
from datetime import date
from zipfile import ZipFile

import pytest
from defusedxml.ElementTree import fromstring  # type: ignore[import-untyped]

from sync.report import verify
from sync.report.book import read
from sync.report.model import Period, Policy
from sync.report.sheets import csv_members, harmless
from sync.report.tables import Sheet
from sync.report.workbook import spreadsheet
from tests.sync.conftest import World
from tests.sync.report.history import Past


@pytest.mark.parametrize("text", ["=1+1", "+49 555", "-1", "@SUM(A1)", "\tx", "\rx", "＝1"])
def test_what_would_be_a_formula_has_an_apostrophe_before_it(text: str) -> None:
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x;=HYPERLINK(1)", "x;'=HYPERLINK(1)"),
        ("x\t+1\n-2\r\n@SUM(A1)", "x\t'+1\n'-2\r\n'@SUM(A1)"),
        ('x; "＝1', "x; \"'＝1"),
        ("=1;=2", "'=1;'=2"),
    ],
)
def test_what_would_be_a_formula_for_who_parts_a_cell_has_an_apostrophe_before_it(text: str, shown: str) -> None:
    assert harmless(text) == shown
    assert verify.cell(text) == shown
    assert text in verify.originals(shown)


def test_a_table_read_with_whatever_separator_has_no_cell_that_is_a_formula(world: World) -> None:
    past = Past(world.store)
    past.programme()
    titles = ("x;=1", 'x;"=1', "x\t=1", "x\n=1", 'x";=1', 'x\t""=1', "a,=1")
    for title in titles:
        past.item(title)
    book = read(past.store, Period(date(2026, 1, 1), date(2026, 12, 31)), Policy())
    told = {member.name: b"".join(member.content).decode() for member in csv_members(book)}
    for text in told.values():
        assert text.startswith('"')
        for separator in ",;\t":
            cells = [cell for row in csv.reader(text.splitlines(), delimiter=separator) for cell in row]
            assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))] == []
    rows = list(csv.DictReader(io.StringIO(told["items.csv"], newline="")))
    assert [row["title"] for row in rows] == [verify.cell(title) for title in titles]


@pytest.mark.parametrize("cell", ["", "a=1", "'tis", "2026-01-01", -1])
def test_nothing_else_is_changed(cell: str | int) -> None:
    assert harmless(cell) == cell


RICH = '<r><t>ok</t></r></is></c><c r="K9"><f>HYPERLINK(1)</f></c><c r="L9" t="inlineStr"><is><r><t>y</t></r>'


@pytest.mark.parametrize("text", ["<r>AT&T</r>", "<r><t>hello</t></r>", RICH, f"<r>{'x' * 40_000}</r>", "<r>\n</r>\n"])
def test_who_writes_the_mark_up_of_a_workbook_writes_a_text_and_no_cell_of_it(text: str) -> None:
    made = b"".join(spreadsheet([Sheet("items", ("item", "title"), lambda: iter([("AI-000001", text)]))]))
    with ZipFile(io.BytesIO(made)) as zipped:
        cells = [*fromstring(zipped.read("xl/worksheets/sheet1.xml")).iter()]
    assert [each.tag for each in cells if each.tag.endswith(("}f", "}r"))] == []
    shown = ["".join(each.itertext()) for each in cells if each.tag.endswith("}is")]
    assert shown[:3] == ["item", "title", "AI-000001"]
    assert shown[3].startswith(f"'{text[:30]}")
    assert len(shown) == 4
