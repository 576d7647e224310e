"""Who has to do with an item and with a request about it: now, and ever since the item was made."""

from collections.abc import Iterable, Mapping
from typing import Any

from state import links, proofs
from state.acceptance import UNKNOWN, Acceptance, Involved
from state.model import ActionItem, Field, Link
from state.store import Store

_ACCOUNT = "account:"
BY_HAND = "item add"
"""The reason on record of an item that somebody wrote by hand; a file that is taken in tells what others found."""

Kinds = Mapping[str, str]
"""Each tracker's kind of accounts, as people have them."""


def involved(store: Store, kinds: Kinds, about: Acceptance, item: ActionItem) -> Involved:
    """Everyone who has to do with an item and the request, as far as is known here.

    Whoever owned the item, was assigned to its ticket or reported it stays involved. An item whose ticket lists this
    one, or did, involves people just as the item itself does.
    """
    past = _past(store, [item.ref])
    groups = {item.part_of} | {each for told in past if told["field"] == "part_of" for each in _both(told)}
    refs = [item.ref, *sorted(filter(None, groups))]
    past += _past(store, refs[1:])
    tickets = store.ask(links.ever, refs)
    return Involved(
        requester=frozenset({about.requester}),
        owner=_owners(past) | frozenset(filter(None, [item.owner])),
        assignee=frozenset(name for link in tickets for name in _assignees(link, kinds)),
        reporter=_filed(past) | {_known(each, each.reporter, kinds) for each in tickets if each.reporter},
        fixers=_fixers(store, refs),
        editors=frozenset(about.editors) | (touched(store, kinds, refs) if about.requester == UNKNOWN else frozenset()),
    )


def owners(store: Store, item: ActionItem) -> frozenset[str]:
    """Everyone who owns an item, or ever did."""
    return _owners(_past(store, [item.ref])) | frozenset(filter(None, [item.owner]))


def touched(store: Store, kinds: Kinds, refs: Iterable[str]) -> frozenset[str]:
    """Everyone of whom a tracker told that they did something to the tickets of these items."""
    actors = (record.told["actor"] for record in store.log(list(refs)))
    return frozenset(f"{kinds[each['system']]}:{each['account']}" for each in actors if each["system"] in kinds)


def _past(store: Store, refs: list[str]) -> list[Mapping[str, Any]]:
    """How the items began, and every later change of them."""
    told = (record.told for record in (store.log(refs) if refs else ()))
    return [each for each in told if each["action"] in ("item.created", "item.changed")]


def _both(told: Mapping[str, Any]) -> tuple[Any, Any]:
    return told["before"], told["after"]


def _owners(past: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Everyone who ever owned one of the items."""
    found: set[str | None] = set()
    for told in past:
        if told["action"] == "item.created":
            found.add(told["after"]["owner"])
        elif told["field"] == "owner":
            found.update(_both(told))
    return frozenset(filter(None, found))


def _filed(past: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Who wrote an item by hand, under the names that they had here then."""
    made = (each["actor"] for each in past if (each["action"], each["reason"]) == ("item.created", BY_HAND))
    return frozenset(filter(None, (name for each in made for name in (each["account"], each["name"]))))


def _fixers(store: Store, refs: list[str]) -> frozenset[str]:
    """Who wrote the changes that are to mend the items."""
    pieces = (each.draft for some in store.ask(proofs.of_items, refs).values() for each in some)
    return frozenset(each.by for each in pieces if each.by and each.is_change)


def _assignees(link: Link, kinds: Kinds) -> frozenset[str]:
    agreed = link.baseline.get(Field.ASSIGNEE)
    sides = {agreed.ours, agreed.theirs} - {None} if agreed is not None else set()
    return frozenset(_named(link, str(side), kinds) for side in sides)


def _named(link: Link, side: str, kinds: Kinds) -> str:
    """Somebody as a baseline names them: by address, or as an account that nobody here has."""
    return _known(link, side.removeprefix(_ACCOUNT), kinds) if side.startswith(_ACCOUNT) else side


def _known(link: Link, account: str, kinds: Kinds) -> str:
    return f"{kinds.get(link.ref.tracker, link.ref.tracker)}:{account}"
