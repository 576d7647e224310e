"""Which status may follow which, who may decide it, and what is wrong with an item as it stands."""

import re
from datetime import date

from state.model import ActionItem, Actor, Agent, Status

OURS = "counterfoil"
"""The system of agents who act on our side; every other system is a tracker or a source."""

BY_ITSELF = Agent(Actor.SCHEDULE, OURS, "")
"""Who does what no person did: time that is over, and what follows from something else."""

UNFINISHED = frozenset({Status.OPEN, Status.IN_PROGRESS})
"""The statuses of items that somebody must still do something about."""

_VAGUE = frozenset(
    {
        *("improve", "enhance", "strengthen", "better", "increase", "optimize", "optimise"),
        *("address", "ensure", "consider", "manage", "handle", "maintain", "support"),
        *("work", "look", "think", "discuss", "investigate", "revisit"),
    }
)
_SPECIFIC = re.compile(r"\d|[/_.:`'\"()@#-]|(?<=\s)\S*[A-Z]|^\S+[A-Z]")


def refusal(before: Status, after: Status, system: str) -> str | None:
    """Why an agent of `system` may not move an item from one status to the other; `None` if it may.

    An accepted risk begins and ends with a decision about its acceptance (`state.acceptances`), and in no other way.
    """
    if after is Status.ACCEPTED_AS_RISK and before is not after:
        who = "" if system == OURS else f", least of all {system}"
        return (
            f"only a named approver accepts a risk, with a reason and an end date{who}; leave it {before.value}, and "
            "ask for it: `counterfoil accept request`"
        )
    if before is Status.ACCEPTED_AS_RISK and before is not after:
        who = "" if system == OURS else f"{system} may not end the acceptance of a risk; "
        return f"{who}a risk owner revokes it: `counterfoil accept revoke`"
    return None


def is_vague(title: str) -> bool:
    """Whether a title says nothing that can be done: a wish about a whole subject, or a subject alone.

    Anything specific in it (a number, a name, an abbreviation, a path) or a fifth word makes it good enough.
    """
    words = re.findall(r"[^\W\d_]+", title)
    if len(words) < 2 and not _SPECIFIC.search(title):
        return True
    if len(words) > 4 or _SPECIFIC.search(title):
        return False
    return words[0].lower() in _VAGUE


def lint(item: ActionItem, today: date) -> list[str]:
    """What a reader of the item would miss; never a reason to refuse it, and nothing once it is finished."""
    return missing(item.title, item.owner, item.due_date, today) if item.status in UNFINISHED else []


def missing(title: str, owner: str | None, due_date: date, today: date) -> list[str]:
    """What a reader of an unfinished item with these values would miss."""
    warnings = []
    if owner is None:
        warnings.append("no owner")
    if due_date < today:
        warnings.append("past its due date")
    if is_vague(title):
        warnings.append("the title does not say what to do")
    return warnings
