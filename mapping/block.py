"""Our fenced block inside a body that people also edit: everything outside it stays as it is."""

import html
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from state.ticket import Body, BodyFormat, Marker

Node = Mapping[str, Any]

_GREY = {"type": "textColor", "attrs": {"color": "#97a0af"}}
_BEGIN = {
    BodyFormat.MARKDOWN: re.compile(
        r"^[ \t]*<!-- counterfoil:begin v=\d+ k=(?P<key>[a-z0-9]+) item=(?P<item>\S+) -->[ \t]*(?=\r?$)", re.MULTILINE
    ),
    BodyFormat.WIKI: re.compile(
        r"^[ \t]*\\?\[counterfoil:begin (?P<item>\S+) k=(?P<key>[a-z0-9]+)\\?\][ \t]*(?=\r?$)", re.MULTILINE
    ),
}
_END = {
    BodyFormat.MARKDOWN: re.compile(r"^[ \t]*<!-- counterfoil:end -->[ \t]*(?=\r?$)", re.MULTILINE),
    BodyFormat.WIKI: re.compile(r"^[ \t]*\\?\[counterfoil:end (?P<item>[^\s\\\]]+)\\?\][ \t]*(?=\r?$)", re.MULTILINE),
}
_ADF_BEGIN = re.compile(r"\s*\[counterfoil:begin (?P<item>\S+) k=(?P<key>[a-z0-9]+)\]\s*")
_ADF_END = re.compile(r"\s*\[counterfoil:end (?P<item>\S+)\]\s*")


@dataclass(frozen=True, slots=True)
class Block:
    """A managed block that stands in a body: whose it is, and what it holds, in the body's format."""

    item: str
    key: str
    inner: Body


@dataclass(frozen=True, slots=True)
class _Span:
    item: str
    key: str
    start: int
    inner_start: int
    inner_end: int
    end: int


def wrap(inner: Body, form: BodyFormat, marker: Marker) -> Body:
    """The managed block that holds `inner`, as a whole body in the tracker's format.

    Whatever in `inner` reads as a marker of ours is broken by an invisible character.
    """
    match form:
        case BodyFormat.MARKDOWN:
            begin, end = f"<!-- counterfoil:begin v=1 k={marker.key} item={marker.item} -->", "<!-- counterfoil:end -->"
            return f"{begin}\n{_defused(str(inner), form)}\n{end}"
        case BodyFormat.WIKI:
            begin, end = f"\\[counterfoil:begin {marker.item} k={marker.key}\\]", f"\\[counterfoil:end {marker.item}\\]"
            return f"{begin}\n\n{_defused(str(inner), form)}\n\n{end}"
        case BodyFormat.ADF:
            nodes = [
                _paragraph(f"[counterfoil:begin {marker.item} k={marker.key}]"),
                *map(_defused_node, _nodes(inner)),
                _paragraph(f"[counterfoil:end {marker.item}]"),
            ]
            return {"type": "doc", "version": 1, "content": nodes}


def find(body: Body, form: BodyFormat) -> Block | None:
    """The one managed block of the body; `None` when there is none, more than one, or one that is not closed."""
    span = _span(body, form)
    if span is None:
        return None
    if isinstance(body, str):
        return Block(span.item, span.key, body[span.inner_start : span.inner_end])
    inner = {"type": "doc", "version": 1, "content": _nodes(body)[span.inner_start : span.inner_end]}
    return Block(span.item, span.key, inner)


def replace(body: Body, block: Body, form: BodyFormat) -> Body:
    """The body with its managed block replaced and nothing else touched; raises `ValueError` where none stands."""
    span = _span(body, form)
    if span is None:
        raise ValueError("the body has no managed block to replace")
    if isinstance(body, str):
        return body[: span.start] + _newlines_of(body, str(block)) + body[span.end :]
    nodes = _nodes(body)
    return {**_document(body), "content": [*nodes[: span.start], *_nodes(block), *nodes[span.end :]]}


def insert(body: Body, block: Body, form: BodyFormat) -> Body:
    """The body with the managed block after all that is there, a blank line between."""
    if form is not BodyFormat.ADF:
        text = body if isinstance(body, str) else ""
        return text + _separator(text) + _newlines_of(text, str(block)) if text.strip() else block
    return {**_document(body), "content": [*_nodes(body), *_nodes(block)]}


def remove(body: Body, form: BodyFormat) -> Body:
    """The body without the managed block; the body itself where none stands."""
    span = _span(body, form)
    if span is None:
        return body
    if not isinstance(body, str):
        nodes = _nodes(body)
        return {**_document(body), "content": [*nodes[: span.start], *nodes[span.end :]]}
    before, after = body[: span.start], body[span.end :]
    return (before if after else before.removesuffix(_separator(body[span.start : span.end]))) + after


def digest(body: Body, form: BodyFormat) -> str | None:
    """A digest of the words of the managed block, whatever the server did to blanks, bullets and entities."""
    block = find(body, form)
    return None if block is None else sha256(canonical(block.inner).encode("utf-8", "replace")).hexdigest()


def canonical(body: Body) -> str:
    """The words of a body in order, without what only lays them out."""
    return " ".join(lines(body))


def lines(body: Body) -> list[str]:
    """The words of a body, line by line, without the lines that have none."""
    text = body if isinstance(body, str) else "\n".join(_lines(_nodes(body)))
    text = _INVISIBLE.sub("", html.unescape(text))
    words = (" ".join(_words(line).split()) for line in text.splitlines())
    return [unicodedata.normalize("NFC", line) for line in words if line]


_INVISIBLE = re.compile("[\u200b\ufeff]")
_LEADING = re.compile(r"^[>\s]*(?:[-*+#\u2022]+\s+|\d+[.)]\s+|h[1-6]\.\s+|bq\.\s+)?(?:\[[ xX]\]\s+)?")
_RULE = re.compile(r"^[\s|:*_+=-]*$")
_EMPHASIS = re.compile(r"(?<![^\W_])[*_~]+|[*_~]+(?![^\W_])")
_ESCAPE = re.compile(r"\\(?=[!-/:-@\[-`{-~])")


def _words(line: str) -> str:
    if _RULE.match(line):
        return ""
    line = _LEADING.sub("", line)
    return _EMPHASIS.sub("", _ESCAPE.sub("", line)).replace("`", "").replace("|", " ")


def _lines(nodes: Sequence[Any]) -> Iterator[str]:
    for node in nodes:
        children = node.get("content") if isinstance(node, Mapping) else None
        if not isinstance(children, Sequence) or isinstance(children, str):
            continue
        if any(_is_inline(child) for child in children):
            yield _inline_text(children)
        else:
            yield from _lines(children)


def _is_inline(node: Any) -> bool:
    return isinstance(node, Mapping) and "content" not in node and node.get("type") not in ("rule", "paragraph")


def _inline_text(nodes: Sequence[Any]) -> str:
    parts: list[str] = []
    href = ""
    for node in nodes:
        if not isinstance(node, Mapping):
            continue
        link = _href(node)
        if href and link != href:
            parts.append(f" {href} ")
        href = link
        parts.append(_leaf_text(node))
    return "".join([*parts, f" {href}" if href else ""])


def _leaf_text(node: Node) -> str:
    attrs = node.get("attrs")
    attrs = attrs if isinstance(attrs, Mapping) else {}
    match node.get("type"):
        case "text":
            return str(node.get("text", ""))
        case "hardBreak":
            return "\n"
        case _:
            return str(next((attrs[key] for key in ("text", "shortName", "url", "timestamp") if attrs.get(key)), ""))


def _href(node: Node) -> str:
    marks = node.get("marks")
    for mark in marks if isinstance(marks, Sequence) else ():
        if isinstance(mark, Mapping) and mark.get("type") == "link" and isinstance(mark.get("attrs"), Mapping):
            href = str(mark["attrs"].get("href", ""))
            return "" if href == node.get("text") else href
    return ""


def _defused(text: str, form: BodyFormat) -> str:
    for marker in (_BEGIN[form], _END[form]):
        text = marker.sub(lambda found: found[0].replace("counterfoil:", "counterfoil:\u200b"), text)
    return text


def _defused_node(node: Any) -> Any:
    text = _marker_text(node)
    if not (_ADF_BEGIN.fullmatch(text) or _ADF_END.fullmatch(text)):
        return node
    return {**node, "content": [{"type": "text", "text": "\u200b"}, *_nodes(node)]}


def _paragraph(text: str) -> dict[str, Any]:
    return {"type": "paragraph", "content": [{"type": "text", "text": text, "marks": [_GREY]}]}


def _nodes(body: Body) -> list[Any]:
    content = body.get("content") if isinstance(body, Mapping) else None
    return list(content) if isinstance(content, Sequence) and not isinstance(content, str) else []


def _document(body: Body) -> dict[str, Any]:
    return {"type": "doc", "version": 1, **(body if isinstance(body, Mapping) else {})}


def _newlines_of(body: str, block: str) -> str:
    return block.replace("\n", "\r\n") if "\r\n" in body else block


def _separator(body: str) -> str:
    return "\r\n\r\n" if "\r\n" in body else "\n\n"


def _span(body: Body, form: BodyFormat) -> _Span | None:
    if form is BodyFormat.ADF:
        return _node_span(_nodes(body))
    if not isinstance(body, str):
        return None
    begins, ends = list(_BEGIN[form].finditer(body)), list(_END[form].finditer(body))
    if len(begins) != 1 or len(ends) != 1 or ends[0].start() < begins[0].end():
        return None
    begin, end = begins[0], ends[0]
    return _Span(begin["item"], begin["key"], begin.start(), begin.end(), end.start(), end.end())


def _node_span(nodes: Sequence[Any]) -> _Span | None:
    texts = [_marker_text(node) for node in nodes]
    begins = [(at, found) for at, text in enumerate(texts) if (found := _ADF_BEGIN.fullmatch(text))]
    ends = [at for at, text in enumerate(texts) if _ADF_END.fullmatch(text)]
    if len(begins) != 1 or len(ends) != 1 or ends[0] < begins[0][0]:
        return None
    start, found = begins[0]
    return _Span(found["item"], found["key"], start, start + 1, ends[0], ends[0] + 1)


def _marker_text(node: Any) -> str:
    if not isinstance(node, Mapping) or node.get("type") != "paragraph":
        return ""
    return "".join(str(child.get("text", "")) for child in _nodes(node) if isinstance(child, Mapping))
