"""What asks for less of an item than before, and who may have it so (pure)."""

from collections.abc import Iterable, Mapping
from typing import Any

from state.acceptance import Authorities
from state.model import URGENCY, ActionItem
from state.register import folded


def refusal(
    item: ActionItem, values: Mapping[str, Any], person: str, owners: Iterable[str], authorities: Authorities
) -> str | None:
    """Why this person may not give an item these values, in words; `None` if they may.

    What asks for less is for a reviewer or a risk owner for the present priority, who is none of its `owners`; where
    nobody is named as either, everybody may have it so.
    """
    rating = authorities.rating(item)
    named = authorities.reviewers | authorities.risk_owners.get(rating, frozenset())
    able = {each.casefold() for each in named} - {each.casefold() for each in owners}
    words = " and ".join(less(item, values).values())
    if not words or not named or person.casefold() in able:
        return None
    others = ", ".join(sorted(able)) or "nobody who never owned it"
    return f"{words} asks for less, which is for a reviewer or a risk owner for {rating.value} to say ({others})"


def less(item: ActionItem, values: Mapping[str, Any]) -> dict[str, str]:
    """Those of the values that ask for less to be shown or for fewer to decide, with what they do, in words."""
    found = {}
    priority = values.get("priority", item.priority)
    if URGENCY[priority] > URGENCY[item.priority]:
        found["priority"] = f"{priority.value} in place of {item.priority.value}"
    left = {folded(name) for name in values.get("controls", item.controls)}
    if gone := [name for name in item.controls if folded(name) not in left]:
        found["controls"] = f"taking {', '.join(gone)} away"
    return found
