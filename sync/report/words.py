"""Records of the ledger in words, for somebody who has never seen the tool."""

from collections.abc import Mapping
from typing import Any

from sync.report.model import OURS, Event

ACTIONS = {
    "item.created": "Written down",
    "ticket.created": "Ticket created",
    "ticket.linked": "Ticket linked",
    "ticket.unlinked": "Ticket unlinked",
    "ticket.moved": "Ticket moved",
    "ticket.missing": "Ticket not found in its tracker any more",
    "ticket.found": "Ticket found again",
    "ticket.archived": "Ticket archived",
    "ticket.unarchived": "Ticket no longer archived",
    "ticket.changed": "Ticket changed by us",
    "ticket.perhaps_changed": "Ticket perhaps changed by us",
    "ticket.edited": "Ticket changed in its tracker",
    "comment.added": "Comment written here",
    "comment.sent": "Comment sent to the ticket",
    "comment.perhaps_sent": "Comment perhaps sent to the ticket",
    "comment.reworded": "Our comment is to say something else",
    "comment.received": "Comment in the ticket",
    "comment.edited": "Comment edited in the ticket",
    "comment.deleted": "Comment deleted in the ticket",
    "comment.restored": "Comment readable again in the ticket",
    "hold.opened": "Waits for a person",
    "hold.settled": "Waits no more",
    "test.recorded": "Test result",
    "evidence.added": "Evidence brought",
    "evidence.stored": "Bytes of the evidence kept",
    "evidence.reviewed": "Evidence reviewed",
    "evidence.checked": "Link of the evidence looked at",
    "acceptance.requested": "Asked to accept the risk",
    "acceptance.amended": "Request to accept the risk changed",
    "acceptance.decided": "Decision about accepting the risk",
    "acceptance.active": "Risk accepted",
    "acceptance.rejected": "Accepting the risk rejected",
    "acceptance.withdrawn": "Request to accept the risk withdrawn",
    "acceptance.revoked": "Acceptance of the risk revoked",
    "acceptance.voided": "Acceptance of the risk void",
    "acceptance.lapsed": "Acceptance of the risk lapsed",
    "acceptance.renewed": "Acceptance of the risk renewed by another",
    "acceptance.warned": "Told that the acceptance ends soon",
    "acceptance.questioned": "Comment by which it was decided was changed or deleted",
    "due.requested": "Later due date asked for",
    "due.decided": "Decision about a later due date",
    "control.status": "Control's status",
    "control.changed": "Control's text changed",
    "control.answered": "Control answered by another",
    "control.exempted": "Control exempted",
    "framework.added": "Framework read",
    "risk.added": "Risk added",
    "risk.changed": "Risk changed",
    "risk.scored": "Risk scored",
    "risk.due": "Risk to be scored again",
}
"""What is said of each action; any other goes by its name."""

FIELDS = {
    "status": "Status",
    "due_date": "Due date",
    "owner": "Owner",
    "priority": "Priority",
    "title": "Title",
    "description": "Description",
    "controls": "Controls",
    "risks": "Risks",
    "claim": "What the ticket says",
    "accepted": "Acceptance that binds it",
    "part_of": "Listed in the ticket of",
    "external_ref": "Id in its source",
    "source_ref": "Source",
    "fingerprint": "Mark by which its source finds it",
}

SOURCES = {
    "automated_test": "an automated test failed",
    "unimplemented_control": "a control is not implemented",
    "manual": "written down by a person",
    "assessment": "an assessment",
}
_SPECIFIC = ("kind", "verdict", "outcome", "health", "took", "ref", "id", "key", "version", "until", "after")
_TEXTS = ("text", "justification", "reason", "shows", "detail", "why")


def headline(event: Event) -> str:
    """What happened, in a few words."""
    if event.strange:
        return f"Not a record that this program writes: {event.action}"
    if event.action in ("item.changed", "risk.changed"):
        return f"{FIELDS.get(event.field, plain(event.field))}: {value(event.before)} → {value(event.after)}"
    if event.action == "control.status":
        return f"Control: {value(event.before)} → {value(event.said('status'))}"
    if event.action == "item.created":
        source = SOURCES.get(event.said("source_kind"), plain(event.said("source_kind")))
        return f"Identified: {source}" + (f" ({event.said('source_ref')})" if event.said("source_ref") else "")
    words = ACTIONS.get(event.action, plain(event.action.replace(".", " ")))
    if event.action in ("ticket.changed", "ticket.perhaps_changed", "ticket.edited"):
        return f"{words}: {plain(event.field)}: {value(event.before)} → {value(event.after)}"
    if event.action == "ticket.moved":
        was = event.before if isinstance(event.before, Mapping) else {}
        return f"{words}: {was.get('key') or was.get('url')} → {event.said('key')} {event.said('url')}"
    told = event.after if isinstance(event.after, Mapping) else event.before
    some = _specifics(told, event) if isinstance(told, Mapping) else ""
    return f"{words}: {some}" if some else words


def _specifics(told: Mapping[str, Any], event: Event) -> str:
    """What a record names, and who did it; of what became of a request also who asked, which is not who did that."""
    found = [f"version {told[n]}" if n == "version" else value(told[n]) for n in _SPECIFIC if told.get(n)]
    if told.get("likelihood"):
        found.append(f"likelihood {told['likelihood']}, impact {told.get('impact')}")
    by, asked = told.get("by") or told.get("author"), told.get("requester")
    if asked and event.action == "acceptance.requested":
        by = asked
    elif asked:
        found.append(f"asked for by {asked}")
        by = str(event.who) if event.who.kind == "human" else ""
    return ", ".join([*found, f"by {by}"] if by else found)


def quotation(event: Event) -> str:
    """The words that somebody used, if there are any."""
    told = event.after if isinstance(event.after, Mapping) else {}
    text = next((str(told[name]) for name in _TEXTS if told.get(name)), "")
    if event.reason and event.reason != text:
        return f"{text}\n{event.reason}" if text else event.reason
    return text


def source(event: Event) -> str:
    """Where it happened, or what told of it."""
    if event.action == "acceptance.decided" and event.said("channel") == "comment":
        return f"{event.who.system}, in a comment ({event.said('event')})"
    if event.who.system != OURS:
        return event.who.system + (f", event {event.event}" if event.event else "")
    return {"schedule": "run without a terminal", "bot": "program"}.get(event.who.kind, "command") + (
        f" {event.run}" if event.run else ""
    )


def value(told: Any) -> str:
    """A value of a record on one line."""
    match told:
        case None | "" | []:
            return "nothing"
        case {"sha256": str(hash_)}:
            return f"text with SHA-256 {hash_[:12]}…"
        case {"ref": str(ref), "until": until}:
            return f"{ref} until {until}"
        case {"kind": str(kind)}:
            return plain(kind)
        case list():
            return ", ".join(map(str, told))
        case str() if told.replace("_", "").isalpha() and told.islower():
            return plain(told)
        case _:
            return str(told)


def plain(name: str) -> str:
    """A name of ours as words."""
    return name.replace("_", " ")
