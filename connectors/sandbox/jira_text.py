"""Jira's two kinds of long text: what makes a document tree valid, and plain text in place of one."""

from collections.abc import Mapping
from typing import Any

from connectors.sandbox.jira_issues import Body

_BLOCKS = frozenset(
    [
        "doc",
        "paragraph",
        "heading",
        "bulletList",
        "orderedList",
        "listItem",
        "codeBlock",
        "blockquote",
        "rule",
        "panel",
        "table",
        "tableRow",
        "tableHeader",
        "tableCell",
        "mediaSingle",
        "mediaGroup",
        "media",
        "expand",
        "nestedExpand",
        "taskList",
        "taskItem",
        "decisionList",
        "decisionItem",
        "blockCard",
        "embedCard",
        "layoutSection",
        "layoutColumn",
        "caption",
        "extension",
        "bodiedExtension",
    ]
)
_INLINE = frozenset(
    ["text", "hardBreak", "mention", "emoji", "inlineCard", "date", "status", "mediaInline", "inlineExtension"]
)
_MARKS = frozenset(
    [
        "code",
        "em",
        "link",
        "strike",
        "strong",
        "subsup",
        "textColor",
        "underline",
        "backgroundColor",
        "annotation",
        "border",
        "alignment",
        "indentation",
        "breakout",
        "dataConsumer",
        "fragment",
    ]
)
_CONTAINERS = frozenset(["paragraph", "heading", "codeBlock", "taskItem", "decisionItem", "caption"])


def document_is_valid(document: Any) -> bool:
    """Whether it is a document tree that Jira takes; text alone is none."""
    if not isinstance(document, dict) or document.get("type") != "doc" or document.get("version") != 1:
        return False
    return set(document) <= {"type", "version", "content"} and _children_are_valid(document, _BLOCKS)


def _children_are_valid(node: Mapping[str, Any], kinds: frozenset[str]) -> bool:
    content = node.get("content", [])
    return isinstance(content, list) and all(_node_is_valid(child, kinds) for child in content)


def _node_is_valid(node: Any, kinds: frozenset[str]) -> bool:
    if not isinstance(node, dict) or node.get("type") not in kinds:
        return False
    marks = node.get("marks", [])
    if not isinstance(marks, list) or not all(isinstance(m, dict) and m.get("type") in _MARKS for m in marks):
        return False
    if node["type"] == "text":
        return isinstance(node.get("text"), str) and node["text"] != ""
    if node["type"] == "heading" and node.get("attrs", {}).get("level") not in range(1, 7):
        return False
    return _children_are_valid(node, _INLINE if node["type"] in _CONTAINERS else _BLOCKS)


def plain(body: Body) -> str:
    """What a body says, a line for every block."""
    if body is None or isinstance(body, str):
        return body or ""
    lines: list[str] = []
    _collect(body, lines)
    return "\n".join(lines)


def _collect(node: Mapping[str, Any], lines: list[str]) -> None:
    children = node.get("content", [])
    if node.get("type") in _CONTAINERS:
        lines.append("".join("\n" if c.get("type") == "hardBreak" else _inline(c) for c in children))
        return
    for child in children:
        _collect(child, lines)


def _inline(node: Mapping[str, Any]) -> str:
    attrs = node.get("attrs", {})
    return str(node.get("text") or attrs.get("text") or attrs.get("url") or "")


def document(text: str | None) -> dict[str, Any] | None:
    """A document tree that says this text, a paragraph for every line."""
    if not text:
        return None
    paragraphs = [
        {"type": "paragraph", "content": [{"type": "text", "text": line}] if line else []} for line in text.splitlines()
    ]
    return {"type": "doc", "version": 1, "content": paragraphs}
