"""How a scanner's finding reads as something a person can do."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_CHECK_IF = re.compile(r"^checks?\s+(?:if|whether|that)\s+", re.IGNORECASE)
_STATES = re.compile(r"\b(?:is|are|has|have|does|do|should|must|uses?|requires?|allows?)\b", re.IGNORECASE)
_ORDER = re.compile(
    r"^(?:ensure|avoid|check|configure|create|define|delete|disable|do|enable|encrypt|enforce|ensure|find|keep|limit"
    r"|maintain|make|minimi[sz]e|prevent|protect|register|remove|require|restrict|rotate|set|turn|update|use|verify)\b",
    re.IGNORECASE,
)
_SHOULD = re.compile(r"\b(?:should|must|shall)\b", re.IGNORECASE)
_NAME_LENGTH = 80
_LINK = re.compile(r"https?://\S+")


@dataclass(frozen=True, slots=True)
class Where:
    """The resource a finding is about; blank where the scanner does not say."""

    resource: str
    name: str
    type: str
    account: str
    account_name: str
    region: str


@dataclass(frozen=True, slots=True)
class Said:
    """What the scanner says: what it saw, why that matters, what to do and where to read on."""

    status: str
    risk: str = ""
    remediation: str = ""
    references: tuple[str, ...] = ()


def title(check_title: str, where: Where) -> str:
    """What to bring about, and where: `Ensure IAM Access Analyzer is enabled (acme-analyzer, eu-west-1)`."""
    name = shortened(where.name or where.resource)
    place = name if where.region in {"", "global", name} else f"{name}, {where.region}"
    return f"{order(check_title)} ({place})"


def order(check_title: str) -> str:
    """What a check looks at, as something to bring about."""
    what = " ".join(check_title.split()).rstrip(" .")
    what, asks = _CHECK_IF.subn("Ensure ", what)
    if not asks and not _ORDER.match(what) and _STATES.search(what):
        what = f"Ensure that {what}"
    return what


def demand(name: str) -> str:
    """What to do about something that is named by what is wrong, unless it orders something or says what should be."""
    what = " ".join(name.split()).rstrip(" .")
    if _ORDER.match(what):
        return what
    return f"Ensure that {what}" if _SHOULD.search(what) else f"Fix: {what}"


def shortened(name: str) -> str:
    """A name on one line, cut where it is long."""
    name = " ".join(name.split())
    return f"{name[: _NAME_LENGTH - 1]}…" if len(name) > _NAME_LENGTH else name


def description(said: Said, facts: Iterable[str], *, manual: bool = False) -> str:
    """The finding as Markdown, with lines of facts at its end.

    It is to say nothing that differs between two scans that found the same.
    """
    return "\n\n".join(part for part in _parts(said, facts, manual) if part)


def fact(label: str, what: str, *more: str) -> str:
    """One line that names a thing literally, and what else it is called."""
    extra = ", ".join(_code(name) for name in more if name)
    return f"- {label}: {_code(what)}" + (f" ({extra})" if extra else "")


def cloud_facts(where: Where, check: str) -> Iterator[str]:
    """The facts of a finding about a cloud's resource."""
    yield fact("Resource", where.resource, *(name for name in (where.name, where.type) if name != where.resource))
    yield fact("Account", where.account, where.account_name)
    if where.region:
        yield fact("Region", where.region)
    yield fact("Check", check)


def _parts(said: Said, facts: Iterable[str], manual: bool) -> Iterator[str]:
    if manual:
        yield "*The scanner cannot decide this check: look for yourself, and resolve the item with what you saw.*"
    if said.status:
        yield said.status
    if said.risk:
        yield f"**Why it matters:** {said.risk}"
    if said.remediation:
        yield f"**What to do:** {said.remediation}"
    if references := [
        ref for ref in dict.fromkeys(said.references) if not ref.lower().startswith("no command available")
    ]:
        yield "\n".join(_reference(ref) for ref in references)
    yield "\n".join(facts)


def _reference(text: str) -> str:
    if _LINK.fullmatch(text):
        return f"- <{text}>" if ">" not in text else f"- {_code(text)}"
    if "\n" not in text:
        return f"- {_code(text)}"
    fence = "```" if "```" not in text else "~~~~~~"
    return f"\n{fence}\n{text}\n{fence}\n"


def _code(text: str) -> str:
    """A code span, which keeps placeholders, wildcards and mentions from meaning anything."""
    return f"`{' '.join(text.replace('`', chr(39)).split())}`"
