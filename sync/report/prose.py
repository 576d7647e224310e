"""A description on a page: its Markdown as it is meant, and nothing in it that loads anything or leads elsewhere."""

from collections.abc import Sequence
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import escape


def prose(text: str) -> str:
    """Markdown as HTML for the inside of a page that has headings of its own, of which it adds none.

    HTML and pictures in it stand there as text, and a link as its words with the address behind them.
    """
    made: str = _PARSER.render(text)
    return made


def _address(_renderer: object, tokens: Sequence[Token], at: int, *_: Any) -> str:
    """Where a link leads that ends here, unless its words say so."""
    begun = next(before for before in range(at, -1, -1) if tokens[before].type == "link_open")
    href = str(tokens[begun].attrs["href"])
    said = "".join(token.content for token in tokens[begun:at])
    return "" if tokens[begun].markup == "autolink" or said == href else f" ({escape(href)})"


def _parser() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("image")
    made.add_render_rule("heading_open", lambda *_: "<p><strong>")
    made.add_render_rule("heading_close", lambda *_: "</strong></p>\n")
    made.add_render_rule("th_open", lambda *_: '<th scope="col">')
    made.add_render_rule("td_open", lambda *_: "<td>")
    made.add_render_rule("link_open", lambda *_: "")
    made.add_render_rule("link_close", _address)
    return made


_PARSER = _parser()
