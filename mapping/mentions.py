"""Mentions of people who may be notified, and of nobody else."""

import re
from collections.abc import Callable

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline

from mapping.markup import ZERO_WIDTH_SPACE

Accounts = Callable[[str], str | None]
"""The account that a name means, an e-mail address or an account, where its person may be mentioned."""

_NAME = r"(\w(?:[\w.+:-]*\w)?(?:@[\w-]+(?:\.[\w-]+)+)?)(?![\w@/])"
_LIVE = re.compile(rf"(?<![\w@/.\\-])@{_NAME}")
_BROKEN = re.compile(rf"(?<![\w@/.\\-])@{ZERO_WIDTH_SPACE}{_NAME}")


def nobody(name: str) -> str | None:  # noqa: ARG001
    """Where nobody may be mentioned."""
    return None


def revived(markdown: str, accounts: Accounts) -> str:
    """Markdown that was made harmless, in which those who may be mentioned are, by their accounts."""

    def revive(found: re.Match[str]) -> str:
        account = accounts(found[1])
        return found[0] if account is None else f"@{account}"

    return markdown if accounts is nobody else _BROKEN.sub(revive, markdown)


def with_mentions(parser: MarkdownIt) -> None:
    """Let a parser tell, outside code and links, whom `accounts` in its environment knows: as a node `mention`."""
    parser.inline.ruler.push("mention", _mention)


def _mention(state: StateInline, silent: bool) -> bool:
    found = _LIVE.match(state.src, state.pos) if state.linkLevel == 0 else None
    account = state.env.get("accounts", nobody)(found[1]) if found else None
    if found is None or account is None:
        return False
    if not silent:
        token = state.push("mention", "", 0)
        token.content, token.meta = found[0], {"account": account}
    state.pos = found.end()
    return True
