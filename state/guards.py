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
"""The same by name."""

REFUSE = " BEGIN RAISE EXCEPTION 'the ledger is never rewritten'; END "
NEXT = f""" BEGIN
IF NEW.seq IS DISTINCT FROM (SELECT coalesce(max(seq), 0) FROM {{schema}}.audit) + 1
OR NEW.prev IS DISTINCT FROM coalesce((SELECT hash FROM {{schema}}.audit ORDER BY seq DESC LIMIT 1), '{_GENESIS}') THEN
  RAISE EXCEPTION 'a record only follows the last one' USING ERRCODE = 'serialization_failure';
END IF;
IF NEW.hash IS DISTINCT FROM encode(sha256(decode('00', 'hex') || convert_to(NEW.body, 'UTF8')), 'hex') THEN
  RAISE EXCEPTION 'the ledger takes no record whose hash is not that of its text';
END IF;
RETURN NEW; END """  # noqa: S608
"""What the functions do that the triggers of a server call."""
PATH = "pg_catalog, pg_temp"
"""Where the latter looks for what it calls."""

_ROW, _BEFORE, _INSERT, _DELETE, _UPDATE, _TRUNCATE = (1 << bit for bit in range(6))
SERVER = {
    "audit_no_rewrite": (_ROW | _BEFORE | _DELETE | _UPDATE, REFUSE, None),
    "audit_no_truncate": (_BEFORE | _TRUNCATE, REFUSE, None),
    "audit_only_next": (_ROW | _BEFORE | _INSERT, NEXT, [f"search_path={PATH}"]),
}
"""The triggers of a server by name: when each is called, what it does, and with which settings."""
_ON_SERVER = """
SELECT t.tgname, t.tgtype, f.prosrc, f.proconfig, quote_ident(n.nspname)
FROM pg_trigger t JOIN pg_proc f ON f.oid = t.tgfoid JOIN pg_language l ON l.oid = f.prolang
JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE t.tgrelid = 'audit'::regclass AND t.tgenabled = 'A' AND t.tgqual IS NULL AND t.tgattr::text = ''
AND l.lanname = 'plpgsql'"""


def lacking(connection: Connection) -> frozenset[str]:
    """Which of the triggers do not stand as the program made them; where they can be switched off, also which are."""
    if connection.dialect.name == "postgresql":
        rows = connection.exec_driver_sql(_ON_SERVER)
        stand = {name for name, *found, schema in rows if [*found] == _made(name, schema)}
        return frozenset(SERVER.keys() - stand)
    rows = connection.exec_driver_sql(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'"
    )
    return frozenset(name for name, _ in TEXTS.items() - {tuple(row) for row in rows})


def _made(name: str, schema: str) -> list[object]:
    """What the trigger of a name is on a server, in a schema."""
    when, text, settings = SERVER.get(name, (0, "", None))
    return [when, text.format(schema=schema), settings]
