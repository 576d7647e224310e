"""How a comment of ours reads in a tracker."""

from mapping.markup import cut_text, neutralise
from state.model import Comment


def spoken(comment: Comment, limit: int) -> str:
    """The comment as Markdown: its text, made harmless, and a last line that says whose it is.

    What exceeds `limit` characters is cut at a word, and the last line then names the command that shows all of it.
    """
    author = neutralise(comment.author)
    foot = f"\n\n*{author}, through Counterfoil, on {comment.item}*"
    text = neutralise(comment.text)
    if len(text) + len(foot) <= limit:
        return text + foot
    foot = f"{foot[:-1]}; cut here, `counterfoil item show {comment.item}` has all of it*"
    text, _ = cut_text(text, limit - len(foot))
    return text + foot
