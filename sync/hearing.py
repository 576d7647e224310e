"""What became of comments that are stored: they say something else now, are gone, or stand there again."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from state.acceptance import UNKNOWN
from state.effects import Because
from state.model import Actor, Agent, Comment, Link
from state.ticket import Activity, ActivityKind, Ticket
from sync.rulings import because_of


def revised(
    link: Link,
    ticket: Ticket,
    told: Sequence[Activity],
    known: Mapping[str, Comment],
    said_there: Callable[[], Collection[str]],
    run: str,
) -> Iterator[tuple[Comment, Because]]:
    """Yield the comments of which something else is known now, each with who did it.

    `told` is all that the tracker tells of the ticket, and `known` what is stored of what stands there, by its id. One
    that is missing was deleted only where the tracker told every comment that the ticket has, and where it is among
    those that were `said_there`, and not on a ticket that the item had before.
    """
    there = {act.id: act for act in told if act.kind is ActivityKind.COMMENT}
    whole = ticket.comments is not None and len(there) == ticket.comments
    for comment in known.values():
        act = there.get(comment.remote_id)
        if act is None or act.confined:
            is_known = comment.deleted_at is not None or comment.topic
            if not is_known and (act is not None or (whole and comment.id in said_there())):
                why = "is not for everybody any more" if act is not None else "was deleted"
                nobody = Agent(Actor.UNKNOWN, link.ref.tracker, UNKNOWN)
                because = Because(nobody, run, comment.remote_id, f"{ticket.ref.key}: a comment {why}", ticket.updated)
                yield replace(comment, deleted_at=ticket.updated), because
        elif comment.inbound and act.text != comment.text:
            at = act.edited_at or ticket.updated
            because = because_of(replace(act, at=at), link.ref.tracker, run, f"{ticket.ref.key}: a comment was edited")
            yield replace(comment, text=act.text, edited_at=at, deleted_at=None), because
        elif comment.deleted_at is not None:
            because = because_of(act, link.ref.tracker, run, f"{ticket.ref.key}: a comment can be read again")
            yield replace(comment, deleted_at=None), replace(because, at=None)
