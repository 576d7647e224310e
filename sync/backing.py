"""What stands behind the word that an item's work is done, and what its ticket is told while something is missing."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from mapping.claims import original
from mapping.read import is_unexplained
from mapping.rules import TrackerRules
from mapping.speech import comment_key
from state import audit, comments, links, members, proofs
from state.comments import UNKNOWN
from state.effects import Because
from state.lacking import STILL, is_review_alone
from state.lifecycle import OURS, UNFINISHED
from state.model import ActionItem, Actor, Agent, ClaimKind, Comment, Field, Hold, HoldKind, Status
from state.proof import Demand, Evidence, EvidenceDraft, ResolutionPolicy, missing, unmet
from state.store import Store
from state.ticket import Activity, Category, Ticket

TOPIC = "missing"
"""What the one comment is about that says what is missing."""
NO_RESOLUTION = "no_resolution"
"""Stands in a hold on a ticket that was closed without a word on what became of the work."""
_JUST_BROUGHT = "what was just brought"


UNKNOWN_AGENT = Agent(Actor.UNKNOWN, OURS, "unknown")


@dataclass(frozen=True, slots=True)
class Backing:
    """What is at hand for an item of which somebody says that it is done.

    `parts` are the unfinished items that it lists. `unexplained` says that its ticket was closed without a resolution.
    `asked_at` is when what is missing was first asked for, and `standing` our comment in the ticket that does.
    `claimant` is who said that it is done, where that was said before.
    """

    item: ActionItem
    policy: ResolutionPolicy
    now: datetime
    evidence: Sequence[Evidence] = ()
    parts: Sequence["Backing"] = ()
    unexplained: bool = False
    asked_at: datetime | None = None
    standing: Comment | None = None
    claimant: Agent = UNKNOWN_AGENT

    def follows(self, original: "Original") -> bool:
        """Whether the item ends with the one that it repeats, which is resolved: what shows that shows it here too."""
        both = replace(self, evidence=(*self.evidence, *original.evidence))
        ends = self.item.status in UNFINISHED and original.item.status is Status.RESOLVED
        return ends and not both.missing

    def with_more(self, drafts: Iterable[EvidenceDraft]) -> "Backing":
        """The same with what comes with this very look at the ticket, and has no ref yet."""
        new = [Evidence(_JUST_BROUGHT, 1, draft) for draft in drafts]
        return self._with(new) if new else self

    def reviewed(self, found: Mapping[tuple[str, int], Evidence]) -> "Backing":
        """The same with these versions of pieces as they are once they are reviewed."""
        evidence = [found.get((each.ref, each.version), each) for each in self.evidence]
        return replace(self, evidence=evidence, parts=[part.reviewed(found) for part in self.parts])

    def _with(self, more: Sequence[Evidence]) -> "Backing":
        return replace(self, evidence=(*self.evidence, *more), parts=[part._with(more) for part in self.parts])

    @property
    def missing(self) -> tuple[str, ...]:
        """What is missing, one sentence each; nothing where the word is as good as the policy asks for.

        An item that lists others lacks nothing once none of these does, and is asked for what each of them is.
        """
        parts = [lacking for part in self.parts if (lacking := replace(part, unexplained=self.unexplained).missing)]
        if self.parts and not parts:
            return ()
        if self.unexplained and not self.demands:
            there = missing([Demand(1)], self.evidence, self.now.date())
            return ("a resolution that says that the work was done, or 1 piece of evidence",) if there else ()
        of_this = missing(self.demands, self.evidence, self.now.date())
        return of_this or tuple(dict.fromkeys(sentence for lacking in parts for sentence in lacking))

    @property
    def demands(self) -> tuple[Demand, ...]:
        """What the policy asks for before the item counts as resolved, or what it lists."""
        whose = [part.item for part in self.parts] or [self.item]
        return tuple(dict.fromkeys(each for item in whose for each in self.policy.evidence.demands(item)))

    @property
    def is_pending(self) -> bool:
        """Whether the item was said to be done before, and has not been judged for good since."""
        return self.item.claim is not None and self.item.claim.kind is ClaimKind.RESOLVED

    @property
    def is_over(self) -> bool:
        """Whether the time is over in which what is missing could be brought."""
        days = timedelta(days=self.policy.reopen_after_days)
        return self.asked_at is not None and self.now >= self.asked_at + days

    @property
    def at_hand(self) -> str:
        """The refs of what counts, in words."""
        day = self.now.date()
        at_hand = ((e, each.demands) for each in (self, *self.parts) for e in each.evidence)
        refs = [e.ref for e, asked in at_hand if e.resolves(day) and not unmet(asked, e)]
        return ", ".join(dict.fromkeys(refs)) or "nothing is asked for"

    def settled(self, run: str) -> Because:
        """Why the item is resolved once nothing is missing any more: by who said that it is done, as of then."""
        why = f"said to be done, and nothing is missing any more: {self.at_hand}"
        return Because(self.claimant, run, "", why, self.item.claim.at if self.item.claim is not None else None)

    def hold(self, tracker: str, what: str) -> Hold:
        """The hold that waits for what is missing; `what` says who claims what of which ticket."""
        theirs = f"{Status.RESOLVED.value}, {NO_RESOLUTION}" if self.unexplained else Status.RESOLVED.value
        detail = f"{what}{STILL}{self._listed}"
        ours = Status.IN_PROGRESS.value
        return Hold(HoldKind.EVIDENCE_MISSING, self.item.ref, tracker, detail, Field.STATUS, ours, theirs)

    def is_said_by(self, hold: Hold) -> bool:
        """Whether the hold names just what is missing now."""
        return hold.detail.endswith(f"{STILL}{self._listed}")

    @property
    def _listed(self) -> str:
        return "; ".join(self.missing)

    def asking(self) -> str:
        """What the ticket is told while something is missing, and how to bring it."""
        ref, day = self.item.ref, self._last_day
        return "\n".join(
            (
                f"**{ref} does not count as resolved yet.** Still missing:",
                "",
                *(f"- {sentence}" for sentence in self.missing),
                "",
                f"{self._ways} Without it, this ticket is opened again after {day}.",
                *(
                    ("", "What one of the items listed here lacks may be brought for that one alone.")
                    if self.parts
                    else ()
                ),
            )
        )

    @property
    def _ways(self) -> str:
        """How what is missing is brought."""
        ref = self.item.ref
        if is_review_alone(self.missing):
            return f"A reviewer who did not bring it gives that with `counterfoil review {ref} --accept`."
        return (
            "Bring it here: a comment with a line `/evidence URL what it shows`, a file attached to this ticket, "
            f"or a linked pull request. Or `counterfoil evidence add {ref} FILE|URL`; a review is given with "
            f"`counterfoil review {ref} --accept`."
        )

    def answered(self) -> str:
        """What the ticket is told once nothing is missing any more."""
        return f"**{self.item.ref} is resolved.** Nothing is missing any more: {self.at_hand}."

    def accepted(self) -> str:
        """What the ticket is told once the risk is accepted instead."""
        return f"**The risk of {self.item.ref} is accepted**, as of {self.now.date()}: nothing is asked for any more."

    def reopened(self, why: str) -> str:
        """What the ticket is told once the work does not count as claimed any more, and why."""
        lines = [f"**{self.item.ref} is not resolved**, as of {self.now.date()}: {why}."]
        if self.missing:
            lines += ["", "Once this is closed as done again, this is asked for:", ""]
            lines += [f"- {sentence}" for sentence in self.missing]
        return "\n".join(lines)

    def says(self, text: str, tracker: str) -> Comment | None:
        """The one comment about what is missing with this text; none where it says that already."""
        known = self.standing
        if known is not None and known.text == text:
            return None
        said = Comment("", self.item.ref, "counterfoil", text, self.now, inbound=False, tracker=tracker, topic=TOPIC)
        recalled = known is not None and not known.id
        return replace(said, remote_id=known.remote_id, standing=known.standing) if known and recalled else said

    @property
    def _last_day(self) -> date:
        return (self.asked_at or self.now).date() + timedelta(days=self.policy.reopen_after_days)


@dataclass(frozen=True, slots=True)
class Original:
    """The item of whose ticket another is the duplicate, what people call that ticket, and what it is backed by."""

    item: ActionItem
    key: str
    evidence: Sequence[Evidence] = ()


def original_of(
    store: Store, tracker: str, ticket: Ticket, holds: Iterable[Hold], activity: Iterable[Activity]
) -> Original | None:
    """The item that a ticket repeats, as far as somebody said so and it has a ticket here."""
    ref = next((h.ours for h in holds if h.kind is HoldKind.DUPLICATE and _is_ref(h.ours)), None)
    link = store.link(ref) if ref is not None else None
    if link is None and ticket.state.category is Category.DONE and (key := original(list(activity), ticket)):
        link = store.ask(links.called, tracker, key)
    if link is None or link.ref == ticket.ref:
        return None
    item = store.item(link.item)
    return Original(item, link.ref.key, _evidence(store, [item])[item.ref])


def _is_ref(text: str | None) -> bool:
    return text is not None and text.startswith("AI-")


def backing_of(
    store: Store, policy: ResolutionPolicy, now: datetime, items: Iterable[ActionItem]
) -> dict[str, Backing]:
    """What is at hand for each of the items, by ref.

    What was brought for an item that lists others counts for each of these; what was for one of them, for that one.
    """
    asked = list(items)
    parts = store.ask(members.of_groups, [item.ref for item in asked if item.is_group])
    evidence = _evidence(store, [*asked, *(part for some in parts.values() for part in some)])

    def backing(item: ActionItem) -> Backing:
        left = [backing(part) for part in parts.get(item.ref, ()) if part.status in UNFINISHED]
        return Backing(item, policy, now, evidence[item.ref], left)

    return {item.ref: backing(item) for item in asked}


def _evidence(store: Store, items: Sequence[ActionItem]) -> dict[str, list[Evidence]]:
    """What there is for each of the items: what was brought for it, or for the one that lists it.

    What was there before the item itself was opened again resolves it no more, whatever it was brought for.
    """
    listed = {item.ref: item.part_of for item in items if item.part_of}
    found = store.ask(proofs.of_items, [*(item.ref for item in items), *listed.values()])
    again = store.ask(audit.reopened, listed) if listed else {}

    def shared(ref: str) -> Iterator[Evidence]:
        for piece in found.get(listed.get(ref, ""), ()):
            late = ref in again and piece.draft.captured_at < again[ref]
            yield replace(piece, reopened_at=again[ref]) if late else piece

    return {item.ref: [*found.get(item.ref, ()), *shared(item.ref)] for item in items}


def backings(
    store: Store,
    policy: ResolutionPolicy,
    now: datetime,
    rules: TrackerRules,
    cases: Iterable[tuple[ActionItem, Ticket]],
    holds: Iterable[Hold],
) -> dict[str, Backing]:
    """What is at hand for those of the items which are unfinished and said to be done, by whichever side; by item.

    So for those of which it was said, until their tickets are told what became of that.
    """
    asked = {hold.item: hold.opened_at for hold in holds if hold.kind is HoldKind.EVIDENCE_MISSING}
    here = {item.ref: (item, ticket) for item, ticket in cases if _is_said_done(item, ticket) or _was(item, asked)}
    if not here:
        return {}
    known = backing_of(store, policy, now, (item for item, _ in here.values()))
    claimants = store.ask(audit.claimants, [item.ref for item, _ in here.values() if item.claim is not None])
    standing = store.ask(comments.about, TOPIC, here, rules.tracker)
    return {
        ref: replace(
            known[ref],
            unexplained=is_unexplained(ticket.state, rules),
            asked_at=asked.get(ref),
            standing=standing.get(ref),
            claimant=claimants.get(ref, UNKNOWN_AGENT),
        )
        for ref, (_, ticket) in here.items()
    }


def _is_said_done(item: ActionItem, ticket: Ticket) -> bool:
    claimed = item.claim is not None and item.claim.kind is ClaimKind.RESOLVED
    return item.status in UNFINISHED and (claimed or ticket.state.category is Category.DONE)


def _was(item: ActionItem, asked: Container[str]) -> bool:
    return item.ref in asked and item.status is not Status.RESOLVED


def recalled(backing: Backing, installation: str, tracker: str, activity: Iterable[Activity]) -> Backing:
    """The same with our comment as it stands in the ticket, where the database knows nothing of it."""
    if backing.standing is not None:
        return backing
    blank = Comment("", backing.item.ref, "counterfoil", "", backing.now, inbound=False, tracker=tracker, topic=TOPIC)
    key = comment_key(installation, blank)
    there = next((act.id for act in activity if act.marker_key == key), None)
    known = None if there is None else replace(blank, remote_id=there, standing=UNKNOWN)
    return replace(backing, standing=known)


def due(store: Store, policy: ResolutionPolicy, now: datetime, holds: Sequence[Hold]) -> dict[str, ActionItem]:
    """The items of which something else is to be said than when their tickets were last looked at."""
    return _to_judge(store, policy, now, holds) | _following(store, policy, now, holds)


def _following(store: Store, policy: ResolutionPolicy, now: datetime, holds: Iterable[Hold]) -> dict[str, ActionItem]:
    """The items that end with the one that they repeat."""
    held = {h.item: h.ours or "" for h in holds if h.kind is HoldKind.DUPLICATE and _is_ref(h.ours)}
    if not held:
        return {}
    items = store.items([*held, *held.values()])
    known = backing_of(store, policy, now, items.values())
    originals = {ours: Original(items[ours], "", known[ours].evidence) for ours in held.values()}
    return {ref: items[ref] for ref in held if known[ref].follows(originals[held[ref]])}


def _to_judge(store: Store, policy: ResolutionPolicy, now: datetime, holds: Iterable[Hold]) -> dict[str, ActionItem]:
    """The items of which something else is missing than when it was last asked for, or for too long.

    Of one whose ticket is gone that is said once the ticket is there again, or another.
    """
    open_ = list(holds)
    gone = {hold.item for hold in open_ if hold.kind is HoldKind.GONE}
    held = {h.item: h for h in open_ if h.kind is HoldKind.EVIDENCE_MISSING and h.item not in gone}
    if not held:
        return {}
    found = {}
    for ref, known in backing_of(store, policy, now, store.items(held).values()).items():
        hold = held[ref]
        case = replace(known, unexplained=NO_RESOLUTION in (hold.theirs or ""), asked_at=hold.opened_at)
        if not case.missing or case.is_over or not case.is_said_by(hold):
            found[ref] = known.item
    return found
