"""Markdown reads the same in a document tree of nodes that every server takes."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapping.block import canonical
from mapping.document import text_size, to_document

INLINE = {"text", "hardBreak"}
INNER = {"paragraph", "bulletList", "orderedList", "codeBlock"}
CELL = INNER | {"heading", "blockquote", "rule"}
MAY_HOLD = {
    "doc": CELL | {"table"},
    "paragraph": INLINE,
    "heading": INLINE,
    "codeBlock": {"text"},
    "bulletList": {"listItem"},
    "orderedList": {"listItem"},
    "listItem": INNER,
    "blockquote": INNER,
    "table": {"tableRow"},
    "tableRow": {"tableHeader", "tableCell"},
    "tableHeader": CELL,
    "tableCell": CELL,
    "text": set(),
    "hardBreak": set(),
    "rule": set(),
}
MARKDOWN = st.lists(
    st.sampled_from(
        [
            "a",
            " ",
            "\n",
            "\n\n",
            "- ",
            "  - ",
            "1. ",
            "3) ",
            "> ",
            "# ",
            "```\n",
            "`",
            "**",
            "_",
            "~~",
            "[x](https://a.example)",
            "[x](javascript:1)",
            "![i](http://b.example)",
            "| a | b |\n|---|---|\n| 1 | 2 |\n",
            "<div>",
            "<b>",
            "---\n",
            "&lt;",
            '<span adf="mention">',
            "\\\n",
            "    ",
            "https://c.example",
        ]
    ),
    max_size=14,
).map("".join)


def _nodes(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield node
    for child in node.get("content", ()):
        yield from _nodes(child)


@given(MARKDOWN)
def test_every_document_is_one_that_a_server_takes(markdown: str) -> None:
    for node in _nodes(to_document(markdown)):
        held = node.get("content", ())
        assert {child["type"] for child in held} <= MAY_HOLD[node["type"]]
        assert node["type"] != "text" or node["text"]
        assert held or node["type"] not in ("bulletList", "listItem", "blockquote", "table", "tableRow", "tableCell")
        assert node["type"] != "listItem" or held[0]["type"] in ("paragraph", "codeBlock")
        marks = [mark["type"] for mark in node.get("marks", ())]
        assert set(marks) <= {"strong", "em", "strike", "code", "link"}
        assert len(marks) == len(set(marks))
        assert "code" not in marks or set(marks) <= {"code", "link"}


@pytest.mark.parametrize(
    "markdown",
    [
        "<div>raw</div> <span adf=\"mention\" params='{}'>@x</span>",
        "- a\n  > quoted\n\n  # head",
        "> # head\n> | a | b |\n> |---|---|\n> | c | d |",
        "a &amp; b &lt; c",
        "- [ ] task\n- [x] done",
        "[text](javascript:alert(1)) ![alt](data:x)",
        "<!-- hidden -->",
    ],
)
def test_no_word_is_lost(markdown: str) -> None:
    document = to_document(markdown)
    flat = canonical(document)
    for word in (
        "raw",
        "mention",
        "@x",
        "quoted",
        "head",
        "c",
        "d",
        "a & b < c",
        "task",
        "done",
        "text",
        "alt",
        "hidden",
    ):
        if word in canonical(markdown):
            assert word in flat


def test_only_web_links_are_live() -> None:
    text = json.dumps(to_document("[a](javascript:1) [b](file:///x) [c](https://c.example) <d@e.example>"))
    assert text.count('"href"') == 2
    assert "https://c.example" in text
    assert "mailto:d@e.example" in text


def test_the_same_markdown_gives_the_same_document() -> None:
    assert to_document("- [ ] task\n\n| a |\n|---|\n| b |") == to_document("- [ ] task\n\n| a |\n|---|\n| b |")


def test_size_counts_at_least_the_text() -> None:
    assert text_size(to_document("a" * 100 + "\U0001f44d")) >= 102


@pytest.mark.parametrize(
    "markdown", ["plain words here", "- a\n- b", "**bold** and _em_", "# Head\n\ntext", "a < 7 & b", "1. x"]
)
def test_the_words_are_the_same_in_both(markdown: str) -> None:
    assert canonical(to_document(markdown)) == canonical(markdown)


def test_code_within_bold_text_is_code_alone() -> None:
    (paragraph,) = to_document("**keep `this` [and `that`](https://a.example)**")["content"]
    marks = {
        leaf["text"]: [mark["type"] for mark in leaf["marks"]] for leaf in paragraph["content"] if leaf["text"].strip()
    }
    assert marks == {"keep ": ["strong"], "this": ["code"], "and ": ["strong", "link"], "that": ["link", "code"]}


def _words(text: str, *marks: dict[str, Any]) -> dict[str, Any]:
    return {"type": "text", "text": text, **({"marks": list(marks)} if marks else {})}


def _says(text: str) -> dict[str, Any]:
    return {"type": "paragraph", "content": [_words(text)]}


LINK = {"type": "link", "attrs": {"href": "https://a.example"}}
STRONG = {"type": "strong"}


@pytest.mark.parametrize(
    ("markdown", "node"),
    [
        ("```Python x\n\n a  \n\n```", {"attrs": {"language": "Python"}, "content": [_words("\n a  ")]}),
        ("```\nplain\n```", {"content": [_words("plain")]}),
        ("```a/b\nodd name\n```", {"content": [_words("odd name")]}),
        ("```\n```", {"content": []}),
        ("    indented", {"content": [_words("indented")]}),
    ],
)
def test_code_keeps_its_lines_and_a_plain_name_of_its_language(markdown: str, node: dict[str, Any]) -> None:
    assert to_document(markdown)["content"] == [{"type": "codeBlock", **node}]


def test_each_kind_of_block_becomes_its_node() -> None:
    markdown = "# Head\n\n---\n\n> quoted\n\n3. third\n\n- - inner\n-     code\n\n| a | b |\n|---|---|\n| 1 | 2 |"
    rows = [
        {"type": "tableRow", "content": [{"type": kind, "content": [_says(text)]} for text in texts]}
        for kind, texts in (("tableHeader", "ab"), ("tableCell", "12"))
    ]
    inner = {"type": "bulletList", "content": [{"type": "listItem", "content": [_says("inner")]}]}
    empty = {"type": "paragraph", "content": []}
    code = {"type": "codeBlock", "content": [_words("code")]}
    assert to_document(markdown) == {
        "type": "doc",
        "version": 1,
        "content": [
            {"type": "heading", "attrs": {"level": 1}, "content": [_words("Head")]},
            {"type": "rule"},
            {"type": "blockquote", "content": [_says("quoted")]},
            {
                "type": "orderedList",
                "attrs": {"order": 3},
                "content": [{"type": "listItem", "content": [_says("third")]}],
            },
            {
                "type": "bulletList",
                "content": [
                    {"type": "listItem", "content": [empty, inner]},
                    {"type": "listItem", "content": [code]},
                ],
            },
            {"type": "table", "content": rows},
        ],
    }


def test_what_may_not_stand_in_a_quotation_or_a_list_becomes_paragraphs() -> None:
    [quotation] = to_document("> # Head\n>\n> | a | b |\n> |---|---|\n> | **c** | d |\n>\n> ---")["content"]
    assert quotation["content"] == [
        {"type": "paragraph", "content": [_words("Head", STRONG)]},
        {"type": "paragraph", "content": [_words("a"), _words(" | "), _words("b")]},
        {"type": "paragraph", "content": [_words("c", STRONG), _words(" | "), _words("d")]},
    ]


@pytest.mark.parametrize(
    ("markdown", "leaves"),
    [
        ("[a](https://a.example)", [_words("a", LINK)]),
        ("[a](ftp://a.example)", [_words("a (ftp://a.example)")]),
        ("**[a](ftp://a.example)**", [_words("a (ftp://a.example)", STRONG)]),
        ("[a]()", [_words("a")]),
        ("**[a](https://a.example)**", [_words("a", STRONG, LINK)]),
        ("![seen](https://a.example)", [_words("seen", LINK)]),
        ("![](https://a.example)", [_words("image", LINK)]),
        ("![seen](ftp://a.example)", [_words("seen")]),
        (
            "[![seen](https://b.example)](https://a.example)",
            [_words("seen", LINK | {"attrs": {"href": "https://b.example"}})],
        ),
        ("a\nb", [_words("a b")]),
        ("a\\\nb", [_words("a"), {"type": "hardBreak"}, _words("b")]),
        ("_a_ ~~b~~", [_words("a", {"type": "em"}), _words(" "), _words("b", {"type": "strike"})]),
        ("**a **b** c**", [_words("a b c", STRONG)]),
        ("a <b> c", [_words("a <b> c")]),
    ],
)
def test_each_kind_of_inline_text_becomes_its_leaves(markdown: str, leaves: list[dict[str, Any]]) -> None:
    assert to_document(markdown)["content"] == [{"type": "paragraph", "content": leaves}]


@pytest.mark.parametrize(
    ("document", "size"),
    [({}, 2), ({"text": "ab"}, 4), ({"text": "\U0001f44d"}, 4), ({"content": [{"text": "abc"}, {}]}, 9)],
)
def test_size_is_the_text_and_two_for_each_node(document: dict[str, Any], size: int) -> None:
    assert text_size(document) == size
