"""A period as JSON and as Markdown: the same numbers as the page, and harmless whatever anybody wrote."""

import json
from itertools import pairwise

from markdown_it import MarkdownIt

from sync.report import figures
from sync.report.board import as_json, as_markdown
from sync.report.members import Member
from sync.report.model import Book
from sync.report.tables import counts
from tests.sync.report.conftest import HOSTILE


def text(member: Member) -> str:
    return b"".join(member.content).decode()


def test_json_has_each_table_whole(half_year: Book) -> None:
    told = json.loads(text(as_json(half_year, "x")))
    assert {name: len(told[name]) for name in counts(half_year)} == counts(half_year)
    assert [*told["summary"].values()] == [*figures.summary(half_year).values()]


def test_markdown_is_tables_and_what_people_wrote_is_words_in_their_cells(half_year: Book) -> None:
    page = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    tokens = page.parse(text(as_markdown(half_year, "x")))
    heads = [b.content for a, b in pairwise(tokens) if a.type == "heading_open"]
    assert heads[1:3] + heads[-1:] == ["Summary", "Controls", "Items"]
    inside = {child.type for each in tokens for child in each.children or ()}
    assert inside <= {"text", "code_inline", "text_special", "softbreak"}
    assert not [each for each in tokens if each.type.startswith("html")]
    assert sum(each.type == "tr_open" for each in tokens) > len(half_year.told)
    cells = {"".join(child.content for child in each.children or ()) for each in tokens}
    assert HOSTILE.replace("\u202e", "") in cells


def test_both_are_the_same_bytes_each_time(half_year: Book) -> None:
    for form in (as_json, as_markdown):
        assert text(form(half_year, "x")) == text(form(half_year, "x"))
