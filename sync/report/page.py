"""A report as one page that needs no network, for somebody who has never seen the tool."""

import os
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import PurePath
from typing import Any
from urllib.parse import quote, urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mapping.direction import TURNING
from state.series import chunks
from sync.report import figures, remarks, words
from sync.report.members import Member
from sync.report.model import Book, status_at
from sync.report.prose import prose
from sync.report.sheets import csv_members
from sync.report.workbook import workbook

PAGE = "index.html"
_OBEYED = re.compile(f"[\x00-\x08\x0b-\x1f\x7f-\x9f{TURNING}\ufff9-\ufffb]")
"""What a page would obey instead of show: control characters, and those that turn the direction of writing."""
_PIECES = 200
MOST = 1000
"""So many stories a browser opens at once with ease."""


def members(book: Book, charts: Mapping[str, str]) -> Iterator[Member]:
    """The readable part of a pack: the page with its charts, the tables, and the workbook with all of them."""
    yield from pages(book, charts, proofs=True)
    yield from csv_members(book)
    yield workbook(book)


def pages(
    book: Book, charts: Mapping[str, str], *, proofs: bool, name: str = PAGE, most: int = MOST
) -> Iterator[Member]:
    """The page; with `proofs` it says how what it tells can be checked with the files beside it.

    More than `most` stories stand on further pages beside it, which are named after it.
    """
    stories = book.told
    some = list(chunks(stories, most)) if len(stories) > most else []
    further = {named(name, number): each for number, each in enumerate(some, 1)}
    links = {_beside(place): part for place, part in further.items()}
    homes = {each.ref: link for link, part in links.items() for each in part}
    style = Markup(_environment().get_template("style.css").render())  # noqa: S704
    shared = {
        "book": book,
        "proofs": proofs,
        "style": style,
        "policy_of_content": _policy(style),
        "homes": homes or dict.fromkeys((each.ref for each in stories), ""),
        "begin": _beside(name),
        **_told(book),
    }
    pictures = {name: Markup(svg) for name, svg in charts.items()}  # noqa: S704
    here = () if further else stories
    yield Member(name, _drawn(PAGE, shared | {"charts": pictures, "stories": here, "further": links}))
    for place, part in further.items():
        yield Member(place, _drawn("stories.html", shared | {"stories": part}))


def named(name: str, number: int) -> str:
    """What the further page of this number, from 1 on, is called."""
    file = PurePath(name)
    return f"{file.stem}-{number:03d}{file.suffix}"


def is_further(page: bytes, name: str) -> bool:
    """Whether this is a further page of a report that is called so."""
    return f'<a href="{_beside(name)}">The summary and all tables</a>'.encode() in page


def _drawn(template: str, told: Mapping[str, Any]) -> Iterator[bytes]:
    stream = _environment().get_template(template).stream(told)
    stream.enable_buffering(_PIECES)
    for text in stream:
        yield text.encode()


@cache
def _environment() -> Environment:
    """The templates, each of which is compiled once in a process."""
    environment = Environment(
        loader=PackageLoader("sync.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters |= {"minute": _minute, "address": _address, "plain": words.plain, "value": words.value}
    environment.filters["prose"] = _prose
    return environment


def _told(book: Book) -> Mapping[str, Any]:
    return {
        "summary": figures.summary(book),
        "durations": figures.to_resolve(book),
        "still_open": figures.still_open(book),
        "closed": figures.closed(book),
        "standing": remarks.standing(book),
        "over": remarks.over(book),
        "overdue": remarks.overdue(book),
        "late": remarks.late(book),
        "days_late": remarks.days_late,
        "remarks": remarks.remarks(book),
        "status_at": status_at,
        "headline": words.headline,
        "quotation": words.quotation,
        "source": words.source,
        "sources": words.SOURCES,
        "titles": {each.ref: each.title for each in book.items},
    }


def _policy(style: str) -> str:
    """What the page may load: nothing, but for its own style."""
    allowed = b64encode(sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{allowed}'; base-uri 'none'; form-action 'none'"


def _shown(value: Any) -> Any:
    """A value as the page shows it, without what it would obey."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return "" if value is None else value
    return _OBEYED.sub("\N{REPLACEMENT CHARACTER}", value)


def _prose(text: str) -> Markup:
    return Markup(_shown(prose(text)))  # noqa: S704


def _minute(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M}"


def _beside(name: str) -> str:
    """The address of a file beside the page, whatever it is called."""
    return quote(os.fsencode(name))


def _address(url: object) -> str:
    """An address that may be followed; nothing for any other."""
    try:
        parts = urlsplit(str(url or ""))
        return str(url) if parts.scheme in ("http", "https") and parts.hostname else ""
    except ValueError:
        return ""
