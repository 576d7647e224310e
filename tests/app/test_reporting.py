"""A period to read on a working day: the same page and tables as in the pack, without the proof."""

from pathlib import Path

import pytest

from tests.app.conftest import Line

DAYS = ("--from", "2020-01-01", "--to", "2099-12-31")


def test_a_period_is_written_as_a_page_and_as_tables_and_writes_no_record(
    desk: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.add("=Rotate the keys")
    made = desk.json("report", "html", *DAYS, "--out", "one.html")
    assert (made["files"], made["items"]) == (["one.html"], 1)
    page = Path("one.html").read_text(encoding="utf-8")
    assert "=Rotate the keys" in page
    assert "without proofs" in page
    assert "<svg" in page
    again = desk.json("report", "html", *DAYS, "--out", "two.html")
    assert again["records"] == made["records"]
    assert Path("two.html").read_bytes() == Path("one.html").read_bytes()
    assert len(desk.json("report", "csv", *DAYS, "--out", "tables")["files"]) == 6
    assert "'=Rotate the keys" in Path("tables/items.csv").read_text(encoding="utf-8")
    monkeypatch.setattr("sync.app.reporting.find_spec", lambda _: None)
    desk.json("report", "html", *DAYS, "--out", "plain.html")
    assert "This copy has no charts" in Path("plain.html").read_text(encoding="utf-8")


def test_a_report_of_days_in_the_wrong_order_or_into_nowhere_is_refused(desk: Line) -> None:
    answer = desk("report", "csv", "--from", "2026-06-30", "--to", "2026-01-01", "--out", "tables")
    assert (answer.code, "is before --from" in answer.err) == (2, True)
    answer = desk("report", "html", *DAYS, "--out", "no/where/one.html")
    assert (answer.code, "no/where/one.html cannot be written" in answer.err) == (2, True)
