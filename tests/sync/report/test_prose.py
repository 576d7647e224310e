"""Descriptions on a page: readable, whole, and nothing but text."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sync.report.prose import prose

TAGS = {"p", "ol", "ul", "li", "strong", "em", "s", "code", "pre", "br"}
PIECES = (
    *("a", "B7", "ü", "١", " ", "  ", "    ", "\n", "\n\n", "\t", "\\", "\\\\"),
    *("&amp;", "&#65;", "<b>", "</p>", "<!--"),
    *("# ", "- ", "* ", "1. ", "12) ", "> ", "```", "~~~", "```x y", "`", "``", "*", "**", "_", "~~", "=", "---"),
    *("|a|b|", "|-|-|", "[a]", "[a]: b", "[//]: # (b)", '[x](http://y "z")', "![x](y)", "<http://x>", "\u202e", "\r\n"),
)


class Read(HTMLParser):
    """What somebody reads, and by which tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.said = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert {name for name, _ in attrs} <= {"li": {"value"}, "ol": {"start"}, "p": {"class"}}.get(tag, set())
        self.said += dict(attrs).get("value") or ""

    def handle_data(self, data: str) -> None:
        self.said += data


def letters(text: str) -> str:
    return "".join(re.findall(r"[^\W_]", text))


@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
@example("7. a\n3. b")
@example("```SECRET\nx\n```")
@example("[//]: # (SECRET)")
@example('[x]: http://a "SECRET"')
@example("|a|\n|-|\n|b|SECRET|")
@example("[<http://good.example>](http://evil.example)")
@example(">" * 30 + "SECRET")
@example("- " * 30 + "SECRET")
def test_every_word_of_a_description_is_there_and_nothing_but_text(text: str) -> None:
    read = Read(prose(text))
    assert letters(read.said) == letters(text)
    assert read.tags <= TAGS


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("# What **to do**", "<p><strong>What <strong>to do</strong></strong></p>"),
        ("1. Turn on MFA\n2. Say so", '<ol>\n<li value="1">Turn on MFA</li>\n<li value="2">Say so</li>\n</ol>'),
        ("Run `aws iam`\nthen ~~this~~ *that*", "<p>Run <code>aws iam</code><br>\nthen <s>this</s> <em>that</em></p>"),
        ("```sh\na < b\n```", "<pre><code>sh\na &lt; b\n</code></pre>"),
        (r"\\share\x &amp; [a](b)", r"<p>\\share\x &amp;amp; [a](b)</p>"),
    ],
)
def test_it_reads_as_it_was_meant(text: str, shown: str) -> None:
    assert prose(text).strip() == shown


@pytest.mark.parametrize("text", ["[a]: " + "b" * 25000 + "\n\n" + "[a]" * 25000, "[a\n" * 3000, "*a **b " * 1400])
def test_what_is_made_to_be_much_makes_little(text: str) -> None:
    assert len(prose(text)) < 20 * len(text)
