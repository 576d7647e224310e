"""What people claim, prove and decide about an item of a story, each as soon as the one before has come to be known."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from state import acceptances
from state.acceptance import Authorities, Decider, Terms
from state.effects import Because
from state.grouping import Grouping, GroupRule
from state.lease import this_process
from state.model import Actor, Agent, ItemDraft, Priority
from state.proof import ResolutionPolicy
from state.store import Batch, Store
from sync.accepting import Deciding
from sync.resolving import Resolving
from tests.histories.weather import Clock

MATTERS: Mapping[str, tuple[str, ...]] = {
    "claimed": ("close",),
    "shown": ("show", "close"),
    "shown at last": ("close", "show"),
    "reviewed": ("show", "close", "accept"),
    "doubted": ("show", "close", "doubt"),
    "never shown": ("close", "days"),
    "asked for": ("drop",),
    "approved": ("drop", "approve"),
    "refused": ("drop", "refuse"),
    "revoked": ("drop", "approve", "revoke"),
    "at its end": ("drop", "approve", "days"),
    "never answered": ("drop", "days"),
}
"""What is done in each, in this order."""

STANDING = re.compile(r"does not count as resolved yet|is resolved\.|is not resolved|The risk of .* is accepted")
"""What stands in the one comment of ours about what is missing."""
NUMBERED = re.compile(r"\b(EV|RA)-\d{6}\b")
"""What evidence and requests are called, which depends on what came first."""
URL = "https://ci.acme.example/builds/7"
_RUTH = "ruth@acme.example"
_OWNERS = Authorities(risk_owners=dict.fromkeys(Priority, frozenset({_RUTH})))
_FINDINGS = Grouping((GroupRule("control"),))
_ACCEPTED, _PASS = timedelta(days=20), timedelta(days=21)
"""For how long a risk is accepted, so that nobody is warned at once, and how many days pass."""


def found(store: Store, number: int, because: Because) -> str:
    """Take in two findings that share a ticket; the ref of the item that it is for."""
    drafts = [ItemDraft(f"Close hole {n} in wall {number}", controls=(f"CC8.{number}",), risks=()) for n in range(2)]
    batch = Batch(added=[(draft, date(2031, 12, 20), Priority.HIGH) for draft in drafts], grouping=_FINDINGS)
    return str(store.item(store.take_in(batch, because).added[0].ref).part_of)


@dataclass(frozen=True, slots=True)
class Office:
    """Where a reviewer who owns risks gives commands."""

    store: Store
    clock: Clock

    def may(self, what: str, ref: str) -> bool:
        """Whether that can be done by now: what it is about has come to be known here."""
        item = self.store.item(ref)
        match what:
            case "approve" | "refuse":
                return self.store.ask(acceptances.asked_for, ref) is not None
            case "revoke":
                return self.store.ask(acceptances.active, ref) is not None
            case _:
                return item.claim is not None or item.accepted is not None

    def act(self, what: str, ref: str) -> None:
        """Do it."""
        because = Because(Agent(Actor.HUMAN, "counterfoil", _RUTH, "Ruth"), reason="that is how it is")
        ruth, until = Decider(_RUTH), (self.clock() + _ACCEPTED).date()
        court = Deciding(self.store, _OWNERS, {}, self.clock)
        review = Resolving(self.store, ResolutionPolicy(), self.clock, this_process())
        acts: Mapping[str, Callable[[], object]] = {
            "approve": lambda: court.approve(ref, Terms("it is small", until, "an alert", 2, 2), ruth, because),
            "refuse": lambda: court.reject(ref, "it is not", ruth, because),
            "revoke": lambda: court.revoke(ref, "no more", ruth, because),
            "accept": lambda: review.accept(ref, _RUTH, frozenset({_RUTH}), because),
            "doubt": lambda: review.reject(ref, _RUTH, frozenset({_RUTH}), because),
            "days": lambda: self.clock.sleep(_PASS.total_seconds()),
        }
        acts[what]()
