"""What is attached to an issue on GitHub and linked with it, as its texts and its history tell."""

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

from connectors.github_reading import Json, login, part, repository_of
from state.ticket import PULL_REQUEST, Activity, ActivityKind, Artefact

COMMIT = "commit"
_CLOSES = r"(?i)\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?)\b:?\s+(?:{names})(?![\w#/-])"


def attached(comment: Activity, page: str) -> Iterator[Activity]:
    """The files that a text leads to which were dropped into GitHub's own editor; it keeps them for good."""
    place = re.escape(page)
    address = rf"{place}/(?:user-attachments|[\w.-]+/[\w.-]+)/(?:assets|files)/[\w./%+-]*[\w%+-]"
    named = {found[2]: found[1] for found in re.finditer(rf"\[([^\[\]\n]*)\]\(({address})\)", comment.text)}
    for url in dict.fromkeys(re.findall(address, comment.text)):
        name = named.get(url) or url.rpartition("/")[2]
        path = url.removeprefix(page).lstrip("/")
        yield replace(
            comment,
            id=path,
            kind=ActivityKind.ATTACHMENT,
            at=comment.edited_at or comment.at,
            text=name,
            edited_at=None,
            artefact=Artefact(url=url, name=name),
        )


def pull_request(source: Json, known: Activity, key: str, trusted: Collection[str] = ()) -> Activity:
    """A pull request that mentions the issue called `key`, as far as the issue's own history shows it.

    It closes the issue only from the issue's own repository, or from one of those that are `trusted`.
    """
    place = repository_of(source)
    merged = part(source, "pull_request").get("merged_at")
    shown = Artefact(
        url=str(source.get("html_url") or ""),
        name=str(source.get("title") or ""),
        author=login(source.get("user")),
        closes=_is_ours(place, key, trusted) and closes(source.get("body"), place, key),
    )
    return replace(
        known,
        id=f"x{source.get('id')}",
        kind=ActivityKind.LINK,
        text=shown.url,
        field=PULL_REQUEST,
        after="merged" if merged else str(source.get("state") or "open"),
        artefact=shown,
    )


def _is_ours(place: str, key: str, trusted: Collection[str]) -> bool:
    return place.casefold() in {name.casefold() for name in (key.rpartition("#")[0], *trusted)}


def closes(text: Any, place: str, key: str) -> bool:
    """Whether the text of a change in the repository `place` says that it closes the issue called `owner/name#12`."""
    repository, _, number = key.rpartition("#")
    names = [rf"{re.escape(repository)}#{number}", rf"https?://\S+/{re.escape(repository)}/issues/{number}"]
    if place.casefold() == repository.casefold():
        names.append(rf"#{number}")
    return isinstance(text, str) and re.search(_CLOSES.format(names="|".join(names)), text) is not None


def commit(payload: Json, known: Activity, page: str, *, closing: bool) -> Iterator[Activity]:
    """The commit that an event names, if it names one."""
    sha = str(payload.get("commit_id") or "")
    found = re.search(r"/repos/([^/]+/[^/]+)/", str(payload.get("commit_url") or payload.get("url") or ""))
    if sha and found:
        made = Artefact(f"{page}/{found[1]}/commit/{sha}", sha[:12], commit=sha, closes=closing)
        yield replace(known, id=f"c{sha}", kind=ActivityKind.LINK, text=made.url, field=COMMIT, artefact=made)


def approvers(reviews: list[Json]) -> tuple[str, ...]:
    """Who approved and did not take it back; a later review by the same person counts for the one before."""
    latest: dict[str, str] = {}
    for review in reviews:
        said = str(review.get("state") or "").upper()
        if said in ("APPROVED", "CHANGES_REQUESTED", "DISMISSED"):
            latest[login(review.get("user"))] = said
    return tuple(name for name, said in latest.items() if said == "APPROVED")
