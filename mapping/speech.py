"""How a comment of ours reads in a tracker."""

from mapping.markup import clean, close_fences, cut_text, escape, neutralise, size
from state.model import Comment

_RESERVE = 256
"""Characters that a tracker's own key in a comment may take."""


def spoken(comment: Comment, limit: int) -> str:
    """The comment as Markdown: its text, made harmless, and a last line that says whose it is.

    What exceeds `limit` characters is cut at a word, and the last line then names the command that shows all of it.
    """
    text = clean(comment.text).strip("\n")
    room = limit - _RESERVE
    while True:
        kept, left_out = cut_text(text, room)
        said = _said(kept, left_out, comment)
        excess = size(said) - (limit - _RESERVE)
        if excess <= 0 or room <= 0:
            return said
        room = max(0, min(room, size(kept)) - max(excess // 4, 64))


def _said(text: str, left_out: int, comment: Comment) -> str:
    foot = f"*{escape(comment.author)}, through Counterfoil, on {comment.item}*"
    if left_out:
        foot += f" *\u2014 {left_out} more characters:* `counterfoil item show {comment.item}` *has all of it*"
    return neutralise("\n\n".join((close_fences(text), foot)))
