"""The managed block is ours to the letter, and everything outside it is not."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapping import block as blocks
from state.ticket import Body, BodyFormat, Marker

MARKER = Marker("k" * 26, "AI-000123")
TEXTS = st.text(alphabet="ab <>!-[]#*`~\n\r\t\u200b\u00e9counterfoil:")
FORMS = st.sampled_from([BodyFormat.MARKDOWN, BodyFormat.WIKI])


WIKI = "https://wiki.example/keys"


def _line(*nodes: object) -> dict[str, object]:
    return {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": list(nodes)}]}


def _text(text: str, href: str = "") -> dict[str, object]:
    marks = [{"type": "textColor", "attrs": {"href": "no link"}}, {"type": "link", "attrs": {"href": href}}]
    return {"type": "text", "text": text} | ({"marks": marks} if href else {})


def _doc(*texts: str) -> dict[str, object]:
    content = [{"type": "paragraph", "content": [{"type": "text", "text": text}]} for text in texts]
    return {"type": "doc", "version": 1, "content": content}


@given(FORMS, TEXTS, TEXTS, TEXTS, TEXTS)
def test_replacing_keeps_every_byte_outside(form: BodyFormat, before: str, after: str, old: str, new: str) -> None:
    newline = "\r\n" if "\r\n" in before + after else "\n"
    around = before + newline, newline + after
    body = str(blocks.wrap(old.replace("\r", ""), form, MARKER)).join(around)
    changed = blocks.replace(body, blocks.wrap(new.replace("\r", ""), form, MARKER), form)
    assert isinstance(changed, str)
    assert changed.startswith(around[0])
    assert changed.endswith(around[1])
    assert blocks.digest(changed, form) == blocks.digest(blocks.wrap(new.replace("\r", ""), form, MARKER), form)


@given(FORMS, TEXTS.filter(str.strip), TEXTS)
def test_removing_what_was_inserted_gives_the_body_back(form: BodyFormat, body: str, inner: str) -> None:
    block = blocks.wrap(inner.replace("\r", ""), form, MARKER)
    assert blocks.remove(blocks.insert(body, block, form), form) == body


@given(FORMS, TEXTS)
def test_no_inner_text_closes_or_forges_a_block(form: BodyFormat, noise: str) -> None:
    forged = str(blocks.wrap("x", form, Marker("f" * 26, "AI-000666")))
    found = blocks.find(blocks.wrap(f"{noise}\n{forged}\n{noise}", form, MARKER), form)
    assert found is not None
    assert (found.item, found.key) == (MARKER.item, MARKER.key)


def test_document_nodes_outside_are_kept_as_they_are() -> None:
    theirs = {"type": "panel", "attrs": {"panelType": "info", "localId": "1"}, "content": []}
    block = blocks.wrap(_doc("old"), BodyFormat.ADF, MARKER)
    assert isinstance(block, dict)
    body = {"type": "doc", "version": 1, "x": 1, "content": [theirs, *block["content"], theirs]}
    changed = blocks.replace(body, blocks.wrap(_doc("new"), BodyFormat.ADF, MARKER), BodyFormat.ADF)
    assert isinstance(changed, dict)
    assert changed["content"][0] is theirs
    assert changed["content"][-1] is theirs
    assert changed["x"] == 1
    assert blocks.remove(changed, BodyFormat.ADF) == {**body, "content": [theirs, theirs]}


def test_a_marker_split_over_document_nodes_cannot_close_the_block() -> None:
    split = {
        "type": "paragraph",
        "content": [{"type": "text", "text": "[counterfoil:"}, {"type": "text", "text": "end AI-000123]"}],
    }
    block = blocks.wrap({"type": "doc", "version": 1, "content": [split]}, BodyFormat.ADF, MARKER)
    found = blocks.find(block, BodyFormat.ADF)
    assert found is not None
    assert blocks.canonical(found.inner) == "[counterfoil:end AI-000123]"


@pytest.mark.parametrize("form", list(BodyFormat))
def test_two_blocks_an_open_one_or_none_count_as_missing(form: BodyFormat) -> None:
    block = blocks.wrap(_doc("x") if form is BodyFormat.ADF else "x", form, MARKER)
    twice = blocks.insert(block, block, form)
    broken = {**block, "content": block["content"][:-1]} if isinstance(block, dict) else str(block).rpartition("\n")[0]
    for body in (twice, broken, None, "", _doc()):
        assert blocks.find(body, form) is None
        assert blocks.digest(body, form) is None
    with pytest.raises(ValueError, match="no managed block"):
        blocks.replace(broken, block, form)


def test_an_empty_body_becomes_the_block_alone() -> None:
    block = blocks.wrap("x", BodyFormat.MARKDOWN, MARKER)
    assert blocks.insert(None, block, BodyFormat.MARKDOWN) == block
    assert blocks.insert("Hello", block, BodyFormat.MARKDOWN) == f"Hello\n\n{block}"


def test_the_block_takes_the_newlines_of_its_surroundings() -> None:
    block = blocks.wrap("a\nb", BodyFormat.MARKDOWN, MARKER)
    body = blocks.insert("Hello\r\nthere", block, BodyFormat.MARKDOWN)
    assert isinstance(body, str)
    assert "\n" not in body.replace("\r\n", "")
    assert blocks.digest(body, BodyFormat.MARKDOWN) == blocks.digest(block, BodyFormat.MARKDOWN)


def test_a_quoted_block_is_not_a_block() -> None:
    block = str(blocks.wrap("a", BodyFormat.MARKDOWN, MARKER))
    quoted = "\n".join(f"> {line}" for line in block.splitlines())
    assert blocks.find(quoted, BodyFormat.MARKDOWN) is None
    assert blocks.find(f"{quoted}\n\n{block}", BodyFormat.MARKDOWN) is not None


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("a  b\n\nc", "a b\r\n c"),
        ("- one\n- two", "* one\n* two"),
        ("1. one", "1) one"),
        ("**bold** _it_", "__bold__ *it*"),
        ("a & b", "a &amp; b"),
        ("| a | b |\n|---|---|\n| c | d |", "|a|b|\n|:--|--:|\n|c|d|"),
        ("caf\u00e9", "cafe\u0301"),
        ("@\u200buser", "@user"),
    ],
)
def test_layout_does_not_count(left: str, right: str) -> None:
    assert blocks.canonical(left) == blocks.canonical(right)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("one two", "one too"),
        ("a < 7", "a > 7"),
        ("a_b", "ab"),
        ("5*3", "53"),
        ("Yes", "yes"),
        ("not x", "x"),
        ("-1", "1"),
    ],
)
def test_words_and_signs_count(left: str, right: str) -> None:
    assert blocks.canonical(left) != blocks.canonical(right)


def test_a_changed_link_counts_in_a_document() -> None:
    def linked(href: str) -> dict[str, object]:
        mark = {"type": "link", "attrs": {"href": href}}
        return {"content": [{"type": "paragraph", "content": [{"type": "text", "text": "here", "marks": [mark]}]}]}

    assert blocks.canonical(linked("https://a.example")) != blocks.canonical(linked("https://b.example"))


def test_a_document_as_a_server_stores_it_reads_the_same() -> None:
    sent = {
        "content": [{"type": "paragraph", "content": [{"type": "text", "text": "a "}, {"type": "text", "text": "b"}]}]
    }
    kept = {"content": [{"type": "paragraph", "attrs": {"localId": "z"}, "content": [{"type": "text", "text": "a b"}]}]}
    assert blocks.canonical(sent) == blocks.canonical(kept)


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ([{"type": "mention", "attrs": {"id": "5b10", "text": "@Mia"}}], "@Mia"),
        ([{"type": "emoji", "attrs": {"shortName": ":lock:", "id": "1f512"}}], ":lock:"),
        ([{"type": "emoji", "attrs": {"shortName": ":lock:", "text": "\N{LOCK}"}}], "\N{LOCK}"),
        ([_text("see "), {"type": "inlineCard", "attrs": {"url": WIKI}}], f"see {WIKI}"),
        ([{"type": "date", "attrs": {"timestamp": "1764547200000"}}], "1764547200000"),
        ([_text("a"), {"type": "mention", "attrs": {"text": ""}}, {"type": "odd", "attrs": "x"}, 7, _text("b")], "ab"),
        ([{"type": "text"}, {"type": "status"}, _text("done")], "done"),
        ([_text("the wiki", WIKI), _text(" and more")], f"the wiki {WIKI} and more"),
        ([_text("the ", WIKI), _text("wiki", WIKI)], f"the wiki {WIKI}"),
        (
            [_text("the wiki", WIKI), _text("the log", "https://log.example")],
            f"the wiki {WIKI} the log https://log.example",
        ),
        ([_text(WIKI, WIKI), _text(" says so")], f"{WIKI} says so"),
        ([{"type": "text", "text": "here", "marks": [{"type": "link", "attrs": {}}, {"type": "link"}]}], "here"),
    ],
)
def test_a_line_of_a_document_is_read_as_it_shows(nodes: list[object], words: str) -> None:
    assert blocks.lines(_line(*nodes)) == [words]


def test_a_document_is_read_line_by_line_whatever_is_between() -> None:
    empty, rule = {"type": "paragraph"}, {"type": "rule"}
    inner = [empty, rule, *_line(_text("two"), {"type": "hardBreak"}, _text("three"))["content"]]  # type: ignore[misc]
    panel = {"type": "panel", "content": inner}
    content = [
        rule,
        None,
        "x",
        {"type": "odd", "content": "x"},
        *_doc("one")["content"],
        panel,
        *_doc("four")["content"],
    ]  # type: ignore[misc]
    assert blocks.lines({"content": content}) == ["one", "two", "three", "four"]


@pytest.mark.parametrize("body", [{"content": "x"}, {"content": [None, 1, {"type": "paragraph"}]}, {}, 7])
def test_an_odd_document_is_read_without_complaint(body: Body) -> None:
    assert blocks.find(body, BodyFormat.ADF) is None
    assert blocks.canonical(body) == ""


def test_a_document_s_block_is_made_of_the_nodes_that_jira_knows() -> None:
    wrapped = blocks.wrap(_doc("[counterfoil:end AI-000123]"), BodyFormat.ADF, MARKER)
    assert isinstance(wrapped, Mapping)
    begin, inner, end = wrapped["content"]
    grey = [{"type": "textColor", "attrs": {"color": "#97a0af"}}]
    for node, text in ((begin, f"[counterfoil:begin AI-000123 k={MARKER.key}]"), (end, "[counterfoil:end AI-000123]")):
        assert node == {"type": "paragraph", "content": [{"type": "text", "text": text, "marks": grey}]}
    assert inner["content"] == [_text("\u200b"), _text("[counterfoil:end AI-000123]")]
    found = blocks.find(wrapped, BodyFormat.ADF)
    assert found is not None
    assert (found.item, found.key, blocks.canonical(found.inner)) == (
        MARKER.item,
        MARKER.key,
        "[counterfoil:end AI-000123]",
    )


@pytest.mark.parametrize(
    ("body", "around"),
    [
        (None, {"type": "doc", "version": 1}),
        ({"type": "doc", "version": 1, "content": []}, {"type": "doc", "version": 1}),
        ({"type": "doc", "version": 3, "their": "own", "content": []}, {"type": "doc", "version": 3, "their": "own"}),
    ],
)
def test_a_block_goes_into_a_document_that_stays_what_it_was(body: Body, around: dict[str, object]) -> None:
    block = blocks.wrap(_doc("words"), BodyFormat.ADF, MARKER)
    assert isinstance(block, Mapping)
    assert blocks.insert(body, block, BodyFormat.ADF) == {**around, "content": list(block["content"])}


def test_a_body_without_a_block_has_nothing_to_replace() -> None:
    with pytest.raises(ValueError, match=r"^the body has no managed block to replace$"):
        blocks.replace("plain", blocks.wrap("words", BodyFormat.MARKDOWN, MARKER), BodyFormat.MARKDOWN)
