"""Cells that a spreadsheet would take for a formula."""

import pytest

from sync.report.sheets import harmless


@pytest.mark.parametrize("text", ["=1+1", "+49 555", "-1", "@SUM(A1)", "\tx", "\rx", "＝1"])
def test_what_would_be_a_formula_has_an_apostrophe_before_it(text: str) -> None:
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("cell", ["", "a=1", "'tis", "2026-01-01", -1])
def test_nothing_else_is_changed(cell: str | int) -> None:
    assert harmless(cell) == cell
