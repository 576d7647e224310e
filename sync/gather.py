"""What one tracker shows now, reduced to what is new: the reading half of a run, which writes nothing."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache, partial
from itertools import islice

from connectors.errors import NotFound, Unavailable
from mapping.read import observe, observe_after
from mapping.render import desired
from mapping.speech import comment_key
from state import audit, comments, proofs
from state.acceptance import Acceptance
from state.comments import UNKNOWN
from state.effects import Because, Feed
from state.model import ActionItem, Comment, Field, Link, Status
from state.ticket import Activity, ActivityKind, Category, Missing, Ticket, TicketRef
from sync.accepting import Deciding
from sync.backing import original_of, recalled
from sync.capturing import Capturing
from sync.diff import Change, compare
from sync.hearing import revised
from sync.plan import Capture, Sighted, Step
from sync.position import advanced, located
from sync.reading import Extent, Reading, Scope, Told
from sync.rulings import Sighting
from sync.steps import answer, vanished
from sync.strays import look_again, recall, strangers
from sync.unknown import overtaken
from sync.voting import Ballot, Votes

CHUNK = 100
"""How many tickets are compared at a time."""


def read(scope: Scope, feed: Feed) -> Reading:
    """Read the feed from where it stood, then the tickets of items that changed here, and all the others if asked.

    Of these, `scope.extent` says how much. Raises the errors of `connectors.errors`; nothing is stored, so a failed
    reading is read again as a whole.
    """
    if scope.extent is Extent.CHANGED:
        reading = Reading(feed, Told(scope.now))
        _look(scope, ((ref, None) for ref, _ in _refs_of(scope, scope.changed)), reading, 0)
        return reading
    feed = located(scope.store, scope.tracker, feed, scope.now, _lag(scope))
    reading = Reading(replace(feed, rules=scope.rules.digest(scope.tracker.name)), Told(scope.now))
    looked: set[str] = set()
    _follow(scope, feed, reading, looked)
    refs, sure = _refs(scope, reading)
    found = _look(scope, ((ref, known) for ref, known in refs if ref.id not in looked), reading, sure)
    if scope.extent is Extent.ALL:
        reading.told.there = [*([len(looked) - reading.unseen] if looked else []), *found]
    if scope.extent > Extent.NEWS:
        look_again(scope, reading)
    recall(scope, reading)
    if scope.extent > Extent.NEWS or feed.audited_at is None:
        reading.feed = replace(reading.feed, audited_at=scope.now)
        reading.told.is_whole = True
    return reading


def _follow(scope: Scope, feed: Feed, reading: Reading, looked: set[str]) -> None:
    """Page through the feed; a reading from the settled point moves that point up."""
    settling = feed.settle_at is not None and scope.now >= feed.settle_at
    start = feed.settled if settling else feed.fresh
    newest = start
    reading.told.since = start.at if start is not None else None
    for page in scope.tracker.changes(start):
        _page(scope, page.tickets, reading, looked, again=settling)
        reading.told.pages.append(len(page.tickets))
        newest = page.cursor if newest is not None or page.tickets else None
        scope.progress(scope.tracker.name, len(page.tickets))
    if settling:
        reading.feed = replace(reading.feed, settled=feed.settling, settling=None, settle_at=None)
    reading.feed = advanced(reading.feed, newest, (), scope.now, _lag(scope))


def _lag(scope: Scope) -> timedelta:
    return timedelta(seconds=scope.tracker.caps.visibility_lag_seconds)


def _page(scope: Scope, tickets: Sequence[Ticket], reading: Reading, looked: set[str], *, again: bool) -> None:
    """Answer what is new on a page. Read once more, it may show a ticket as it was before a write of ours.

    Where the revision that the write left is unknown nothing else tells, and the ticket is looked at directly.
    """
    links = _links(scope, tickets)
    strangers(scope, [t for t in tickets if t.ref.id not in links], reading)
    known = [t for t in tickets if t.ref.id in links and not _is_stale(t, links[t.ref.id])]
    items = scope.items([links[t.ref.id].item for t in known])
    fresh = []
    for ticket in known:
        link = links[ticket.ref.id]
        item = items[link.item]
        if _has_news(link, ticket) or not _quiet(scope, item, link, ticket):
            fresh.append(ticket)
        elif link.ticket_revision != ticket.revision:
            reading.knows(refreshed(link, ticket, item.revision))
    looked |= {t.ref.id for t in fresh}
    stale = scope.tracker.caps.stale_feed
    doubtful = {t.ref.id: t.ref for t in fresh if stale or (again and not links[t.ref.id].ticket_revision)}
    reading.unseen += len(doubtful) - sum(_look(scope, ((ref, None) for ref in doubtful.values()), reading, None))
    _answer(scope, [t for t in fresh if t.ref.id not in doubtful], reading)


def _links(scope: Scope, tickets: Sequence[Ticket]) -> dict[str, Link]:
    """The link of each ticket that has one, by the ticket's id.

    Where an update's answer was lost and the ticket shows what it meant to write, that was agreed on.
    """
    name = scope.tracker.name
    links = scope.links_of(tickets)
    for ticket in tickets:
        link = links.get(ticket.ref.id)
        if link is not None and (meant := scope.meant.get(link.item)):
            there = observe_after(ticket, scope.rules, name, baseline=link.baseline, meant=meant).values
            written = {f: agreed for f, agreed in meant.items() if there.get(f) == agreed.theirs}
            links[ticket.ref.id] = replace(link, baseline={**link.baseline, **written})
    return links


def _is_stale(ticket: Ticket, link: Link) -> bool:
    """Whether the feed shows an older ticket than the link knows.

    Equal revisions do not say that nothing happened: a tracker's clock may have ticked only once for two changes.
    """
    return ticket.revision < link.ticket_revision


def _has_news(link: Link, ticket: Ticket) -> bool:
    """Whether somebody else did something that perhaps only the ticket's history tells.

    The revision that our own last write left may be unknown; then anything counts that was done since the ticket was
    made. Where there are comments their number shows nothing, as one may have come while another went.
    """
    if link.ticket_revision:
        return ticket.revision != link.ticket_revision
    return ticket.comments != 0 or ticket.updated != ticket.created


def _moves(scope: Scope, item: ActionItem, link: Link, ticket: Ticket) -> tuple[Change, ...]:
    wanted = desired(item, scope.rules, link.ref.tracker, link.marker)
    there = observe(_as_known(link, ticket), scope.rules, link.ref.tracker, baseline=link.baseline, desired=wanted)
    return compare(link.baseline, wanted.values, there.values, scope.rules.trackers[link.ref.tracker].authority)


def _quiet(scope: Scope, item: ActionItem, link: Link, ticket: Ticket) -> bool:
    """Whether there is nothing to do: it was there before, no field moved, no comment came or waits to be sent."""
    if link.missing_since is not None or ticket.archived != link.archived:
        return False
    heard = ticket.comments not in (None, link.comments)
    return not heard and item.ref not in scope.waiting and not _moves(scope, item, link, ticket)


def _as_known(link: Link, ticket: Ticket) -> Ticket:
    """The ticket with an open change request if that is why its work was last seen as begun."""
    status = link.baseline.get(Field.STATUS)
    begun = status is not None and status.theirs == Status.IN_PROGRESS and ticket.state.category is Category.NEW
    return replace(ticket, linked_change_open=True) if begun else ticket


def refreshed(link: Link, ticket: Ticket, item_revision: int) -> Link:
    """The link with what the ticket shows now, its baseline apart."""
    return replace(
        link,
        ref=ticket.ref,
        url=ticket.url,
        item_revision=item_revision,
        ticket_revision=ticket.revision,
        comments=link.comments if ticket.comments is None else ticket.comments,
        seen_at=ticket.updated,
        missing_since=None,
        archived=ticket.archived,
        reporter=ticket.reporter or link.reporter,
    )


def taken_in(link: Link, ticket: Ticket, step: Step) -> Link:
    """The link once what the ticket says is taken in.

    What people did is read again while the status waits for a person's choice, for whoever closed the ticket then.
    """
    seen_at = link.seen_at if step.is_torn else ticket.updated
    return replace(refreshed(link, ticket, step.item.revision), baseline=step.pulled, seen_at=seen_at)


def _refs(scope: Scope, reading: Reading) -> tuple[Iterable[tuple[TicketRef, str | None]], int]:
    """The tickets to read whatever the feed shows, with the revision last seen, and how many others are there."""
    name = scope.tracker.name
    if scope.extent is Extent.ALL:
        return scope.store.link_refs(name), 0
    mine = {ref.id: (ref, known) for ref, known in _refs_of(scope, {*scope.changed, *scope.waiting})}
    if scope.extent is Extent.NEWS:
        return mine.values(), 0
    there = _survey(scope, reading)
    fresh = {link.ref.id: link.ticket_revision for link in reading.touched.values()}
    for ref, known in scope.store.link_refs(name):
        shown = there.get(ref.id)
        if shown is None or known is None or (shown and shown != fresh.get(ref.id, known)):
            mine[ref.id] = ref, known
    return mine.values(), scope.store.link_count(name) - len(mine)


def _refs_of(scope: Scope, items: Iterable[str]) -> list[tuple[TicketRef, str | None]]:
    """The tickets of items in this tracker, with the revision last seen of each."""
    links = [link for _, link in sorted(scope.store.links(list(items)).items())]
    return [(link.ref, link.ticket_revision or None) for link in links if link.ref.tracker == scope.tracker.name]


def _survey(scope: Scope, reading: Reading) -> dict[str, str]:
    """The tickets there are, by id, with the revision of each as far as the tracker tells it."""
    there: dict[str, str] = {}
    for page in scope.tracker.survey():
        there |= page
        reading.told.there.append(len(page))
        scope.progress(scope.tracker.name, len(page))
    return there


def _look(scope: Scope, refs: Iterable[tuple[TicketRef, str | None]], reading: Reading, sure: int | None) -> list[int]:
    """Read tickets as they are now, a chunk at a time; with `sure` others there, that is a sight of the tracker.

    `None` says that the feed told of them, so that something happened to each. Tells how many of each chunk were found.
    """
    source, there = iter(refs), list[int]()
    looked = 0
    while chunk := list(islice(source, CHUNK)):
        known = {ref.id: revision for ref, revision in chunk if revision}
        found = list(scope.tracker.fetch([ref for ref, _ in chunk], history=sure is None, known=known))
        tickets = [f for f in found if isinstance(f, Ticket)]
        _answer(scope, tickets, reading)
        missed = _miss(scope, [f for f in found if isinstance(f, Missing)], reading)
        looked += len(tickets) + missed
        there.append(len(tickets))
        scope.progress(scope.tracker.name, len(chunk))
    if sure is not None and looked:
        linked = scope.store.link_count(scope.tracker.name)
        reading.sighted.append(Sighted(scope.tracker.name, looked + sure, sum(there) + sure, linked))
    return there


def _answer(scope: Scope, tickets: Sequence[Ticket], reading: Reading) -> None:
    links = _links(scope, tickets)
    items = scope.items([link.item for link in links.values()])
    backings = scope.backings((items[links[t.ref.id].item], t) for t in tickets if t.ref.id in links)
    for ticket in tickets:
        if (link := links.get(ticket.ref.id)) is None or link.item in scope.in_doubt:
            continue
        if (hold := overtaken(scope.store, scope.rules, ticket, link)) is not None:
            reading.held += () if any((h.item, h.detail) == (hold.item, hold.detail) for h in scope.holds) else (hold,)
            continue
        item = items[link.item]
        others = _has_news(link, ticket)
        if not others and item.ref not in scope.judged and _quiet(scope, item, link, ticket):
            if item.ref in scope.changed or refreshed(link, ticket, item.revision) != link:
                reading.knows(refreshed(link, ticket, item.revision))
            continue
        try:
            seen = _sighting(scope, item, link, ticket, others=others)
        except (NotFound, Unavailable) as error:
            reading.tells_nothing(item.ref, error)
            continue
        reading.tells()
        if (backing := backings.get(item.ref)) is not None:
            name = scope.tracker.name
            known = recalled(backing, scope.store.installation, name, seen.activity)
            repeated = original_of(scope.store, name, ticket, seen.holds, seen.activity)
            known = known.with_more(each.draft for each in seen.captured)
            seen = replace(seen, backing=known, original=repeated)
        step = answer(seen, scope.rules, scope.run)
        if step.operations or step.warnings or step.edits:
            reading.calls_for(step)
        else:
            reading.knows(taken_in(link, ticket, step))


def _sighting(scope: Scope, item: ActionItem, link: Link, ticket: Ticket, *, others: bool) -> Sighting:
    """All that is known of a linked item; the ticket's history is read only if it may hold something new."""
    heard, before = ticket.comments not in (None, link.comments), _as_known(link, ticket)
    if others or heard or any(c.theirs_moved for c in _moves(scope, item, link, ticket)):
        since = (link.seen_at or link.linked_at).replace(microsecond=0)
        told = scope.tracker.activity(ticket.ref, since)
        activity = [a for a in told if a.at >= since or a.kind is not ActivityKind.COMMENT]
        new = _news(scope, link, ticket, told, activity)
        requests = [a for a in activity if a.kind is ActivityKind.LINK]
        ticket = replace(ticket, linked_change_open=any(a.after == "open" for a in requests))
    else:
        activity, ticket, new = [], before, ((), ())
    theirs = any(act.kind in (ActivityKind.FIELD, ActivityKind.LINK) and not act.by.ours for act in activity)
    reread = scope.remapped or link.missing_since is not None
    still = ticket == before and ticket.revision == link.ticket_revision
    on_record = scope.store.ask(audit.events, item.ref, scope.tracker.name) if theirs else audit.Events()
    known = scope.store.known_comments(scope.tracker.name, [a.id for a in activity])
    holds = tuple(scope.store.holds(item.ref))
    waiting, said = _spoken(scope, item, activity)
    asked = scope.asked(item.ref)
    votes = _votes(scope, item, link, asked, [act for act in activity if act.id not in known])
    seen = Sighting(item, link, ticket, activity, holds, frozenset(known), waiting, said, asked)
    seen = replace(
        seen, revised=new[0], captured=new[1], taken=on_record.taken, noted=on_record.noted, reread=reread, still=still
    )
    return replace(seen, voted=votes.taken, doubted=votes.warnings)


def _votes(scope: Scope, item: ActionItem, link: Link, asked: Acceptance | None, news: Sequence[Activity]) -> Votes:
    """What new comments decide, where the policy lets them."""
    if asked is None or not scope.policy.by_comment:
        return Votes()
    kinds = {name: rules.account_kind for name, rules in scope.rules.trackers.items()}
    court = Deciding(scope.store, scope.policy.authorities, kinds, lambda: scope.now, people=scope.rules.people)
    votes = Ballot(scope.tracker, scope.rules, court, item, link, asked, scope.run).count(news)
    over = scope.ahead.get(item.ref)
    return votes if over is None else replace(votes, taken=tuple(m for m in votes.taken if m[0] != over.before))


def _news(
    scope: Scope, link: Link, ticket: Ticket, told: Sequence[Activity], activity: Sequence[Activity]
) -> tuple[tuple[tuple[Comment, Because], ...], tuple[Capture, ...]]:
    """What became of comments that are stored, and the evidence that the ticket gives."""
    stored = scope.store.ask(comments.standing, link.item, link.ref.tracker)
    known = scope.store.ask(proofs.of_items, [link.item]).get(link.item, ())
    said_there = cache(partial(scope.store.ask, audit.comments_since_linked, link.item))
    changed = tuple(revised(link, ticket, told, stored, said_there, scope.run))
    edited = {comment.remote_id for comment, _ in changed if comment.deleted_at is None}
    fresh = edited | {act.id for act in activity if act.id not in stored}
    said = [act for act in told if act.kind is ActivityKind.COMMENT and act.id in fresh]
    look = Capturing(link, ticket, activity, scope.rules, scope.run, said, known)
    if look.asks_for_links():
        look = replace(look, links=scope.tracker.links(ticket, told))
    return changed, look.captured()


def _spoken(
    scope: Scope, item: ActionItem, activity: Sequence[Activity]
) -> tuple[tuple[Comment, ...], tuple[Comment, ...]]:
    """Our comments that are still to be sent, and those that stand there, sent after the database was copied.

    One about a topic that stands there is made to say what it is to say.
    """
    there = {act.marker_key: act.id for act in activity if act.marker_key}
    waiting, said = [], []
    for comment in scope.waiting.get(item.ref, ()):
        id_ = there.get(comment_key(scope.store.installation, comment))
        if id_ is None or comment.remote_id:
            waiting.append(comment)
        elif comment.topic:
            waiting.append(replace(comment, tracker=scope.tracker.name, remote_id=id_, standing=UNKNOWN))
        else:
            said.append(replace(comment, tracker=scope.tracker.name, remote_id=id_))
    return tuple(waiting), tuple(said)


def _miss(scope: Scope, missing: Sequence[Missing], reading: Reading) -> int:
    """Remember tickets that a direct read did not find, and hold those that were missing before.

    Tells how many had not been missed before, when others were there.
    """
    links = scope.links_of(missing)
    items = scope.items([link.item for link in links.values()])
    for one in missing:
        if (link := links.get(one.ref.id)) is None:
            continue
        item = items[link.item]
        step = vanished(item, link, one, tuple(scope.store.holds(item.ref)))
        if step.operations:
            reading.calls_for(step)
        elif link.missing_since is None:
            reading.knows(replace(link, missing_since=scope.now, item_revision=0))
            reading.lost.add(item.ref)
        else:
            reading.knows(replace(link, item_revision=item.revision))
    return sum(link.missing_since is None for link in links.values())
