"""Personal text beside the ledger: records hold its salted hash, so that it can be erased and they stay whole."""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, Row, delete, insert, select

from state.errors import AuditError
from state.series import Rows, chunks
from state.tables import SaltedRow

SALTED = SaltedRow.__table__  # type: ignore[attr-defined]
ERASED = "(erased)"
"""What is read where a personal text is not here any more."""
PERSON, GONE = "person", "person.erased"
"""What a record is about, and its action, that names the hashes of texts that were erased."""

Entropy = Callable[[int], bytes]

_GONE = f'"{ERASED}"'
_SALT = 16
_HEX = re.compile(r"[0-9a-f]{32}")
_KEY = "salted"
_IN_BODY = re.compile(r'\{"salted":"([0-9a-f]{64})"\}')
"""How a personal text stands in the canonical text of a record."""


WORDS = frozenset(
    {"compensating", "conditions", "detail", "existing", "justification", "reason", "shows", "text", "why"}
)
"""The names under which records hold what people said."""
PERSONAL = WORDS | {
    *("account", "assignee", "author", "authority", "by", "editors", "owner", "requester", "typed_by"),
}
"""The same, and the names under which they hold what people are called: personal wherever they stand."""
_OF_EVIDENCE = PERSONAL | {"url"}
"""The same for records about evidence; the address of a ticket is about nobody."""
_OF_PEOPLE = PERSONAL | {"ours", "theirs"}
"""The same for records about a field whose values are people: either side of what waits is one."""


class Personal(str):
    """A text about a person or by one, as it is given to the ledger."""

    __slots__ = ()


def personal(text: str) -> str:
    """A text as the ledger takes it where it may say something about a person; what is empty says nothing."""
    return Personal(text) if text else text


def marked(value: Any, action: str, field: str) -> Any:
    """What a record of an action says of a field, or of all of an object, with the personal texts in it marked."""
    names = _OF_PEOPLE if field == "assignee" else _OF_EVIDENCE if action.startswith("evidence.") else PERSONAL
    return _marked(value, names, whole=field in PERSONAL)


def _marked(value: Any, names: Collection[str], *, whole: bool) -> Any:
    """The texts under such names marked; where it is the `whole`, a text or a list by itself too."""
    match value:
        case str():
            return personal(value) if whole else value
        case dict():
            return {key: _marked(each, names, whole=key in names) for key, each in value.items()}
        case list():
            return [_marked(each, names, whole=whole) for each in value]
        case _:
            return value


def commitment(salt: str, text: str) -> str:
    """What a record holds in place of a text: HMAC-SHA256 over its UTF-8, by its salt of 16 bytes (32 hex digits)."""
    return hmac.digest(bytes.fromhex(salt), text.encode(), "sha256").hex()


def commit(connection: Connection, texts: Iterable[str], entropy: Entropy) -> dict[str, dict[str, str]]:
    """Keep personal texts, each once, and tell what stands for them in records."""
    wanted = {_digest(text): text for text in texts}
    found: dict[str, str] = {}
    for some in chunks(wanted):
        rows = connection.execute(select(SALTED).where(SALTED.c.digest.in_(some)))
        found.update((row.digest, row.hash) for row in rows if _must_be(row, wanted[row.digest]))
    new = [_row(digest, text, entropy(_SALT).hex()) for digest, text in wanted.items() if digest not in found]
    if new:
        connection.execute(insert(SALTED), new)
    found |= {row["digest"]: row["hash"] for row in new}
    return {text: {_KEY: found[digest]} for digest, text in wanted.items()}


def texts(bodies: Sequence[Mapping[str, Any]]) -> list[str]:
    """The personal texts in bodies that are to be written, each once; half a character is a `TypeError`."""
    found: dict[str, None] = {}
    orjson.dumps(bodies, default=found.setdefault, option=orjson.OPT_PASSTHROUGH_SUBCLASS)
    return [*found]


def named_in(body: str) -> list[str]:
    """The hashes that stand for personal texts in the canonical text of a record."""
    return _IN_BODY.findall(body)


def told(rows: Rows, bodies: Iterable[str]) -> Callable[[str], Any]:
    """How to read the bodies of records, with the personal texts in them; that raises `ValueError` for no JSON."""
    known: dict[str, str] = {}
    for some in chunks({each for body in bodies for each in named_in(body)}):
        query = select(SALTED.c.hash, SALTED.c.text).where(SALTED.c.hash.in_(some))
        known.update((row.hash, _written(_text(row.text))) for row in rows(query))
    return lambda body: orjson.loads(_IN_BODY.sub(lambda found: known.get(found[1], _GONE), body))


def every(connection: Connection) -> Iterator[tuple[str, str, str]]:
    """The hash, the salt and the text of each that is here, by hash."""
    query = select(SALTED.c.hash, SALTED.c.salt, SALTED.c.text).order_by(SALTED.c.hash)
    for row in connection.execute(query.execution_options(yield_per=500)):
        yield row.hash, row.salt, _text(row.text)


def hashes_of(connection: Connection, some: Iterable[str]) -> frozenset[str]:
    """What stands for these texts, where they are here."""
    wanted = SALTED.c.digest.in_([_digest(text) for text in some])
    return frozenset(connection.execute(select(SALTED.c.hash).where(wanted)).scalars())


def erase(connection: Connection, hashes: Iterable[str]) -> None:
    """Let texts go for good; the database refuses it of those that no record says it of."""
    for some in chunks(hashes):
        connection.execute(delete(SALTED).where(SALTED.c.hash.in_(some)))


def held(connection: Connection, wanted: Iterable[str]) -> dict[str, bool]:
    """Those of the hashes whose text is still here, and whether each was made of it."""
    left = dict.fromkeys(wanted)
    found: dict[str, bool] = {}

    def take(rows: Iterable[Sequence[str]]) -> None:
        for hash_, salt, text in rows:
            if hash_ in left:
                found[hash_] = _is_whole(hash_, salt, text)
                del left[hash_]

    if left and connection.dialect.name == "sqlite":
        take(connection.exec_driver_sql(f"{_HELD} {_BESIDE}", (next(reversed(left)), len(left))).all())
    mark = "%s" if connection.dialect.name == "postgresql" else "?"
    for some in chunks([*left]):
        marks = ", ".join([mark] * len(some))
        take(connection.exec_driver_sql(f"{_HELD} hash IN ({marks})", tuple(some)).all())
    return found


_HELD = "SELECT hash, salt, text FROM salted WHERE"
"""Said to the driver itself, which is told each hash at less cost."""
_BESIDE = "rowid <= (SELECT rowid FROM salted WHERE hash = ?) ORDER BY rowid DESC LIMIT ?"
"""What a file keeps before a text, where those lie that were recorded before it, so that few are to be looked up."""


def _is_whole(hash_: str, salt: str, text: str) -> bool:
    """Whether a text is what its hash was made of; a salt of another length would leave room for another text."""
    try:
        return bool(_HEX.fullmatch(salt)) and commitment(salt, orjson.loads(text)) == hash_
    except (ValueError, TypeError, AttributeError, RecursionError):
        return False


def _must_be(row: Row[Any], text: str) -> bool:
    if row.text != _written(text) or not _is_whole(row.hash, row.salt, row.text):
        raise AuditError("a personal text was changed in the database, so nothing was written; see `audit verify`")
    return True


def _row(digest: str, text: str, salt: str) -> dict[str, str]:
    return {"hash": commitment(salt, text), "salt": salt, "text": _written(text), "digest": digest}


def _written(text: str) -> str:
    """A text as it is kept: as JSON, since not every database takes every character in a text."""
    return json.dumps(text, ensure_ascii=False)


def _text(written: str) -> str:
    """A text that is kept; what was changed in the database, so that it is none, as it stands there."""
    try:
        return str(json.loads(written))
    except (ValueError, RecursionError):
        return written


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
