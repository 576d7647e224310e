"""How it is said what is missing for work that is said to be done, and by which commands it is brought."""

from collections.abc import Sequence

STILL = "; still missing: "
"""What stands in a hold on work that is said to be done, between who says so, and what is missing."""
A_REVIEW = "a review"
"""How a sentence begins that says that nothing but a review is missing."""


def is_review_alone(sentences: Sequence[str]) -> bool:
    """Whether nothing but reviews is missing."""
    return bool(sentences) and all(each.startswith(A_REVIEW) for each in sentences)


def ways(item: str, sentences: Sequence[str]) -> str:
    """The commands by which what is missing for an item is brought."""
    review = f"counterfoil review {item} --accept"
    if is_review_alone(sentences):
        return f"{review}, by a reviewer who did not bring it"
    return f"counterfoil evidence add {item} FILE|URL, and {review} where a review is asked for"
