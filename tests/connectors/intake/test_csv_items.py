import io
from datetime import date

import pytest

from connectors.base import BadRow, Row
from connectors.intake.csv_items import CsvItems
from state.model import ItemDraft, Priority, SourceKind

HEADER = "external_ref,title,description,priority,owner,due_date,controls,risks,source\n"


def read(text: str | bytes) -> list[Row]:
    data = text.encode() if isinstance(text, str) else text
    return list(CsvItems().read(io.BytesIO(data)))


def drafts(text: str | bytes) -> list[ItemDraft]:
    rows = read(text)
    assert all(isinstance(row, ItemDraft) for row in rows), rows
    return [row for row in rows if isinstance(row, ItemDraft)]


def faults(text: str | bytes) -> list[str]:
    return [str(row) for row in read(text) if isinstance(row, BadRow)]


def test_every_column_reaches_the_item() -> None:
    row = "R-1,Rotate keys,All of them,HIGH,Ana@acme.example,2026-12-31,CC6.1; CC6.2 ;CC6.1,RISK-1,Assessment\n"
    assert drafts(HEADER + row) == [
        ItemDraft(
            title="Rotate keys",
            description="All of them",
            priority=Priority.HIGH,
            owner="Ana@acme.example",
            due_date=date(2026, 12, 31),
            controls=("CC6.1", "CC6.2"),
            risks=("RISK-1",),
            source_kind=SourceKind.ASSESSMENT,
            source_ref="R-1",
            external_ref="R-1",
        )
    ]


def test_an_empty_cell_says_nothing() -> None:
    [draft] = drafts(HEADER + "R-1,Rotate keys,,,,,,,\n")
    said = (draft.priority, draft.owner, draft.due_date, draft.controls, draft.risks, draft.description)
    assert said == (None, None, None, None, None, "")
    assert draft.source_kind is SourceKind.MANUAL


def test_columns_may_come_in_any_order_and_be_few() -> None:
    [draft] = drafts("Owner, title \nana@acme.example,Rotate keys\n")
    assert (draft.title, draft.owner) == ("Rotate keys", "ana@acme.example")


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_files_of_every_editor_read_the_same(ending: str, mark: bytes) -> None:
    text = f'title,description{ending}Prüfe São,"one{ending}two"{ending}{ending}Next,x{ending}'
    first, second = drafts(mark + text.encode())
    assert (first.title, first.description.splitlines()) == ("Prüfe São", ["one", "two"])
    assert second.title == "Next"


def test_a_row_without_reference_is_known_by_file_and_line() -> None:
    text = 'title\n"a\nb"\nRotate keys\nRotate keys\n'
    one, two, three = drafts(text)
    assert len({one.fingerprint, two.fingerprint, three.fingerprint}) == 3
    assert [draft.fingerprint for draft in drafts(text)] == [one.fingerprint, two.fingerprint, three.fingerprint]
    assert one.title == "a b"
    assert str(two.fingerprint).endswith(":4")
    assert drafts(text + "x\n")[0].fingerprint != one.fingerprint


@pytest.mark.parametrize(
    ("cells", "column", "says"),
    [
        ("R-1, ,,,,,,,", "title", "is required"),
        ("R-1,T,,urgent,,,,,", "priority", "critical, high, medium, low"),
        ("R-1,T,,,ana at acme,,,,", "owner", "e-mail"),
        ("R-1,T,,,,31.12.2026,,,", "due_date", "2026-01-31"),
        ("R-1,T,,,,20261231,,,", "due_date", "2026-01-31"),
        ("R-1,T,,,,2026-02-30,,,", "due_date", "2026-01-31"),
        ("R-1,T,,,,,,,scanner", "source", "automated_test"),
        ("R-1,T,a\0b,,,,,,", "description", "NUL"),
    ],
)
def test_a_wrong_cell_is_named_with_line_and_column(cells: str, column: str, says: str) -> None:
    rows = read(HEADER + '\n"ok-1","fine\nfine",,,,,,,\n' + cells + "\nok-2,fine,,,,,,,\n")
    first, bad, last = rows
    assert isinstance(bad, BadRow)
    assert (bad.at, bad.column) == (5, column)
    assert says in bad.what
    assert isinstance(first, ItemDraft)
    assert isinstance(last, ItemDraft)


def test_all_wrong_cells_of_a_row_are_named() -> None:
    assert len(faults(HEADER + "R-1,,,urgent,nobody,soon,,,\n")) == 4


def test_bytes_that_are_not_utf8_cost_only_their_row() -> None:
    rows = read(b"title,description\nfine,ok\nbad,S\xe3o\nfine,S\xc3\xa3o\n")
    assert [str(row) for row in rows if isinstance(row, BadRow)] == [
        "line 3, description: holds bytes that are not UTF-8"
    ]
    assert len(rows) == 3


def test_a_file_in_utf16_is_told_apart() -> None:
    [fault] = faults("title\nx\n".encode("utf-16"))
    assert "UTF-16" in fault


def test_an_unknown_column_is_named_with_the_known() -> None:
    [fault] = faults("title,Severity\nx,high\n")
    assert "'severity'" in fault
    assert "priority" in fault


@pytest.mark.parametrize(
    ("header", "says"),
    [
        *(("title,title", "twice"), ("owner", "required"), ("", "empty")),
        *(("title;owner", "by ';'; save it with commas"), ("title\towner", "save it with commas")),
    ],
)
def test_a_broken_header_is_the_only_row(header: str, says: str) -> None:
    [fault] = faults(f"{header}\n")
    assert says in fault


def test_a_reference_that_comes_twice_names_the_first_line() -> None:
    assert faults("external_ref,title\nR-1,a\nR-2,b\nR-1,c\n") == ["line 4, external_ref: 'R-1' is already on line 2"]


def test_a_row_of_another_width_is_refused() -> None:
    assert faults("title,owner\na\nb,b@acme.example,x\n") == [
        "line 2: has 1 cells where the header has 2",
        "line 3: has 3 cells where the header has 2",
    ]


def test_a_quote_that_is_never_closed_swallows_nothing_silently() -> None:
    rows = read('title\nfine\n"open\nnext\nlast\n')
    assert isinstance(rows[0], ItemDraft)
    assert [str(row) for row in rows[1:]] == [
        "line 3: a quoted cell opens here and is never closed, so that nothing after it can be read"
    ]


def test_text_after_a_closing_quote_costs_only_its_row() -> None:
    rows = read('title,owner\n"a"b,\nfine,\n')
    assert isinstance(rows[0], BadRow)
    assert rows[0].at == 2
    assert isinstance(rows[1], ItemDraft)


@pytest.mark.parametrize("cell", ["x" * 10_000_000, '"' + ("x" * 999 + "\n") * 11_000 + '"', "ã" * 5_000_000])
def test_a_cell_of_10_mb_is_refused_and_reading_goes_on(cell: str) -> None:
    rows = read(f"title,description\nfine,ok\nlarge,{cell}\nnext,ok\n")
    first, bad, last = rows
    assert isinstance(bad, BadRow)
    assert (bad.at, bad.column) == (3, "description")
    assert "10 MB" in bad.what
    assert isinstance(first, ItemDraft)
    assert isinstance(last, ItemDraft)


def test_a_cell_below_10_mb_is_taken() -> None:
    [draft] = drafts("title,description\na," + "x" * 1_000_000 + "\n")
    assert len(draft.description) == 1_000_000
