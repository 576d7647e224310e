"""A period to read on a working day: the same page and tables as in the pack, without the proof."""

import json
from functools import partial
from pathlib import Path

import pytest

from sync.report.page import pages
from tests.app.conftest import Line
from tests.app.test_signing import signing
from tests.databases import disarm, raw

DAYS = ("--from", "2020-01-01", "--to", "2099-12-31")
FORMS = ("html", "csv", "json", "md", "fedramp", "oscal-poam")


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


def test_json_and_markdown_tell_what_the_tables_and_the_page_do_and_always_the_same(desk: Line) -> None:
    ref = desk.add("Rotate *the* | keys", "--owner", "mia@acme.example")
    for form in ("json", "md"):
        made = desk.json("report", form, *DAYS, "--out", f"one.{form}")
        assert (made["files"], made["items"]) == ([f"one.{form}"], 1)
        desk.json("report", form, *DAYS, "--out", f"two.{form}")
        assert Path(f"two.{form}").read_bytes() == Path(f"one.{form}").read_bytes()
    told = json.loads(Path("one.json").read_text(encoding="utf-8"))
    assert (told["summary"]["open_at_its_end"], told["ledger"]["records"]) == (1, made["records"])
    [item] = told["items"]
    assert (item["item"], item["title"], item["owner"]) == (ref, "Rotate *the* | keys", "mia@acme.example")
    assert len(told["events"]) == made["records"]
    assert f"| {ref} | Rotate \\*the\\* \\| keys | open |" in Path("one.md").read_text(encoding="utf-8")


def test_nothing_is_told_of_a_ledger_that_does_not_verify(desk: Line) -> None:
    desk.add("Rotate the keys")
    disarm(desk.url)
    raw(desk.url, "UPDATE audit SET body = replace(body, 'item.created', 'item.forged') WHERE seq = 1")
    for form in FORMS:
        answer = desk("report", form, *DAYS, "--out", "out")
        said = " ".join(answer.err.split())
        assert "record 1 does not match its hash" in said
        assert (answer.code, said.endswith("Nothing was written")) == (6, True), form
        assert not Path("out").exists()


def test_a_report_asks_the_places_that_keep_checkpoints_and_says_which_are_silent(desk: Line) -> None:
    audit = signing(desk)
    for title in ("Rotate the keys", "Close the port"):
        desk.add(title)
    for note in audit.share.iterdir():
        note.rename(desk.folder / note.name)
    audit.share.rmdir()
    out = desk("report", "md", *DAYS, "--out", "one.md").out
    assert "could not be asked what it keeps" in out
    assert len(desk.json("report", "md", *DAYS, "--out", "one.md")["complaints"]) == 1
    audit.share.mkdir()
    for note in desk.folder.glob("*.note"):
        note.rename(audit.share / note.name)
    disarm(desk.url)
    raw(desk.url, "DELETE FROM audit WHERE seq > 1", "DELETE FROM checkpoint")
    assert desk("report", "md", *DAYS, "--out", "two.md").code == 6


def test_a_report_takes_the_place_of_another_at_once_and_follows_no_link(desk: Line) -> None:
    desk.add("Rotate the keys")
    (desk.folder / "victim").write_text("mine")
    (desk.folder / "one.md").symlink_to(desk.folder / "victim")
    desk.json("report", "md", *DAYS, "--out", "one.md")
    assert ((desk.folder / "victim").read_text(), Path("one.md").is_symlink()) == ("mine", False)
    assert list(desk.folder.glob(".*.part")) == []


def test_a_report_of_days_in_the_wrong_order_or_into_nowhere_is_refused(desk: Line) -> None:
    answer = desk("report", "csv", "--from", "2026-06-30", "--to", "2026-01-01", "--out", "tables")
    assert (answer.code, "is before --from" in answer.err) == (2, True)
    answer = desk("report", "md", "--from", "2026-06-30", "--to", "9999-12-31", "--out", "one.md")
    assert (answer.code, "name an earlier one" in answer.err) == (2, True)
    for out in ("no/where/one.md", ".", ".."):
        answer = desk("report", "md", *DAYS, "--out", out)
        assert (answer.code, f"{out} cannot be written" in answer.err) == (2, True)


def test_a_fault_of_a_report_is_not_told_as_one_of_the_database(desk: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(*_: object) -> None:
        raise ValueError("a fault in a report")

    monkeypatch.setattr("sync.app.reporting.as_markdown", faulty)
    with pytest.raises(ValueError, match="a fault in a report"):
        desk("report", "md", *DAYS, "--out", "one.md")


def test_the_pages_of_a_longer_report_do_not_stay_beside_a_shorter_one(
    desk: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    for title in ("Rotate the keys", "Close the port", "Patch it"):
        desk.add(title)
    monkeypatch.setattr("sync.app.reporting.find_spec", lambda _: None)
    Path("my #1-004.html").write_text("mine")

    def beside(most: int) -> list[str]:
        monkeypatch.setattr("sync.app.reporting.pages", partial(pages, most=most))
        desk.json("report", "html", *DAYS, "--out", "my #1.html")
        return sorted(each.name for each in desk.folder.glob("my #1*"))

    assert beside(1) == [*(f"my #1-00{number}.html" for number in (1, 2, 3, 4)), "my #1.html"]
    assert beside(2) == [*(f"my #1-00{number}.html" for number in (1, 2, 4)), "my #1.html"]
    assert beside(1000) == ["my #1-004.html", "my #1.html"]


def test_a_tracker_that_nobody_knows_is_refused(desk: Line) -> None:
    for form in ("html", "csv", "json", "md", "fedramp"):
        answer = desk("report", form, *DAYS, "--tracker", "nope", "--out", "out")
        assert "no tracker is called nope" in " ".join(answer.err.split())
        assert answer.code == desk("report", form, *DAYS, "--framework", "nope", "--out", "out").code != 0
        assert not Path("out").exists()
    assert desk("audit", "pack", *DAYS, "--tracker", "nope", "--out", "out").code == answer.code
