"""The attack table: what somebody tries who would rewrite the ledger, statement by statement."""

REWRITES = [
    "UPDATE audit SET body = 'x' WHERE seq = 3",
    "UPDATE audit SET seq = 99 WHERE seq = 10",
    "DELETE FROM audit WHERE seq = 10",
    "DELETE FROM audit",
    "INSERT INTO audit SELECT seq, prev, hash, object, 'x' FROM audit WHERE seq = 3 "
    "ON CONFLICT (seq) DO UPDATE SET body = 'x'",
    "INSERT INTO audit SELECT 12, hash, hash, object, 'x' FROM audit WHERE seq = 10",
    "INSERT INTO audit SELECT 11, prev, hash, object, 'x' FROM audit WHERE seq = 10",
    "INSERT INTO audit SELECT 0, prev, hash, object, 'x' FROM audit WHERE seq = 1",
    "INSERT INTO audit SELECT -1, prev, hash, object, 'x' FROM audit WHERE seq = 1",
    "INSERT INTO audit (prev, hash, object, body) SELECT prev, hash, object, 'x' FROM audit WHERE seq = 1",
    "INSERT INTO audit SELECT 11, NULL, hash, object, 'x' FROM audit WHERE seq = 10",
]
"""What would change the past of a ledger of ten records, or add what does not follow it."""

OF_PROOFS = [
    "UPDATE salted SET text = 'x'",
    "UPDATE salted SET digest = hash, text = 'x'",
    "UPDATE checkpoint SET head = 'x'",
    "DELETE FROM salted",
    "INSERT INTO salted SELECT hash, salt, 'x', digest FROM salted WHERE true "
    "ON CONFLICT (hash) DO UPDATE SET text = 'x'",
]
"""What would change the personal texts and the checkpoints that belong to it."""

ON_SQLITE = [
    "UPDATE OR REPLACE audit SET body = 'x' WHERE seq = 3",
    "REPLACE INTO audit SELECT seq, prev, hash, object, 'x' FROM audit WHERE seq = 3",
    "REPLACE INTO audit SELECT seq, prev, hash, object, 'x' FROM audit WHERE seq = 10",
    "INSERT OR REPLACE INTO audit SELECT seq, prev, hash, object, 'x' FROM audit WHERE seq = 10",
    "INSERT OR IGNORE INTO audit SELECT 12, hash, hash, object, 'x' FROM audit WHERE seq = 10",
]
"""More of the same, in the words of SQLite."""

ON_POSTGRESQL = [
    "TRUNCATE audit",
    "TRUNCATE item, audit CASCADE",
    "INSERT INTO audit SELECT 11, hash, hash, object, 'x' FROM audit WHERE seq = 9 ON CONFLICT DO NOTHING",
    "WITH gone AS (DELETE FROM audit WHERE seq = 10 RETURNING *) SELECT * FROM gone",
    "MERGE INTO audit USING (SELECT 3 AS n) AS s ON audit.seq = s.n WHEN MATCHED THEN UPDATE SET body = 'x'",
    "MERGE INTO audit USING (SELECT 3 AS n) AS s ON audit.seq = s.n WHEN MATCHED THEN DELETE",
    "COPY audit FROM PROGRAM 'printf \"3\\tp\\th\\to\\tx\\n\"'",
    "SET session_replication_role = replica; UPDATE audit SET body = 'x' WHERE seq = 3",
    "SET session_replication_role = replica; DELETE FROM audit",
    "SET session_replication_role = replica; TRUNCATE audit",
    "DO $$ BEGIN UPDATE audit SET body = 'x' WHERE seq = 3; END $$",
    "INSERT INTO audit SELECT 11, hash, hash, object, 'x' FROM audit WHERE seq = 10",
    "CREATE TEMP TABLE audit (LIKE public.audit); INSERT INTO audit SELECT * FROM public.audit WHERE seq < 5; "
    "INSERT INTO public.audit SELECT 5, hash, hash, object, body FROM pg_temp.audit WHERE seq = 4",
]
"""More of the same, in the words of PostgreSQL."""

SHAPING_ON_SQLITE = [
    "DROP TRIGGER audit_no_update",
    "DROP TABLE audit",
    "DROP INDEX audit_by_object",
    "ALTER TABLE audit RENAME TO kept",
    "ALTER TABLE audit RENAME COLUMN body TO kept",
    "ALTER TABLE audit DROP COLUMN body",
    "ALTER TABLE audit ADD COLUMN more TEXT",
    "CREATE TRIGGER audit_other BEFORE INSERT ON audit BEGIN SELECT RAISE(IGNORE); END",
    "CREATE TEMP TRIGGER audit_other BEFORE INSERT ON audit BEGIN SELECT RAISE(IGNORE); END",
    "CREATE TEMP TABLE audit (seq INTEGER)",
    "CREATE TEMP VIEW audit AS SELECT 1 AS seq",
    "PRAGMA writable_schema = ON",
    "PRAGMA Writable_Schema(1)",
    "DELETE FROM sqlite_master WHERE type = 'trigger'",
    "ATTACH DATABASE ':memory:' AS other",
]
"""What takes the guards of the ledger away, or puts something else in its place, in the words of SQLite."""

SHAPING_ON_POSTGRESQL = [
    "ALTER TABLE audit DISABLE TRIGGER ALL",
    "DROP TRIGGER audit_no_rewrite ON audit",
    "CREATE TRIGGER other BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION audit_refuse()",
    "CREATE RULE other AS ON INSERT TO audit DO INSTEAD NOTHING",
    "ALTER TABLE audit RENAME TO kept",
    "ALTER TABLE audit DROP COLUMN body",
    "ALTER TABLE audit OWNER TO CURRENT_USER",
    "DROP TABLE audit",
    "DROP SCHEMA public CASCADE",
    "DROP FUNCTION audit_append",
    "TRUNCATE salted",
    "DROP TRIGGER salted_only_erased ON salted",
    "ALTER FUNCTION audit_append SECURITY INVOKER",
    "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN OLD; END $$",
    "CREATE TABLE kept (seq INTEGER)",
    "CREATE SCHEMA kept",
    "DELETE FROM pg_trigger",
    "UPDATE alembic_version SET version_num = '0001'",
    "LOCK TABLE audit IN ACCESS EXCLUSIVE MODE",
]
"""The same, in the words of PostgreSQL."""
