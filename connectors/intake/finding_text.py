"""How a scanner's finding reads as something a person can do."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_CHECK_IF = re.compile(r"^checks?\s+(?:if|whether|that)\s+", re.IGNORECASE)
_STATES = re.compile(r"\b(?:is|are|has|have|does|do|should|must|uses?|requires?|allows?)\b", re.IGNORECASE)
_ORDER = re.compile(
    r"^(?:ensure|avoid|check|configure|create|define|delete|disable|do|enable|encrypt|enforce|ensure|find|keep|limit"
    r"|maintain|make|minimi[sz]e|prevent|protect|register|remove|require|restrict|rotate|set|turn|update|use|verify)\b",
    re.IGNORECASE,
)
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
    risk: str
    remediation: str
    references: tuple[str, ...]


def title(check_title: str, where: Where) -> str:
    """What to bring about, and where: `Ensure IAM Access Analyzer is enabled (acme-analyzer, eu-west-1)`."""
    what = " ".join(check_title.split()).rstrip(" .")
    what, asks = _CHECK_IF.subn("Ensure ", what)
    if not asks and not _ORDER.match(what) and _STATES.search(what):
        what = f"Ensure that {what}"
    name = " ".join((where.name or where.resource).split())
    if len(name) > _NAME_LENGTH:
        name = f"{name[: _NAME_LENGTH - 1]}…"
    place = name if where.region in {"", "global", name} else f"{name}, {where.region}"
    return f"{what} ({place})"


def description(said: Said, where: Where, check: str, *, manual: bool) -> str:
    """The finding as Markdown; it says nothing that differs between two scans that found the same."""
    return "\n\n".join(_parts(said, where, check, manual))


def _parts(said: Said, where: Where, check: str, manual: bool) -> Iterator[str]:
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
    yield "\n".join(_facts(where, check))


def _reference(text: str) -> str:
    if _LINK.fullmatch(text):
        return f"- <{text}>" if ">" not in text else f"- {_code(text)}"
    if "\n" not in text:
        return f"- {_code(text)}"
    fence = "```" if "```" not in text else "~~~~~~"
    return f"\n{fence}\n{text}\n{fence}\n"


def _facts(where: Where, check: str) -> Iterator[str]:
    extra = ", ".join(_code(text) for text in (where.name, where.type) if text and text != where.resource)
    yield f"- Resource: {_code(where.resource)}" + (f" ({extra})" if extra else "")
    yield f"- Account: {_code(where.account)}" + (f" ({_code(where.account_name)})" if where.account_name else "")
    if where.region:
        yield f"- Region: {_code(where.region)}"
    yield f"- Check: {_code(check)}"


def _code(text: str) -> str:
    """A code span, which keeps placeholders, wildcards and mentions from meaning anything."""
    return f"`{' '.join(text.replace('`', chr(39)).split())}`"
