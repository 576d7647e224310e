"""Markdown written as a JSON document tree of plain nodes, in which only web links and allowed mentions are live."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from mapping.mentions import Accounts, nobody, with_mentions

Node = dict[str, Any]

_PARSER = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).use(with_mentions)
_SAFE_LINK = re.compile(r"(?:https?://|mailto:)\S+", re.IGNORECASE)
_INNER = frozenset({"paragraph", "bullet_list", "ordered_list", "fence", "code_block"})
_CELL = _INNER | {"heading", "blockquote", "hr"}
_TOP = _CELL | {"table"}
_MARKS = {"strong": "strong", "em": "em", "s": "strike"}


def to_document(markdown: str, accounts: Accounts = nobody) -> Node:
    """The Markdown as a document tree: plain text, its layout and web links, and mentions of those in `accounts`.

    Everything else becomes text.
    """
    tree = SyntaxTreeNode(_PARSER.parse(markdown, {"accounts": accounts}))
    return {"type": "doc", "version": 1, "content": list(_blocks(tree, _TOP))}


def text_size(document: Mapping[str, Any]) -> int:
    """How many characters of text the document holds, counting two more for each node."""
    text = str(document.get("text") or document.get("attrs", {}).get("text", ""))
    own = len(text.encode("utf-16-le", "surrogatepass")) // 2 + 2
    return own + sum(text_size(child) for child in document.get("content", ()))


def _blocks(parent: SyntaxTreeNode, allowed: frozenset[str]) -> Iterator[Node]:
    """The children, those that may not stand here replaced by what they hold."""
    for node in parent.children:
        if node.type in allowed:
            yield _block(node)
        elif node.type == "heading":
            yield _paragraph(_inline(node, ({"type": "strong"},)))
        elif node.type == "table":
            yield from (_paragraph(_cells(row)) for part in node.children for row in part.children)
        else:
            yield from _blocks(node, allowed)


def _block(node: SyntaxTreeNode) -> Node:
    match node.type:
        case "hr":
            return {"type": "rule"}
        case "heading":
            return {"type": "heading", "attrs": {"level": int(node.tag[1:])}, "content": _inline(node)}
        case "fence" | "code_block":
            return _code(node)
        case "bullet_list":
            return {"type": "bulletList", "content": [_list_item(child) for child in node.children]}
        case "ordered_list":
            order = {"attrs": {"order": node.attrs["start"]}} if node.attrs.get("start") else {}
            return {"type": "orderedList", **order, "content": [_list_item(child) for child in node.children]}
        case "blockquote":
            return {"type": "blockquote", "content": list(_blocks(node, _INNER)) or [_paragraph([])]}
        case "table":
            return {"type": "table", "content": [_row(row) for part in node.children for row in part.children]}
        case _:
            return _paragraph(_inline(node))


def _code(node: SyntaxTreeNode) -> Node:
    language = (node.info.split() or [""])[0]
    attrs = {"attrs": {"language": language}} if re.fullmatch(r"[\w+#.-]{1,20}", language) else {}
    return {"type": "codeBlock", **attrs, "content": list(_text(node.content.rstrip("\n"), ()))}


def _list_item(node: SyntaxTreeNode) -> Node:
    content = list(_blocks(node, _INNER))
    if not content or content[0]["type"] not in ("paragraph", "codeBlock"):
        content.insert(0, _paragraph([]))
    return {"type": "listItem", "content": content}


def _row(row: SyntaxTreeNode) -> Node:
    kinds = {"th": "tableHeader", "td": "tableCell"}
    cells = [{"type": kinds[cell.type], "content": [_paragraph(_inline(cell))]} for cell in row.children]
    return {"type": "tableRow", "content": cells}


def _cells(row: SyntaxTreeNode) -> Iterator[Node]:
    for number, cell in enumerate(row.children):
        if number:
            yield {"type": "text", "text": " | "}
        yield from _inline(cell)


def _inline(node: SyntaxTreeNode, marks: tuple[Node, ...] = ()) -> list[Node]:
    """The text below the node, neighbours with equal marks joined, as a server would store it."""
    joined: list[Node] = []
    for leaf in _leaves(node, marks):
        if joined and leaf["type"] == joined[-1]["type"] == "text" and leaf.get("marks") == joined[-1].get("marks"):
            joined[-1] = {**leaf, "text": joined[-1]["text"] + leaf["text"]}
        else:
            joined.append(leaf)
    return joined


def _leaves(node: SyntaxTreeNode, marks: tuple[Node, ...]) -> Iterator[Node]:
    for child in node.children:
        match child.type:
            case "softbreak":
                yield from _text(" ", marks)
            case "hardbreak":
                yield {"type": "hardBreak"}
            case "code_inline":
                yield from _text(child.content, (*(mark for mark in marks if mark["type"] == "link"), {"type": "code"}))
            case "strong" | "em" | "s":
                mark = {"type": _MARKS[child.type]}
                yield from _leaves(child, marks if mark in marks else (*marks, mark))
            case "link":
                yield from _link(child, str(child.attrs.get("href", "")), marks)
            case "image":
                yield from _text(child.content or "image", _linked(str(child.attrs.get("src", "")), marks))
            case "inline":
                yield from _leaves(child, marks)
            case "mention":
                yield {"type": "mention", "attrs": {"id": child.meta["account"], "text": child.content}}
            case _:
                yield from _text(child.content, marks)


def _link(node: SyntaxTreeNode, href: str, marks: tuple[Node, ...]) -> Iterator[Node]:
    linked = _linked(href, marks)
    yield from _leaves(node, linked)
    if linked == marks and href:
        yield from _text(f" ({href})", marks)


def _linked(href: str, marks: tuple[Node, ...]) -> tuple[Node, ...]:
    others = tuple(mark for mark in marks if mark["type"] != "link")
    return (*others, {"type": "link", "attrs": {"href": href}}) if _SAFE_LINK.fullmatch(href) else marks


def _text(text: str, marks: tuple[Node, ...]) -> Iterator[Node]:
    if text:
        yield {"type": "text", "text": text, **({"marks": list(marks)} if marks else {})}


def _paragraph(content: Iterable[Node]) -> Node:
    return {"type": "paragraph", "content": list(content)}
