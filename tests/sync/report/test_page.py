"""The page of a report: whole, harmless whatever a tracker says, and the same bytes each time."""

import os
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from itertools import pairwise
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

import pytest
from jinja2 import Environment

from state.model import Priority
from sync.report import figures
from sync.report.book import read
from sync.report.charts import charts
from sync.report.model import Book, Period, Policy, Right
from sync.report.page import pages
from tests.sync.conftest import World
from tests.sync.report.history import Past, year

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>\u202e{{ 7 * 7 }}\x1b[31m</style></details>'
TAGS = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "section", "nav", "h1", "h2", "h3"),
    *("p", "ol", "ul", "li", "a", "strong", "em", "s", "code", "pre", "span", "bdi", "br", "div"),
    *("figure", "figcaption"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td", "details", "summary", "dl", "dt", "dd", "blockquote"),
}
POLICY = Policy((Right("Review evidence", "rae@acme.example", "any kind"),), {"high": 30})
VOID = {"meta", "br"}


class Tags(HTMLParser):
    """The tags of a page with their attributes, and those that do not close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.standing: list[str] = []
        self.crossed: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.standing.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.standing or self.standing.pop() != tag:
            self.crossed.append(tag)


def drawn(book: Book, *, proofs: bool = True) -> str:
    return b"".join(next(pages(book, {}, proofs=proofs)).content).decode()


@pytest.fixture
def past(world: World) -> Past:
    return Past(world.store)


@pytest.fixture
def told(past: Past) -> Callable[[], Book]:
    days = Period(date(2026, 1, 1), date(2026, 12, 31))
    return lambda: read(past.store, days, POLICY)


def test_a_second_page_compiles_no_templates(told: Callable[[], Book], monkeypatch: pytest.MonkeyPatch) -> None:
    first = drawn(told())
    monkeypatch.setattr(Environment, "compile", lambda *_, **__: pytest.fail("compiled a template again"))
    assert drawn(told()) == first


def test_the_same_ledger_gives_the_same_page_and_the_same_charts(past: Past, told: Callable[[], Book]) -> None:
    year(past.store, past, 12)
    one, other = told(), told()
    assert drawn(one) == drawn(other)
    pictures = charts(one)
    assert pictures == charts(other)
    assert set(pictures) == {"work", "durations", "controls", "risks"}
    days = [date.fromisoformat(day) for day in re.findall(r">\s*(\d{4}-\d\d-\d\d)\s*<", pictures["controls"])]
    assert days[0] == one.period.first
    assert len({later - sooner for sooner, later in pairwise(days)}) == 1, "a time axis that names whole days alike"
    whole = b"".join(next(pages(one, pictures, proofs=True)).content).decode()
    assert whole.count("<svg") == 4
    ids = re.findall(r'\sid="([^"]+)"', whole)
    assert len(ids) == len(set(ids))
    assert re.findall(r'(?:src|href)="(?!#|https://acme\.example/browse/)[^"]*"', whole) == []
    assert re.search(r"\sstyle=|<script|@import|url\((?!#)", whole) is None


def test_every_colour_of_a_chart_is_explained_also_of_what_is_not_open_at_all(
    past: Past, told: Callable[[], Book]
) -> None:
    past.programme()
    past.item(priority=Priority.HIGH)
    past.resolve(past.item(priority=Priority.LOW))
    words = re.findall(r">\s*(critical|high|medium|low)\s*<", charts(told())["work"])
    assert words == ["low", "high"]


def test_what_a_tracker_says_is_shown_and_never_obeyed(past: Past, told: Callable[[], Book]) -> None:
    past.programme()
    ref = past.item(HOSTILE)
    past.say(ref, HOSTILE)
    past.edit(ref, reason=HOSTILE, owner=HOSTILE)
    past.move(ref, HOSTILE)
    past.accept(ref, date(2026, 3, 1))
    past.link_gone(ref, "javascript:alert(1)")
    tags = Tags(text := drawn(told()))
    assert {tag for tag, _ in tags.found} <= TAGS
    assert (tags.standing, tags.crossed) == ([], [])
    assert [name for _, found in tags.found for name in found if name.startswith("on") or name == "style"] == []
    assert [
        f["href"] for _, f in tags.found if "href" in f and not (f["href"] or "").startswith(("#", "https://"))
    ] == []
    assert "&lt;script&gt;alert(1)" in text
    assert "{{ 7 * 7 }}" in text
    assert not {"\u202e", "\x1b"}.intersection(text)


def test_a_description_reads_as_it_was_meant_and_leads_nowhere(past: Past, told: Callable[[], Book]) -> None:
    ref = past.item()
    plain = drawn(told())
    text = """# What **to do**

1. Turn on `MFA`
2. ![x](https://e.example) [d](javascript:alert(1)) \u202e\u061c

| Piece | Counts |
|-------|--------|
| EV-1  | yes    |

<img src=x>"""
    past.edit(ref, description=text)
    tags = Tags(page := drawn(told()))
    assert "<p><strong>What <strong>to do</strong></strong></p>" in page
    assert '<li value="1">Turn on <code>MFA</code></li>' in page
    assert "[d](javascript:alert(1)) \ufffd\ufffd" in page
    assert "| EV-1  | yes    |" in page
    assert "&lt;img src=x&gt;" in page
    assert "\u202e" not in page
    assert [found for tag, found in tags.found if (tag == "th" and "scope" not in found) or "style" in found] == []
    assert {tag for tag, _ in tags.found} <= TAGS
    assert "<img" not in page
    assert [page.count(tag) for tag in ("<a ", "<h", "<table")] == [plain.count(tag) for tag in ("<a ", "<h", "<table")]


def test_the_page_may_load_nothing_but_its_own_style(past: Past, told: Callable[[], Book]) -> None:
    past.item()
    [rule] = [found["content"] for tag, found in Tags(drawn(told())).found if "http-equiv" in found and tag == "meta"]
    assert (rule or "").startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in (rule or "")


def test_a_page_can_be_heard_and_printed(past: Past, told: Callable[[], Book]) -> None:
    year(past.store, past, 6)
    tags = Tags(text := drawn(told()))
    levels = [int(tag[1]) for tag, _ in tags.found if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert [found for tag, found in tags.found if tag == "th" and "scope" not in found] == []
    assert "@page { size: A4" in text
    places = {found["id"] for _, found in tags.found if "id" in found}
    assert {(f["href"] or "")[1:] for _, f in tags.found if (f.get("href") or "").startswith("#")} <= places


def test_in_print_refs_and_dates_are_whole_and_the_numbers_stand_under_their_heading(
    past: Past, told: Callable[[], Book]
) -> None:
    year(past.store, past, 6)
    text = drawn(told())
    assert ".ref, td.time { overflow-wrap: normal; white-space: nowrap; }" in text
    assert re.findall(r"<t[hd][^>]*>\s*(?:AI|RA|EV)-[0-9]", re.sub(r'<th scope="row" class="ref">', "", text)) == []
    assert re.search(r'<div class="together">\n<h2 id="summary">(?:(?!</div>).)*<ul class="summary">', text, re.DOTALL)
    assert re.search(r"figure, tr, summary, \.together, [^{]*\{ break-inside: avoid; \}", text)


def test_what_the_chart_counts_and_the_numbers_do_not_is_explained_beneath_it(
    past: Past, told: Callable[[], Book]
) -> None:
    past.programme()
    ref = past.item()
    past.resolve(ref)
    past.reopen(ref)
    book = told()
    closed = sum(map(sum, figures.closed(book).values.values()))
    assert (figures.summary(book)["resolved in the period"], closed) == (0, 1)
    whole = b"".join(next(pages(book, charts(book), proofs=True)).content).decode()
    assert "if it is still resolved when the period ends: what was opened again later" in whole


def test_what_is_open_and_closed_over_time_stands_there_in_numbers_too(past: Past, told: Callable[[], Book]) -> None:
    past.programme()
    past.item(priority=Priority.CRITICAL)
    ref = past.item()
    past.later(14)
    past.resolve(ref)
    text = drawn(told())
    days = dict(re.findall(r'<th scope="row">([\d-]{10})</th>\s*((?:<td class="number">\d+</td>)+)', text))
    rows = {day: [int(each) for each in re.findall(r"\d+", cells)] for day, cells in days.items()}
    assert len(rows) == 53
    assert (rows["2026-01-01"], rows["2026-12-31"]) == ([0] * 8, [1, 0, 0, 0, 0, 0, 0, 0])
    assert [day for day, row in rows.items() if row[1]] == ["2026-01-08", "2026-01-15"]
    assert [day for day, row in rows.items() if row[4:] == [0, 1, 0, 0]] == ["2026-01-22"]


def test_each_item_of_the_period_has_its_story(past: Past, told: Callable[[], Book]) -> None:
    past.programme()
    ref = past.item("Close port 22")
    past.start(ref)
    past.put_off(ref, 14)
    past.prove(ref)
    past.resolve(ref)
    past.reopen(ref)
    text = re.sub(r"<[^>]+>", "", drawn(told()))
    for said in (
        "the vendor confirmed it",
        "its test fails again",
        "SEC-1",
        "b" * 64,
        "opened again",
        "due date moved",
    ):
        assert said in text


def test_a_copy_without_proofs_says_so(past: Past, told: Callable[[], Book]) -> None:
    past.item()
    book = told()
    assert "without proofs" in drawn(book, proofs=False)
    assert "python3 verify.py PACK --pubkey KEY --checkpoints FOLDER" in drawn(book)
    assert "without proofs" not in drawn(book)


def test_a_confined_page_says_what_it_is_confined_to(told: Callable[[], Book]) -> None:
    assert "Only what concerns the framework <strong>soc2</strong>" in drawn(replace(told(), framework="soc2"))


@pytest.mark.parametrize("stem", ["q", 'report #1: 50%? <b>"é"', "half \udcff"])
def test_more_stories_than_a_browser_takes_with_ease_stand_on_further_pages_and_each_link_finds_its_own(
    half_year: Book, stem: str
) -> None:
    first = f"{stem}.html"
    drawn_ = pages(half_year, {}, proofs=False, name=first, most=7)
    made = {each.name: b"".join(each.content).decode() for each in drawn_}
    assert [*made] == [first, *(f"{stem}-{n:03d}.html" for n in range(1, 2 + (len(half_year.told) - 1) // 7))]
    tags = {name: Tags(text) for name, text in made.items()}
    assert [each.crossed + each.standing for each in tags.values()] == [[]] * len(made)
    places = {(name, found["id"]) for name, each in tags.items() for _, found in each.found if "id" in found}
    links = [(name, f["href"] or "") for name, each in tags.items() for t, f in each.found if t == "a"]
    found = [(name, urlsplit(urljoin("file:///x/", link))) for name, link in links if not link.startswith("http")]
    inside = [(os.fsdecode(unquote_to_bytes(to.path[3:])) or name, to.fragment) for name, to in found]
    assert [each for each in inside if each not in places and (each[0] not in made or each[1])] == []
    told = [name for name, place in sorted(places) if place and place.startswith("AI-")]
    assert (len(told), first in told) == (len(half_year.told), False)
    assert made.keys() - {first} <= {to for to, _ in inside}
