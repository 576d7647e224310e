"""Markdown written as wiki markup in which foreign text stays text."""

import re
from collections.abc import Iterable

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

from mapping.mentions import Accounts, nobody, with_mentions

_PARSER = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).use(with_mentions)
_ALWAYS = re.compile(r"[{}\[\]|]|\\(?=[^A-Za-z0-9\s])|\\\Z")
_AT_EDGE = re.compile(r"(?<![^\W_])[*_+^~!-](?=\S|\Z)|(?:(?<=\S)|\A)[*_+^~!-](?![^\W_])")
_AT_START = re.compile(r"^(?=h[1-6]\. |bq\. )|^([#*-]+)(?=\s)")
_ADDRESS = re.compile(r"https?://[^\s<>\"']+", re.IGNORECASE)
_UNSAFE = re.compile(r"[{}\[\]|\\^!*]")
_SAFE_LINK = re.compile(r"(?:https?://|mailto:)[^\s|\[\]{}\\^]+", re.IGNORECASE)
_LANGUAGES = frozenset(
    {"bash", "css", "go", "html", "java", "javascript", "json", "python", "ruby", "sql", "xml", "yaml"}
)
_MACRO = re.compile(r"\{(?=code|noformat|quote|panel|html)", re.IGNORECASE)


def to_wiki(markdown: str, accounts: Accounts = nobody) -> str:
    """The Markdown as wiki markup, with mentions of those in `accounts`.

    Every other mention, every macro, image and link that is not a plain web link becomes text.
    """
    return _blocks(SyntaxTreeNode(_PARSER.parse(markdown, {"accounts": accounts})).children, "").strip("\n")


def escape(text: str) -> str:
    """Plain text as wiki markup that shows it literally; web addresses in it stay whole, and links."""
    start, parts = 0, list[str]()
    for found in _ADDRESS.finditer(text):
        parts += [_escape_words(text[start : found.start()]), _UNSAFE.sub(lambda c: f"%{ord(c[0]):02X}", found[0])]
        start = found.end()
    return _AT_START.sub(_escape_start, "".join([*parts, _escape_words(text[start:])]))


def _escape_words(text: str) -> str:
    text = _ALWAYS.sub(_escaped, text)
    text = _AT_EDGE.sub(lambda found: f"\\{found[0]}", text)
    return re.sub(r"\?(?=\?)", "?\u200b", text)


def _escape_start(found: re.Match[str]) -> str:
    return f"\\{found[1]}" if found[1] else "\u200b"


def _escaped(found: re.Match[str]) -> str:
    return "&#92;" if found[0] == "\\" else f"\\{found[0]}"


def _blocks(nodes: Iterable[SyntaxTreeNode], bullets: str) -> str:
    gap = "\n" if bullets else "\n\n"
    return gap.join(text for node in nodes if (text := _block(node, bullets)))


def _block(node: SyntaxTreeNode, bullets: str) -> str:
    match node.type:
        case "paragraph":
            return _inline(node, " \\\\ " if bullets else "\n")
        case "heading":
            return f"h{node.tag[1:]}. {_inline(node, ' ')}"
        case "bullet_list" | "ordered_list":
            mark = bullets + ("*" if node.type == "bullet_list" else "#")
            return "\n".join(f"{mark} {_blocks(item.children, mark)}" for item in node.children)
        case "blockquote":
            return f"{{quote}}\n{_blocks(node.children, '')}\n{{quote}}"
        case "fence" | "code_block":
            return _code(node)
        case "hr":
            return "----"
        case "table":
            return "\n".join(_row(row) for part in node.children for row in part.children)
        case _:
            return _blocks(node.children, bullets) if node.children else escape(node.content)


def _code(node: SyntaxTreeNode) -> str:
    language = (node.info.split() or [""])[0].lower()
    begin, end = (f"code:{language}", "code") if language in _LANGUAGES else ("noformat", "noformat")
    text = _MACRO.sub("{\u200b", node.content.rstrip("\n"))
    return f"{{{begin}}}\n{text}\n{{{end}}}"


def _row(row: SyntaxTreeNode) -> str:
    edge = "||" if row.children and row.children[0].type == "th" else "|"
    return edge + edge.join(_inline(cell, " \\\\ ") or " " for cell in row.children) + edge


def _inline(node: SyntaxTreeNode, line_break: str) -> str:
    return "".join(_span(child, line_break) for child in node.children)


def _span(node: SyntaxTreeNode, line_break: str) -> str:
    inner = _inline(node, line_break) if node.children else ""
    match node.type:
        case "text" | "text_special":
            return escape(node.content)
        case "inline":
            return inner
        case "mention":
            return f"[~{node.meta['account']}]"
        case "code_inline":
            return f"{{{{{escape(node.content)}}}}}"
        case "softbreak":
            return " "
        case "hardbreak":
            return line_break
        case "strong":
            return f"*{inner}*" if inner.strip() else inner
        case "em":
            return f"_{inner}_" if inner.strip() else inner
        case "s":
            return f"-{inner}-" if inner.strip() else inner
        case "link":
            return _link(inner, str(node.attrs.get("href", "")))
        case "image":
            return _link(escape(node.content) or "image", str(node.attrs.get("src", "")))
        case _:
            return inner or escape(node.content)


def _link(text: str, href: str) -> str:
    if not _SAFE_LINK.fullmatch(href):
        return f"{text} ({escape(href)})" if href else text
    return f"[{text}|{href}]"
