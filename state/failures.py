"""What a failure of the database means, and what to do about it."""

import re

from sqlalchemy.exc import DBAPIError

from state.errors import Busy, Damaged, StateError, Unreachable

_DAMAGE = re.compile(r"no such (table|column|index)|malformed|could not decode to UTF-8", re.IGNORECASE)
_REFUSED = re.compile(
    r"authentication failed|does not exist|no password supplied|no pg_hba\.conf entry|permission denied"
)

_CORRUPT = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "XX001", "XX002", "42P01", "42703")
_BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED", "55P03", "40001", "40P01")
_AWAY = ("08", "53300", "57P")
_LET_GO = "Another program holds it: run the command again once that has let go"
_LET_WRITE = "Let this user write the file and the folder it is in, then run the command again"
_ADVICE = {
    **dict.fromkeys(_BUSY, _LET_GO),
    "SQLITE_FULL": "The disk is full: make room, then run the command again",
    "53100": "The server's disk is full: make room, then run the command again",
    "SQLITE_READONLY": _LET_WRITE,
    "SQLITE_CANTOPEN": _LET_WRITE,
    "SQLITE_AUTH": "The program refuses to change the ledger's past or the tables, its own commands included",
    "SQLITE_IOERR": "See that the disk works and has room, then run the command again",
    "25006": "The server takes no writes: name the one that does as `url` under [state]",
    "42501": "Let the user in the URL use its tables, or own the database, then run the command again",
    "": "See that the disk has room, the database may be written and no other program holds it, then run it again",
}
"""What to do about a failure, by how SQLite names it or by its SQLSTATE."""


def meaning(database: str, doing: str, error: DBAPIError) -> StateError:
    """The failure of a database in our words; `doing` is read, write or use."""
    told = " ".join(str(error.orig).split())
    name = getattr(error.orig, "sqlite_errorname", None) or getattr(error.orig, "sqlstate", None) or ""
    if name.startswith(_CORRUPT) or _DAMAGE.search(told):
        return damaged(database, doing, told)
    if "NUL (0x00)" in told:
        return unfit(database, doing, "a NUL character")
    nameless = not name and hasattr(error.orig, "sqlstate")
    if nameless and _REFUSED.search(told):
        return StateError(
            f"could not {doing} the database at {database}: {told}. See that user, password and name in `url` under "
            "[state] are right and the server has them, then run the command again"
        )
    if error.connection_invalidated or name.startswith(_AWAY) or nameless:
        return Unreachable(
            f"could not {doing} the database at {database}: {told}. What was being written was kept whole or not at "
            "all. See that the server runs and can be reached, then run the command again: it goes on from there"
        )
    advice = next(advice for start, advice in _ADVICE.items() if name.startswith(start))
    kind = Busy if name.startswith(_BUSY) else StateError
    return kind(f"could not {doing} the database at {database}: {told}; nothing of this step was kept. {advice}")


def damaged(database: str, doing: str, told: str) -> Damaged:
    """The database cannot be what we left."""
    return Damaged(
        f"could not {doing} the database at {database}: {told}. It is damaged or not one of ours; nothing of this "
        "step was kept. Put a copy from before in its place, or name the right one as `url` under [state]"
    )


def unfit(database: str, doing: str, what: str) -> StateError:
    """A text cannot be stored."""
    return StateError(
        f"could not {doing} the database at {database}: a text holds {what}; nothing of this step was kept. "
        "Mend the text where it comes from"
    )


def some(names: frozenset[str]) -> str:
    """The first of many names, in their order."""
    first = sorted(names)[:3]
    return ", ".join(first) + (" and more" if len(names) > len(first) else "")
