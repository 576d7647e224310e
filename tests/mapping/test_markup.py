"""Foreign text stays text: nothing in it notifies, links, closes, hides or forges."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from mapping.markup import (
    ZERO_WIDTH_SPACE,
    clean,
    clean_title,
    close_fences,
    code_span,
    cut_text,
    cut_title,
    escape,
    neutralise,
    size,
)

# What a tracker does: parse with HTML on, find mentions and references in the text that is not code.
TRACKER = MarkdownIt("commonmark").enable("table")
LIVE = re.compile(
    r"(?<![A-Za-z0-9])@[A-Za-z0-9]|#\d|\bgh-\d|(?<![0-9a-z])[0-9a-f]{40}(?![0-9a-z])|/(?:issues|pull)/\d", re.IGNORECASE
)
PIECES = st.lists(
    st.sampled_from(
        [
            "@octocat",
            "#12",
            "GH-7",
            "acme/x#3",
            "fixes ",
            "closes: ",
            "`",
            "``",
            "```",
            "~~~",
            "```sh",
            "\n",
            "\n\n",
            "\n    ",
            " ",
            "|",
            "- ",
            "> ",
            "1. ",
            "<!--",
            "-->",
            "<b>",
            "</b>",
            "<https://x/`>",
            "<a href='`'>",
            "\\",
            "&#64;",
            "&commat;",
            "&#35;",
            "&#49;. ",
            "_",
            "**",
            "[",
            "](",
            ")",
            "]: /u",
            '"',
            "a",
            "mia@acme.example",
            "\n|-|-|\n",
            "0123456789" * 4,
            "https://h.example/o/r/issues/4",
            "<div>",
            "</div>",
            "<script>",
            "<pre>",
            "<?",
            "<![CDATA[",
            "\n\t",
            "&amp;",
            "---\n",
        ]
    ),
    max_size=14,
).map("".join)

CORPUS = [
    "@octocat",
    "hello @octocat!",
    "(@org/team)",
    "_@octocat_",
    "**@octocat**",
    "a:@octocat",
    "\\@octocat",
    "&#64;octocat",
    "&#x40;octocat",
    "&commat;octocat",
    "@&#111;ctocat",
    "#12",
    "fixes #12",
    "Closes: acme/x#12",
    "acme/x#12",
    "GH-12",
    "gh-12",
    "&#35;12",
    "&num;12",
    "#&#49;2",
    "resolves https://h.example/o/r/issues/12",
    "https://h.example/o/r/pull/3#discussion_r1",
    "[x](https://h.example/o/r/issues/12)",
    "<https://h.example/o/r/issues/12>",
    "a" * 40,
    "o/r@" + "b" * 40,
    "<!-- counterfoil:begin v=1 k=" + "a" * 26 + " item=AI-000001 -->",
    "<!-- counterfoil:end -->",
    "<!-- x -->@octocat",
    "<img src=x onerror=alert(1)>",
    "<a href='javascript:1'>x</a>",
    "`a\n@octocat`b",
    "`a` @octocat `b`",
    "`a\nb` @octocat `c`",
    "```\ncode\n```\n@octocat",
    "- ```\n  x\n\n  @a\n  ```\n@octocat",
    "`|@octocat|`\n-|-|-\n`|@octocat|`",
    "<b title='`'>@octocat`",
    "[a]: /u '`'\n@octocat`",
    "<!--\n```\n-->\n@octocat\n```\n\n@other",
    "&#49;. x\n\n    @octocat",
    "@octocat\u200b@octocat",
    "x@octocathttps://h.example/o/r/issues/4https://h.example/o/r/issues/4",
    "0123456789" * 4 + "``@octocat``",
    "_GH-7_",
    "`x` https://h.example/o/r/issues/4 `y`",
]


def _texts(tokens: list[Token]) -> list[str]:
    texts = []
    for token in tokens:
        if token.type in ("html_block", "html_inline"):
            texts.append(f"HTML {token.content}")
        elif token.type in ("fence", "code_block", "code_inline"):
            texts.append("\x00")
        elif token.children is not None:
            texts.append("".join(_texts(token.children)))
        elif token.type in ("text", "text_special"):
            texts.append(token.content)
        elif token.type in ("softbreak", "hardbreak"):
            texts.append("\n")
        elif token.type == "link_open":
            texts.append(f" {token.attrs['href']} ")
    return texts


def _live(markdown: str) -> list[str]:
    texts = _texts(TRACKER.parse(markdown))
    return [found for text in texts for found in [*LIVE.findall(text), *re.findall(r"HTML .*", text)]]


@pytest.mark.parametrize("text", CORPUS)
def test_nothing_of_the_corpus_is_live(text: str) -> None:
    safe = neutralise(text)
    assert _live(safe) == []
    assert neutralise(safe) == safe
    assert "counterfoil:begin" not in safe
    assert "counterfoil:end" not in safe


@given(PIECES)
def test_nothing_of_any_text_is_live(text: str) -> None:
    safe = neutralise(text)
    assert _live(safe) == []
    assert neutralise(safe) == safe


@pytest.mark.parametrize(
    "text",
    [
        "Write to mia.k+x@acme.example today.",
        "Run `npm i @scope/pkg#12` now",
        "```sh\ngit show " + "a" * 40 + "\n@decorator\n```",
        "    @indented #12",
        "Plain words, 50 % < 60 %, C# and #hash",
        "See https://docs.example/guide_a-b?x=1#part",
        "a <= b && c",
        "https://docs.example/issues/overview and https://docs.example/pull/x",
        "- [ ] **bold** _it_\n\n| a | b |\n|---|---|\n| 1 | 2 |",
    ],
)
def test_harmless_text_is_left_alone(text: str) -> None:
    assert neutralise(text) == text


def test_a_neutralised_text_reads_the_same() -> None:
    text = "Ask @octocat about #12, <b>now</b>"
    assert neutralise(text).replace(ZERO_WIDTH_SPACE, "") == text


def test_a_link_to_an_issue_stays_to_be_copied() -> None:
    assert neutralise("see https://h.example/o/r/issues/12 now") == "see `https://h.example/o/r/issues/12` now"


@given(PIECES)
def test_what_follows_a_description_is_never_swallowed_by_its_code(text: str) -> None:
    *_, last = TRACKER.parse(f"{close_fences(neutralise(text))}\n\nafterwards\n")[:-1]
    assert "afterwards" in last.content
    assert last.type == "inline"


def test_an_unfinished_fence_is_finished_as_it_was_begun() -> None:
    assert close_fences("````\nx\n```") == "````\nx\n```\n````"
    assert close_fences("```\nx\n```") == "```\nx\n```"


@given(
    st.text(
        alphabet=st.sampled_from("ab  \u00e9e\u0301\U0001f469\u200d\U0001f4bb\U0001f1e7\U0001f1f7\U0001f44d\U0001f3fd")
    ),
    st.integers(2, 40),
)
def test_a_title_is_cut_within_its_limit_and_not_inside_a_character(text: str, limit: int) -> None:
    title = clean_title(text)
    cut = cut_title(title, limit)
    assert size(cut) <= limit
    if cut != title:
        kept = cut.removesuffix("\u2026")
        assert cut.endswith("\u2026")
        assert title.startswith(kept)
        assert not kept or not title[len(kept) :].startswith(("\u0301", "\u200d", "\U0001f3fd"))


def test_a_title_is_cut_after_a_word() -> None:
    assert cut_title("Rotate the access keys of the deploy user", 30) == "Rotate the access keys of the\u2026"
    assert cut_title("x" * 50, 10) == "x" * 9 + "\u2026"
    assert cut_title("short", 10) == "short"


def test_a_title_loses_control_and_direction_characters_and_lines() -> None:
    assert clean_title(" a\x00b\r\n c\u202egnp.exe\u2066\t d\x7f ") == "a b cgnp.exe d"


def test_text_keeps_its_lines_and_tabs_and_loses_what_is_invisible() -> None:
    assert clean("a\r\nb\rc\td\x00\x1b\u202e\u200e\ud800") == "a\nb\nc\td"


@given(st.text(alphabet="ab \n\u00e9\U0001f44d"), st.integers(0, 60))
def test_cut_text_counts_what_it_leaves_out(text: str, limit: int) -> None:
    kept, left_out = cut_text(text, limit)
    assert size(kept) <= limit or left_out == 0
    assert text.startswith(kept)
    assert len(kept) + left_out == len(text)


@pytest.mark.parametrize("text", ["a_b*c", "[x](y)", "`tick`", "a|b", "~~s~~", "back\\slash", "two\nlines", "**"])
def test_escaped_text_shows_literally_on_one_line(text: str) -> None:
    assert TRACKER.renderInline(f"x {escape(text)}") == f"x {' '.join(text.split())}"


@pytest.mark.parametrize("text", ["plain", "a`b", "`x`", "``", "a\nb", "@user #1"])
def test_a_code_span_shows_its_text(text: str) -> None:
    assert TRACKER.renderInline(code_span(text)) == f"<code>{' '.join(text.split())}</code>"
