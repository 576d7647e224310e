"""Items as people add, read and change them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from itertools import islice
from typing import Any

from state import acceptances, naming, proofs, risks
from state.acceptance import AcceptanceState, DueChange, as_of, fingerprint
from state.effects import Because, Effects, ItemChange
from state.lifecycle import OURS, lint, refusal
from state.model import ActionItem, Hold, ItemDraft, Link, Priority, Status
from state.register import folded
from state.store import Store
from state.store import Wanted as Query
from sync.app import evidence_shapes, identity, postponing, shapes, show
from sync.app.failures import IN_ORDER, Mistaken
from sync.app.opening import configuration, open_store
from sync.app.settings import Configuration
from sync.app.shell import Shell
from sync.app.taking_in import due_policy
from sync.involved import BY_HAND
from sync.postponing import history as due_history

_HISTORY = 50
_CHUNK = 500
_LESS = ("owner", "holds")
"""What a list leaves out on a narrow terminal."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a command line says of an item; `None` is not said, and an empty text clears."""

    title: str | None
    description: str | None
    priority: Priority | None
    owner: str | None
    due: date | None
    controls: list[str] | None
    risks: list[str] | None
    external_ref: str | None

    def values(self) -> dict[str, Any]:
        """The item's attributes that were said, checked."""
        given: dict[str, Any] = {
            "title": None if self.title is None else _title(self.title),
            "description": self.description,
            "priority": self.priority,
            "due_date": self.due,
            "controls": None if not self.controls else _listed(self.controls),
            "risks": None if not self.risks else _listed(self.risks),
            "external_ref": self.external_ref or None,
        }
        values = {name: value for name, value in given.items() if value is not None}
        return values if self.owner is None else {**values, "owner": _owner(self.owner)}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which items a list shows."""

    status: Status | None
    priority: Priority | None
    owner: str | None
    control: str | None
    tracker: str | None
    overdue: bool
    unlinked: bool
    group: str | None = None


def _title(text: str) -> str:
    title = " ".join(text.split())
    if not title:
        raise Mistaken("an item needs a title that says what is to be done")
    return title


def _owner(text: str) -> str | None:
    if not text.strip():
        return None
    name, mark, host = text.strip().partition("@")
    if not (name and mark and host) or len(text.split()) != 1:
        raise Mistaken(f"{text!r} is not an e-mail address, and an owner is named by one")
    return text.strip()


def _listed(values: list[str]) -> tuple[str, ...]:
    parts = (part.strip() for value in values for part in value.split(";"))
    return tuple(dict.fromkeys(filter(None, parts)))


def add(shell: Shell, said: Said) -> int:
    """Add one item."""
    config = configuration(shell)
    because = replace(identity.author(shell, config), reason=BY_HAND)
    values = said.values()
    draft = ItemDraft(**values)
    priority = draft.priority or Priority.MEDIUM
    due = draft.due_date or due_policy(config).due(priority, shell.today)
    with open_store(shell, config, writes=True) as store:
        if draft.external_ref and (known := store.existing([draft.external_ref])):
            [there] = known.values()
            taken = f"{there.ref} has the external reference {draft.external_ref!r}"
            raise Mistaken(f"{taken}; change it: `counterfoil item edit {there.ref}`")
        [item] = store.add_items([(draft, due, priority)], because)
        _answer_whole(shell, store, item)
    return IN_ORDER


def list_items(shell: Shell, wanted: Wanted) -> int:
    """List the wanted items."""
    with open_store(shell, configuration(shell)) as store:
        held = shapes.by_item(store.holds())
        rows = list(_matching(store, wanted, shell.today))
    answer = [shapes.item(item, link, held.get(item.ref, ())) for item, link in rows]
    shell.answer(answer, lambda: _listing(rows, held, wanted))
    return IN_ORDER


def _matching(store: Store, wanted: Wanted, today: date) -> Iterator[tuple[ActionItem, Link | None]]:
    query = Query(
        status=frozenset(filter(None, [wanted.status])),
        priority=frozenset(filter(None, [wanted.priority])),
        owner=wanted.owner,
        control=wanted.control,
        part_of=wanted.group and store.called(wanted.group),
        overdue_on=today if wanted.overdue else None,
        on=today,
    )
    found = store.list_items(query)
    while some := list(islice(found, _CHUNK)):
        links = store.links(item.ref for item in some)
        for item in some:
            link = links.get(item.ref)
            if wanted.tracker and (link is None or link.ref.tracker != wanted.tracker):
                continue
            if not (wanted.unlinked and (link or item.part_of)):
                yield item, link


def _listing(rows: list[tuple[ActionItem, Link | None]], held: dict[str, list[Hold]], wanted: Wanted) -> str:
    if not rows and any(asdict(wanted).values()):
        return "No such items."
    if not rows:
        return "No items yet. `counterfoil item add` or `counterfoil intake` brings some in."
    lines = [_line(item, link, held.get(item.ref, ())) for item, link in rows]
    return show.listing(lines, _LESS, show.counted(len(lines), "item"))


def _line(item: ActionItem, link: Link | None, holds: Iterable[Hold]) -> dict[str, str | None]:
    return {
        "item": item.ref,
        "status": item.status.value,
        "priority": item.priority.value,
        "due": item.due_date.isoformat(),
        "owner": item.owner,
        "ticket": link.ref.key if link else None,
        "holds": ", ".join(hold.id for hold in holds),
        "title": item.title,
    }


def show_item(shell: Shell, ref: str) -> int:
    """Show one item."""
    with open_store(shell, configuration(shell)) as store:
        _answer_whole(shell, store, store.item(store.called(ref)))
    return IN_ORDER


def _answer_whole(shell: Shell, store: Store, item: ActionItem, *, said: str = "") -> None:
    item = as_of(item, shell.today)
    link, holds, comments = store.link(item.ref), store.holds(item.ref), store.comments(item.ref)
    history = list(store.log([item.ref], newest=_HISTORY))
    answer = shapes.whole_item(item, link, holds, comments, history)
    answer["acceptances"] = [
        shapes.acceptance(each, shell.today) for each in store.ask(acceptances.of_items, [item.ref]).get(item.ref, [])
    ]
    answer["due_changes"] = [shapes.due_change(each) for each in due_history(store, item.ref)]
    brought = store.ask(proofs.of_items, [item.ref]).get(item.ref, [])
    answer["evidence"] = [evidence_shapes.piece(each, shell.today) for each in brought if not each.superseded]
    warnings = _warnings(store, item, shell.today)
    shell.answer(answer, lambda: said or _whole(answer, warnings))


def _warnings(store: Store, item: ActionItem, today: date) -> list[str]:
    """What a reader of an item would miss, and which of its risks are not in the register, where one is kept."""
    known = store.ask(naming.risks_called, item.risks) if item.risks else {}
    unknown = [name for name in item.risks if folded(name) not in known]
    told = f"no risk is called {' or '.join(map(repr, unknown))} (`counterfoil risk list`)"
    registered = bool(unknown) and bool(store.ask(risks.everything))
    return lint(item, today) + ([told] if registered else [])


def _whole(answer: dict[str, Any], warnings: list[str]) -> str:
    ticket = answer["ticket"]
    facts = [
        ("status", answer["status"]),
        ("claim", answer["claim"]),
        ("priority", answer["priority"]),
        ("owner", answer["owner"]),
        ("due", _due(answer)),
        ("accepted", answer["accepted"] and f"until {answer['accepted']['until']}, by {answer['accepted']['ref']}"),
        ("controls", ", ".join(answer["controls"])),
        ("risks", ", ".join(answer["risks"])),
        ("source", " ".join(filter(None, (answer["source"], answer["source_ref"])))),
        ("external ref", answer["external_ref"]),
        ("goes on from", answer["predecessor"]),
        ("part of", answer["part_of"]),
        ("ticket", ticket and f"{ticket['tracker']}: {ticket['key']} {ticket['url']}"),
        ("warnings", "; ".join(warnings)),
    ]
    facts += [(name.replace("_", " "), text) for name, text in answer["origin"].items()]
    parts: list[object] = [show.heading(f"{answer['ref']}  {answer['title']}"), show.table(("", ""), facts)]
    if answer["description"]:
        parts += [show.heading("Description"), answer["description"]]
    if answer["due_changes"]:
        parts += [show.heading("Due dates"), show.bullets(_moved(each) for each in answer["due_changes"])]
    if answer["evidence"]:
        parts += [show.heading("Evidence"), show.bullets(map(evidence_shapes.line, answer["evidence"]))]
    if answer["comments"]:
        said = [f"{show.minute(c['at'])} {c['author']}{_since(c)}: {c['text']}" for c in answer["comments"]]
        parts += [show.heading("Comments"), show.bullets(said)]
    if answer["holds"]:
        parts += [
            show.heading("Waits for a person"),
            show.bullets(f"{h['id']} {h['kind']}: {h['detail']}\n    {h['command']}" for h in answer["holds"]),
        ]
    return show.rendered(*parts, show.heading("History"), show.records(answer["history"]))


def _due(answer: dict[str, Any]) -> str:
    due, original = answer["due_date"], answer["original_due_date"]
    return str(due) if due == original else f"{due} (first {original})"


def _moved(each: dict[str, Any]) -> str:
    verdict = each["verdict"] or "not decided"
    decided = f" by {each['decided_by']}: {each['decided_why'] or ''}" if each["decided_by"] else ""
    return f"{each['before']} -> {each['after']}, asked for by {each['requester']}: {verdict}{decided}"


def edit(shell: Shell, ref: str, said: Said, status: Status | None, reason: str) -> int:
    """Change one item."""
    config = configuration(shell)
    because = replace(identity.author(shell, config), reason=reason or "item edit")
    with open_store(shell, config, writes=True) as store:
        item = store.item(ref := store.called(ref))
        moved = _given(config, store, item, said.values(), status)
        if item.is_group and (fixed := moved.keys() - {"owner", "status", "claim"}):
            names = ", ".join(sorted(fixed)).replace("_", " ")
            raise Mistaken(f"{ref} follows its items in {names}; see `counterfoil item list --group {ref}`")
        later = []
        if postponing.is_request(config, item, day := moved.get("due_date", item.due_date)):
            later = [postponing.asking(shell, config, item, day, reason)]
            del moved["due_date"]
        if moved or later:
            changes = [ItemChange(ref, moved, because, seen=item.revision)] if moved else []
            store.commit(None, Effects(changes=changes, later=later))
        told = [_edited(ref, moved, later, store.link(ref)), *_voided(store, ref)]
        before, after = _warnings(store, item, shell.today), store.item(ref)
        told += (f"{ref}: {text}" for text in _warnings(store, after, shell.today) if text not in before)
        _answer_whole(shell, store, after, said="\n".join(told))
    return IN_ORDER


def _given(
    config: Configuration, store: Store, item: ActionItem, values: dict[str, Any], status: Status | None
) -> dict[str, Any]:
    """Those of the values that the item does not have; raises `Mistaken` where it may not have one of them."""
    if status is Status.RESOLVED:
        raise Mistaken(
            f"what is done is said with `counterfoil resolve {item.ref} --reason TEXT`, and what shows it with that"
        )
    if status is not None and status is not item.status:
        if why := refusal(item.status, status, OURS):
            raise Mistaken(f"{item.ref}: {why}")
        values |= {"status": status, "claim": None}
    if not values:
        raise Mistaken("nothing to change: name a field, such as --owner or --status")
    if why := identity.easing(config, store, item, values):
        raise Mistaken(f"{item.ref}: {why}, who gives the same command; nothing was changed")
    return {name: value for name, value in values.items() if getattr(item, name) != value}


def _voided(store: Store, ref: str) -> Iterator[str]:
    """What stands for the item as it was, and is void now that it is another."""
    now = fingerprint(store.item(ref))
    for each in store.ask(acceptances.of_items, [ref]).get(ref, []):
        if each.state in acceptances.STANDING and each.fingerprint != now:
            what = "accepted" if each.state is AcceptanceState.ACTIVE else "asked to accept"
            yield f"{each.ref} {what} what {ref} was before, and is void; the next sync tells the ticket"


def _edited(ref: str, moved: Mapping[str, Any], later: Iterable[tuple[DueChange, Because]], link: Link | None) -> str:
    told = [
        f"{ref}: to be due on {asked.after} is asked for; another risk owner decides: counterfoil due approve {ref}"
        for asked, _ in later
    ]
    if moved:
        names = ", ".join(name.replace("_", " ") for name in moved if name != "claim")
        where = f" to {link.ref.key}" if link else ""
        told.append(f"{ref}: {names} changed; the next sync carries it{where}")
    return "\n".join(told) or f"{ref} is like that already"


def _since(said: Mapping[str, Any]) -> str:
    """What became of a comment in the tracker."""
    if said["deleted_at"]:
        return f" (deleted there, {show.minute(said['deleted_at'])})"
    return f" (edited {show.minute(said['edited_at'])})" if said["edited_at"] else ""


def comment(shell: Shell, ref: str, text: str) -> int:
    """Say something about an item."""
    if not text.strip():
        raise Mistaken("a comment needs words")
    config = configuration(shell)
    because = replace(identity.author(shell, config), reason="item comment")
    with open_store(shell, config, writes=True) as store:
        ref = store.called(ref)
        stored = store.add_comment(ref, because.agent.name or because.agent.account, text.strip(), because)
        linked = store.link(ref) is not None
    when = "the next sync sends it to the ticket" if linked else "it is sent once the item has a ticket"
    shell.answer(shapes.comment(stored), lambda: f"{stored.id} on {ref}; {when}")
    return IN_ORDER


def unlink(shell: Shell, ref: str, reason: str) -> int:
    """Forget an item's ticket."""
    config = configuration(shell)
    because = replace(identity.author(shell, config), reason=reason or "item unlink")
    with open_store(shell, config, writes=True) as store:
        was = store.unlink(ref := store.called(ref), because)
    if was is None:
        raise Mistaken(f"{ref} has no ticket")
    warning = "the next sync makes a new one, unless `counterfoil item link` gives it another"
    answer = {"item": ref, "unlinked": shapes.ticket(was)}
    shell.answer(answer, lambda: f"{ref} is no longer {was.ref.key}, which is left as it is; {warning}")
    return IN_ORDER
