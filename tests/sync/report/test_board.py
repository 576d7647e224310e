"""A period as JSON and as Markdown: the same numbers as the page, and harmless whatever anybody wrote."""

import json
from dataclasses import replace
from itertools import pairwise

import pytest
from markdown_it import MarkdownIt

from mapping.markup import ZERO_WIDTH_SPACE
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


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("ask @mia-k, (@acme/ops) and mia@acme.com", "ask @~mia-k, (@~acme/ops) and mia@acme.com"),
        ("@\u200emia", "@~mia"),
        ("see #12, acme/app#7, GH-9 and &#12;", "see #~12, acme/app#~7, GH-~9 and &~#~12;"),
        ("fixed by 0123456789abcdef0123456789abcdef01234567", "fixed by 0123456~789abcdef0123456789abcdef01234567"),
        ("http://a.com, \\https://b.com/x_y", "http://a.com, \\https://b.com/x_y"),
        ("HTTPS://www.a.com WWW.b.com www.c.com", "HTTPS://www.a.com WWW.b.com www.c.com"),
    ],
)
def test_markdown_that_is_pasted_into_a_tracker_mentions_nobody_and_links_to_nothing(
    half_year: Book, said: str, shown: str
) -> None:
    [line] = text(as_markdown(replace(half_year, framework=said), "x")).splitlines()[2:3]
    told = MarkdownIt("gfm-like").render(line).replace("&amp;", "&")
    told = told.replace('<a href="mailto:mia@acme.com">mia@acme.com</a>', "mia@acme.com")
    assert told == f"<p>Confined to the framework {shown.replace('~', ZERO_WIDTH_SPACE)}.</p>\n"
