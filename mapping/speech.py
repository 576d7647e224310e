"""How a comment of ours reads in a tracker."""

import hashlib

from mapping.markup import clean, close_fences, escape, fitted
from mapping.mentions import Accounts, nobody
from mapping.render import body_size, mentioning
from state.model import Comment
from state.ticket import Body, BodyFormat

PROGRAM = "counterfoil"
"""Who says what no person said; that mentions nobody."""
_RESERVE = 256
"""Characters that a tracker's own key in a comment may take."""


def comment_key(installation: str, comment: Comment) -> str:
    """The key that is planted with the comment: the same for the same words, in an older database too.

    That of one about a topic is the same for all that it ever says.
    """
    what = (comment.item, comment.topic) if comment.topic else (comment.id, comment.text)
    named = "/".join((installation, *what))
    return hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()[:26]


def spoken(comment: Comment, form: BodyFormat, limit: int, accounts: Accounts = nobody) -> Body:
    """The comment in the tracker's format: its text, made harmless, and a last line that says whose it is.

    Where a person says it, those in `accounts` are mentioned.

    What exceeds `limit` characters is cut at a word, and the last line then names the command that shows all of it.
    """
    text = clean(comment.text).strip("\n")
    known = nobody if comment.author == PROGRAM else accounts

    def write(kept: str, left_out: int) -> Body:
        return mentioning(_said(kept, left_out, comment), form, known)

    said, _ = fitted(text, limit - _RESERVE, write, body_size)
    return said


def _said(text: str, left_out: int, comment: Comment) -> str:
    foot = f"*{escape(comment.author)}, through Counterfoil, on {comment.item}*"
    if left_out:
        foot += f" *\u2014 {left_out} more characters:* `counterfoil item show {comment.item}` *has all of it*"
    return "\n\n".join((close_fences(text), foot))
