"""What keeps the ledger from being rewritten in the database itself, and whether it stands there."""

from sqlalchemy import Connection

_GENESIS = "0" * 64
HEAD_SEQ = "SELECT coalesce(max(seq), 0) FROM audit"
HEAD_HASH = f"coalesce((SELECT hash FROM audit ORDER BY seq DESC LIMIT 1), '{_GENESIS}')"  # noqa: S608
"""The number and the hash that a new record has to follow, as the database sees them."""

SQLITE = (
    "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit "
    "BEGIN SELECT RAISE(ABORT, 'the ledger is never rewritten'); END",
    "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit "
    "BEGIN SELECT RAISE(ABORT, 'the ledger is never shortened'); END",
    f"CREATE TRIGGER audit_only_next BEFORE INSERT ON audit "
    f"WHEN NEW.seq IS NOT ({HEAD_SEQ}) + 1 OR NEW.prev IS NOT {HEAD_HASH} "
    "BEGIN SELECT RAISE(ABORT, 'a record only follows the last one'); END",
)
"""The triggers of an SQLite file; what stands there under one of their names and does something else is none."""

TEXTS = dict(zip(("audit_no_update", "audit_no_delete", "audit_only_next"), SQLITE, strict=True))
NAMES = frozenset({"audit_no_rewrite", "audit_no_truncate", "audit_only_next"})
"""The triggers: on SQLite by name, with the text of each; on a server their names."""


def lacking(connection: Connection) -> frozenset[str]:
    """Which of the triggers do not stand; where they can be switched off, those that are not on for everybody."""
    if connection.dialect.name == "postgresql":
        found = connection.exec_driver_sql(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = 'audit'::regclass AND tgenabled = 'A'"
        )
        return NAMES.difference(found.scalars())
    rows = connection.exec_driver_sql(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'"
    )
    return frozenset(name for name, _ in TEXTS.items() - {tuple(row) for row in rows})
