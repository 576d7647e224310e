import io
import json
from datetime import date
from typing import Any

import pytest

from connectors.base import BadRow, Row
from connectors.intake.json_items import JsonItems
from state.model import ItemDraft, Priority, SourceKind


def read(data: Any) -> list[Row]:
    raw = data if isinstance(data, bytes) else (data if isinstance(data, str) else json.dumps(data)).encode()
    return list(JsonItems().read(io.BytesIO(raw)))


def faults(data: Any) -> list[str]:
    return [str(row) for row in read(data) if isinstance(row, BadRow)]


ROW = {
    "external_ref": 7,
    "title": "Rotate keys",
    "priority": "Critical",
    "due_date": "2026-12-31",
    "controls": ["CC6.1", "CC6.2"],
    "risks": "RISK-1; RISK-2",
    "source": "unimplemented_control",
}
DRAFT = ItemDraft(
    title="Rotate keys",
    priority=Priority.CRITICAL,
    due_date=date(2026, 12, 31),
    controls=("CC6.1", "CC6.2"),
    risks=("RISK-1", "RISK-2"),
    source_kind=SourceKind.UNIMPLEMENTED_CONTROL,
    source_ref="7",
    external_ref="7",
)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([ROW]),
        json.dumps([ROW], indent=2),
        "\ufeff " + json.dumps([ROW]),
        json.dumps({"version": {"items": 1}, "items": [ROW]}),
        json.dumps({"items": [ROW]}, indent=2),
        json.dumps(ROW),
        "\n" + json.dumps(ROW) + "\r\n\n",
        json.dumps(ROW, indent=2),
    ],
)
def test_every_way_to_string_objects_together_reads_the_same(text: str) -> None:
    assert read(text) == [DRAFT]


def test_an_empty_list_has_no_rows() -> None:
    assert read("[]") == []
    assert read({"items": []}) == []


def test_null_and_blank_say_nothing_and_an_empty_list_says_none() -> None:
    row: dict[str, Any] = {"title": "T", "owner": None, "priority": "", "controls": [], "risks": None}
    [draft] = read([row])
    assert isinstance(draft, ItemDraft)
    assert (draft.owner, draft.priority, draft.controls, draft.risks) == (None, None, (), None)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"title": None}, "element 2, title: is required"),
        ({"title": 5}, "element 2, title: must be text, not a number"),
        ({"title": "T", "controls": ["a", 1.2]}, "element 2, controls: must be text, not a number"),
        ({"title": "T", "controls": {"a": 1}}, "element 2, controls: must be text, not an object"),
        ({"title": "T", "description": "a\0b"}, "element 2, description: holds a NUL byte"),
        ({"title": "T", "external_ref": True}, "element 2, external_ref: must be text, not true or false"),
        ({"title": "T", "external_ref": "ü" * 501}, "element 2, external_ref: is longer than 1,000 bytes"),
        ({"title": "T", "description": "x" * 10_000_000}, "10 MB"),
        ({"title": "T", "colour": "red"}, "'colour'"),
        ("T", "element 2: is not an object"),
    ],
)
def test_a_wrong_element_is_named_with_its_key(row: Any, says: str) -> None:
    rows = read([{"title": "fine"}, row, {"title": "fine"}])
    assert len(rows) == 3
    assert isinstance(rows[1], BadRow)
    assert says in str(rows[1])


def test_a_broken_line_costs_only_that_line() -> None:
    rows = read('{"title": "a"}\n{"title": \n\n{"title": "\\ud800"}\n{"title": "b"}\n')
    assert [row.at for row in rows if isinstance(row, BadRow)] == [2, 4]
    assert [row.title for row in rows if isinstance(row, ItemDraft)] == ["a", "b"]


def test_a_list_that_breaks_off_says_after_which_element() -> None:
    first, fault = read('[{"title": "a"}, {"title": "b", ')
    assert isinstance(first, ItemDraft)
    assert isinstance(fault, BadRow)
    assert (fault.at, fault.unit) == (2, "element")


@pytest.mark.parametrize("data", [b"", b"  \n", b"title,owner\n", b"7", b"[{]", b'[{"title": "\xff"}]', b"[1] [2]"])
def test_what_is_no_json_is_a_bad_row(data: bytes) -> None:
    assert faults(data)


@pytest.mark.parametrize("start", ["", "[[]],", '{"items": [', '{"title": "a"}\n{"title": ', '{\n"title": '])
def test_depth_without_end_is_a_bad_row(start: str) -> None:
    assert faults(start + "[" * 20_000)


def test_brackets_in_text_are_not_depth() -> None:
    [draft] = read([{"title": "T", "description": "[" * 5_000}])
    assert isinstance(draft, ItemDraft)


@pytest.mark.parametrize("start", ["[", '{"items": [', '[{"title": "a \\" b", "description": "\\\\"}, ', "[-", "[0."])
@pytest.mark.parametrize("blanks", range(0, 2_500, 500))
def test_a_number_of_thousands_of_digits_is_a_bad_row(start: str, blanks: int) -> None:
    assert faults(start + " " * blanks + "9" * 5_000 + "]")


def test_a_number_of_thousands_of_digits_does_not_end_a_reading_by_lines() -> None:
    rows = read('{"title": "a"}\n{"title": ' + "9" * 5_000 + '}\n{"title": "b"}\n')
    assert [row.at for row in rows if isinstance(row, BadRow)] == [2]


@pytest.mark.parametrize("exponent", ["9" * 10, "9" * 100])
def test_a_number_beyond_all_bounds_is_a_bad_row(exponent: str) -> None:
    assert faults(f'[{{"title": 1e{exponent}}}]')


@pytest.mark.parametrize("before", ["", '\\"', "\\\\"])
def test_digits_in_text_are_no_number(before: str) -> None:
    text = before * 1_000 + "9" * 10_000
    [draft] = read([{"title": "T", "description": text}])
    assert isinstance(draft, ItemDraft)
    assert draft.description == text


def test_a_reference_that_comes_twice_names_the_first_element() -> None:
    assert faults([ROW, {"title": "x"}, ROW]) == ["element 3, external_ref: '7' is already in element 1"]


def test_an_element_without_reference_is_known_by_file_and_place() -> None:
    data = [{"title": "a"}, {"title": "a"}]
    first, second = read(data)
    assert isinstance(first, ItemDraft)
    assert isinstance(second, ItemDraft)
    assert first.fingerprint != second.fingerprint
    assert read(data) == [first, second]
