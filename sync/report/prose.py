"""A description on a page: its lists, code and emphasis as they are meant, and every word of it."""

from collections.abc import Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import escape

_LONGEST = 10_000
_DEEPEST = 20
_RULES = ("code", "fence", "heading", "list", "newline", "backticks", "emphasis", "strikethrough")
"""What of Markdown is rendered. The rest stands as it was written: a link could hide where it leads, a definition, an
entity or an escape what was said, and a table could pass for one of the page's own."""


def prose(text: str) -> str:
    """Markdown as HTML for the inside of a page, to which it adds no heading, link or table.

    What is long or deeply nested stands as it was written.
    """
    tokens = _PARSER.parse(text) if len(text) <= _LONGEST else []
    if not tokens or max(token.level for token in tokens) >= _DEEPEST - 1:
        return f'<p class="plain">{escape(text)}</p>'
    made: str = _PARSER.renderer.render(tokens, _PARSER.options, {})
    return made


def _item(_renderer: object, tokens: Sequence[Token], at: int, *_: Any) -> str:
    """An entry of a list, which keeps the number that it was given."""
    return f'<li value="{int(tokens[at].info)}">' if tokens[at].info else "<li>"


def _fence(_renderer: object, tokens: Sequence[Token], at: int, *_: Any) -> str:
    """Code, with the words behind the fence that it begins with."""
    words = f"{tokens[at].info}\n" if tokens[at].info else ""
    return f"<pre><code>{escape(words + tokens[at].content)}</code></pre>\n"


def _parser() -> MarkdownIt:
    made = MarkdownIt("zero", {"html": False, "breaks": True, "maxNesting": _DEEPEST}).enable(_RULES)
    made.add_render_rule("heading_open", lambda *_: "<p><strong>")
    made.add_render_rule("heading_close", lambda *_: "</strong></p>\n")
    made.add_render_rule("list_item_open", _item)
    made.add_render_rule("fence", _fence)
    return made


_PARSER = _parser()
