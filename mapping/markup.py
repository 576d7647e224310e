"""Foreign Markdown made harmless and short enough, so that it only ever says what it says."""

import html
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import TypeVar

from markdown_it import MarkdownIt

from mapping.direction import TURNING

T = TypeVar("T")

ZERO_WIDTH_SPACE = "\u200b"

_PARSER = MarkdownIt("commonmark", {"html": False}).enable("table")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufff9-\uffff]")
_TURNING = re.compile(f"[{TURNING}]")
_SUSPECT = re.compile(r"[@#<&]|gh-|://|counterfoil:|[0-9a-f]{40}", re.IGNORECASE)
_ENTITY = re.compile(r"&(?=(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});)")
_AUTOLINK = re.compile(r"<(https?://[^\s<>`]+)>", re.IGNORECASE)
_HTML = re.compile(r"<(?=[A-Za-z/!?])")
_MENTION = re.compile(r"(?<![A-Za-z0-9])@(?=[^\s\u200b])|@(?=[^\s\u200b])(?![A-Za-z0-9-]+\.[A-Za-z])")
_REFERENCE = re.compile(r"(?<!&)#(?=[0-9&])|(?<=&)#(?=[0-9])(?![0-9]+;)|(?<![A-Za-z0-9])gh-(?=[0-9&])", re.IGNORECASE)
_URL = re.compile(r"https?://\S+", re.IGNORECASE)
_TO_ISSUE = re.compile(
    r"(/(?:issues?|pulls?|pull-requests|merge_requests|discussions|commits?)/)(?=[0-9a-f&%])", re.IGNORECASE
)
_BARE = re.compile(r"[^\s<>()\[\]`|\"'\u200b]+")
_SHA = re.compile(r"(?<![0-9A-Za-z])(?P<head>[0-9a-f]{7})(?P<tail>[0-9a-f]{33})(?![0-9A-Za-z])", re.IGNORECASE)
_OUR_MARKER = re.compile(r"(counterfoil:)(?=[A-Za-z])", re.IGNORECASE)
_TICKS = re.compile(r"\\.|(`+)")


def clean(text: str) -> str:
    """The text with plain newlines, and without control characters and those that change the reading direction."""
    return _TURNING.sub("", _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def clean_title(title: str) -> str:
    """The title as one line of visible text."""
    return " ".join(_TURNING.sub("", _CONTROL.sub(" ", title)).replace(ZERO_WIDTH_SPACE, "").split())


def cut_title(title: str, limit: int) -> str:
    """The title within `limit` characters, cut after a word, with an ellipsis if anything was cut."""
    if size(title) <= limit:
        return title
    room = _prefix(title, max(limit - 1, 0))
    head, space, _ = (room, " ", "") if title[len(room)] == " " else room.rpartition(" ")
    kept = head if space and len(head) * 2 > len(room) else room
    return _whole(kept, title).rstrip(" ,;:-\u2013") + "\u2026"


def size(text: str) -> int:
    """The length as the strictest tracker counts it, in UTF-16 units."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def cut_text(text: str, limit: int) -> tuple[str, int]:
    """As much of the text as fits, cut at a line's or word's end, and how many characters are left out."""
    if size(text) <= limit:
        return text, 0
    room = _prefix(text, max(limit, 0))
    for separator in ("\n", " "):
        head, found, _ = (room, separator, "") if text[len(room)] == separator else room.rpartition(separator)
        if found and len(head) * 10 > len(room) * 8:
            room = head
            break
    kept = _whole(room, text).rstrip()
    return kept, len(text) - len(kept)


def fitted(text: str, limit: int, write: Callable[[str, int], T], measure: Callable[[T], int]) -> tuple[T, int]:
    """What `write` makes of as much of the text as `limit` takes by `measure`, and how many characters are left out.

    `write` is given the text that is kept and the number of characters that are not. With nothing kept, its answer
    counts as fitting.
    """
    room = min(size(text), max(limit, 0))
    bare: int | None = None
    while True:
        kept, left_out = cut_text(text, room)
        written = write(kept, left_out)
        length = measure(written)
        if length <= limit or not kept:
            return written, left_out
        bare = measure(write("", len(text))) if bare is None else bare
        share = max(limit - bare, 0) / max(length - bare, 1)
        room = min(int(size(kept) * share * 0.99), size(kept) - 1)


def neutralise(text: str) -> str:
    """The Markdown with nothing in it that notifies, links to or closes anything, and without live HTML.

    Code stays as it is. Doing it twice changes nothing more. An invisible U+200B breaks what would be live.
    """
    if not _SUSPECT.search(text):
        return text
    text = unforgeable(text)
    lines = text.split("\n")
    for chunk in _prose(text):
        live = [lines[number] for number in chunk]
        safe = [_neutralise_line(line) for line in live] if all(map(_balanced, live)) else map(_break, live)
        for number, line in zip(chunk, safe, strict=True):
            lines[number] = line
    return "\n".join(lines)


def break_references(text: str) -> str:
    """Plain text with mentions, references and hashes broken by an invisible character."""
    text = _URL.sub(lambda found: _TO_ISSUE.sub(rf"\1{ZERO_WIDTH_SPACE}", found[0]), text)
    text = _MENTION.sub(f"@{ZERO_WIDTH_SPACE}", text)
    text = _REFERENCE.sub(lambda found: found[0] + ZERO_WIDTH_SPACE, text)
    return _SHA.sub(rf"\g<head>{ZERO_WIDTH_SPACE}\g<tail>", text)


def unforgeable(text: str) -> str:
    """The text without anything that reads as one of our markers."""
    return _OUR_MARKER.sub(rf"\1{ZERO_WIDTH_SPACE}", text)


def close_fences(text: str) -> str:
    """The Markdown with an unfinished code fence finished, so that what follows is not swallowed by it."""
    if "```" not in text and "~~~" not in text:
        return text
    while (mark := _open_fence(text)) is not None:
        text = f"{text}\n{mark}"
    return text


def escape(text: str) -> str:
    """Plain text as Markdown that shows it literally, on one line."""
    return re.sub(r"([\\`*_\[\]|~])", r"\\\1", " ".join(clean(text).split()))


def code_span(text: str) -> str:
    """Plain text as a code span on one line."""
    line = unforgeable(" ".join(clean(text).split()))
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", line)), default=0))
    return f"{fence} {line} {fence}" if line.startswith("`") or line.endswith("`") else f"{fence}{line}{fence}"


def _prose(text: str) -> Iterator[list[int]]:
    """Runs of line numbers that are neither code nor blank."""
    code = {
        number
        for token in _PARSER.parse(text)
        if token.type in ("fence", "code_block") and token.map
        for number in range(*token.map)
    }
    chunk: list[int] = []
    for number, line in enumerate(text.split("\n")):
        if number in code or not line.strip():
            if chunk:
                yield chunk
            chunk = []
        else:
            chunk.append(number)
    if chunk:
        yield chunk


def _segments(line: str) -> list[tuple[str, bool]]:
    """The line in parts that are code spans or not; an opening mark that nothing closes is text."""
    parts: list[tuple[str, bool]] = []
    start = at = 0
    while found := _TICKS.search(line, at):
        at = found.end()
        if not found[1]:
            continue
        closing = re.compile(rf"(?<!`){found[1]}(?!`)").search(line, at)
        if closing is None:
            continue
        parts += [(line[start : found.start()], False), (line[found.start() : closing.end()], True)]
        start = at = closing.end()
    return [*parts, (line[start:], False)]


def _balanced(line: str) -> bool:
    """Whether what looks like a code span within this line is one whatever stands around the line."""
    segments = _segments(line)
    return not any("`" in re.sub(r"\\.", "", part) for part, code in segments if not code) and not any(
        "|" in part for part, code in segments if code
    )


def _neutralise_line(line: str) -> str:
    segments = _segments(line)
    return "".join(part if code else _break(part, quote=len(segments) == 1) for part, code in segments)


def _break(text: str, *, quote: bool = False) -> str:
    text = _ENTITY.sub(_literal_entity, text)
    text = _HTML.sub(f"<{ZERO_WIDTH_SPACE}", _AUTOLINK.sub(r"\1", text))
    parts = _quote_links(text) if quote else [(text, False)]
    return "".join(part if code else break_references(part) for part, code in parts)


def _quote_links(text: str) -> list[tuple[str, bool]]:
    """The text in parts, those that a tracker would turn into references made code spans where they stand alone."""
    parts: list[tuple[str, bool]] = []
    start = 0
    for found in re.finditer(r"(?<!\S)\S+(?!\S)", text):
        word = found[0]
        if _SHA.fullmatch(word) or (_URL.fullmatch(word) and _BARE.fullmatch(word) and _TO_ISSUE.search(word)):
            parts += [(text[start : found.start()], False), (f"`{word}`", True)]
            start = found.end()
    return [*parts, (text[start:], False)]


def _literal_entity(found: re.Match[str]) -> str:
    char = html.unescape(f"&{found[1]};")
    return f"&{ZERO_WIDTH_SPACE}" if char.isascii() and (char.isalnum() or char in "@#/-:._`") else "&"


def _open_fence(text: str) -> str | None:
    tokens = _PARSER.parse(f"{text}\n\n\u241e")
    last = next((token for token in reversed(tokens) if token.type in ("fence", "inline")), None)
    return last.markup if last is not None and last.type == "fence" and "\u241e" in last.content else None


def _prefix(text: str, limit: int) -> str:
    if text.isascii():
        return text[:limit]
    return text.encode("utf-16-le", "surrogatepass")[: 2 * limit].decode("utf-16-le", "ignore")


def _whole(kept: str, text: str) -> str:
    """`kept`, a beginning of `text`, without a last character that the cut tore apart."""
    while kept and len(kept) < len(text) and _joined(kept[-1], text[len(kept)]):
        kept = kept[:-1]
    return kept


def _joined(left: str, right: str) -> bool:
    return (
        bool(unicodedata.combining(right))
        or unicodedata.category(right) in ("Mn", "Me", "Mc")
        or "\u200d" in (left, right)
        or "\U0001f3fb" <= right <= "\U0001f3ff"
        or ("\U0001f1e6" <= left <= "\U0001f1ff" and "\U0001f1e6" <= right <= "\U0001f1ff")
    )
