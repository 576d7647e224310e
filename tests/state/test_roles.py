"""A server on which one role owns the ledger, and another, which the program has, may only add to it."""

from dataclasses import dataclass, replace
from typing import Any

import psycopg
import pytest
from alembic import command
from sqlalchemy.engine import make_url

from state import moving, roles
from state.address import told
from state.audit import GENESIS, canonical, leaf
from state.checkpoint import Head
from state.database import Database
from state.effects import Because, Effects, ItemChange
from state.errors import StateError
from state.lease import Holder
from state.model import Actor, Agent, ItemDraft, Priority
from state.persons import Person
from state.store import Store
from state.verifying import Point
from tests.databases import ARM, DISARM, WHEN, Databases, on_postgresql, raw
from tests.postgresql import Server, as_role, session
from tests.state.attacks import OF_PROOFS, ON_POSTGRESQL, REWRITES, SHAPING_ON_POSTGRESQL
from tests.state.dumped import config_of

pytestmark = on_postgresql

BECAUSE = Because(Agent(Actor.HUMAN, "counterfoil", "kim@acme.example", "Kim"))
HERE = Holder("h1", 1)
APPEND = "SELECT audit_append(%s::integer[], %s::text[], %s::text[], %s::text[], %s::text[])"


@dataclass(frozen=True)
class Apart:
    """A database as each of three may use it: a superuser, the owner of the tables, and the program."""

    superuser: str
    owner: str
    app: str

    def create(self, owner: str | None = None) -> Store:
        """As `counterfoil init` does, with `--postgres-owner` if there is one."""
        return Store.create(self.app, clock=lambda: WHEN, entropy=bytes, owner=owner)

    def ten(self) -> Store:
        """A store with ten records."""
        store = self.create(self.owner)
        _add(store, *(f"Rotate key {number}" for number in range(10)))
        return store

    def all(self) -> list[Any]:
        """The ledger, and what guards it."""
        triggers = "SELECT tgname::text, tgenabled::text FROM pg_trigger WHERE tgrelid = to_regclass('public.audit')"
        rights = "SELECT relacl::text FROM pg_class WHERE oid = to_regclass('public.audit')"
        functions = "SELECT proname::text, prosrc, proacl::text FROM pg_proc WHERE proname LIKE 'audit%' ORDER BY 1"
        asked = (
            "SELECT * FROM public.audit ORDER BY seq",
            "SELECT * FROM public.salted ORDER BY hash",
            triggers,
            rights,
            functions,
        )
        return [raw(self.superuser, each) for each in asked]


@pytest.fixture
def apart(databases: Databases, postgresql: Server) -> Apart:
    """An empty database that one of two new roles owns."""
    url, owner, app = databases.empty(), postgresql.role(), postgresql.role()
    postgresql.run(f"ALTER DATABASE {make_url(url).database} OWNER TO {owner}")
    return Apart(url, as_role(url, owner), as_role(url, app))


def _add(store: Store, *titles: str) -> None:
    store.add_items([(ItemDraft(title), WHEN.date(), Priority.HIGH) for title in titles], BECAUSE)


def _name(url: str) -> str:
    return str(make_url(url).username)


def _refused(url: str, attack: str) -> bool:
    try:
        with session(url) as connection:
            connection.execute(attack.encode())
    except psycopg.DatabaseError:
        return True
    return False


def test_the_programs_role_does_its_work_and_can_only_add_to_the_ledger(apart: Apart) -> None:
    with apart.ten() as store:
        assert store.ask(roles.ways_around) == []
        with store.alone(HERE):
            store.commit(None, Effects(changes=[ItemChange("AI-000001", {"title": "Rotate it"}, BECAUSE)]))
        store.remember("last_sync", "{}")
        store.leave("sqlite:///new.db", HERE, BECAUSE)
        store.reclaim(BECAUSE)
        before = apart.all()
        became = f"SET ROLE {_name(apart.owner)}"
        attacks = [
            *REWRITES,
            *OF_PROOFS,
            *ON_POSTGRESQL,
            *SHAPING_ON_POSTGRESQL,
            became,
            "SET session_replication_role = replica",
        ]
        assert [attack for attack in attacks if not _refused(apart.app, attack)] == []
        assert apart.all() == before
        assert (store.verify().ok, store.verify().records) == (True, 13)
        ruth = replace(BECAUSE, agent=Agent(Actor.HUMAN, "counterfoil", "ruth@acme.example"))
        assert len(store.erase_person(Person(["kim"]), HERE, ruth, words=False).texts) == 1
        assert (store.verify().first_bad, store.verify().redacted) == (None, 1)


def test_the_owner_is_refused_by_the_guards(apart: Apart) -> None:
    with apart.ten() as store:
        before = apart.all()
        assert [attack for attack in [*REWRITES, *ON_POSTGRESQL] if not _refused(apart.owner, attack)] == []
        assert apart.all() == before
        assert store.verify().ok


def _record(seq: int, prev: str, **changes: str) -> tuple[list[Any], ...]:
    at = {"at": "2026-11-22T12:00:00.000000Z", "recorded": "2026-11-22T12:00:00.000000Z"}
    who = {"kind": "human", "system": "counterfoil", "account": "kim", "name": ""}
    what = {"action": "x", "object": "AI-000001", "field": "", "before": None, "after": None, "reason": ""}
    text = canonical({"v": 2, "seq": seq, "prev": prev, "actor": who, "source": {"run": "", "event": ""}, **at, **what})
    said = {"seq": seq, "prev": prev, "hash": leaf(text), "object": "AI-000001", "body": text.decode()} | changes
    return tuple([value] for value in said.values())


def test_what_is_appended_past_the_program_follows_the_last_record_and_has_its_own_hash(apart: Apart) -> None:
    with apart.ten() as store, session(apart.app) as connection:
        *_, before, last = store.log()
        for seq, prev in ((11, before.hash), (12, last.hash), (10, before.hash), (1, GENESIS)):
            with pytest.raises(psycopg.errors.SerializationFailure, match="only follows the last one"):
                connection.execute(APPEND, _record(seq, prev))
        with pytest.raises(psycopg.errors.RaiseException, match="not that of its text"):
            connection.execute(APPEND, _record(11, last.hash, body="another"))
        connection.execute("CREATE TEMP TABLE audit (LIKE public.audit)")
        with pytest.raises(psycopg.errors.SerializationFailure):
            connection.execute(APPEND, _record(1, GENESIS))
        connection.execute(APPEND, _record(11, last.hash))
        assert connection.execute("SELECT count(*) FROM pg_temp.audit").fetchall() == [(0,)]
        assert (store.verify().ok, store.verify().records) == (True, 11)


REPLACED = "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {} END $$"
PAST_THE_GUARDS = {
    "disabled": (DISARM["postgresql"], ARM["postgresql"]),
    "dropped": (
        ("DROP TRIGGER audit_no_rewrite ON audit",),
        (
            "CREATE TRIGGER audit_no_rewrite BEFORE UPDATE OR DELETE ON audit FOR EACH ROW "
            "EXECUTE FUNCTION audit_refuse()",
            "ALTER TABLE audit ENABLE ALWAYS TRIGGER audit_no_rewrite",
        ),
    ),
    "replaced": (
        (REPLACED.format("RETURN OLD;"),),
        (REPLACED.format("RAISE EXCEPTION 'the ledger is never rewritten';"),),
    ),
    "another table": (
        ("ALTER TABLE audit RENAME TO kept", "CREATE TABLE audit AS SELECT * FROM kept"),
        (
            "CREATE TRIGGER audit_no_rewrite BEFORE UPDATE OR DELETE ON audit FOR EACH ROW "
            "EXECUTE FUNCTION audit_refuse()",
            "CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit FOR EACH STATEMENT "
            "EXECUTE FUNCTION audit_refuse()",
            "CREATE TRIGGER audit_only_next BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION audit_next()",
            *ARM["postgresql"],
        ),
    ),
}


@pytest.mark.parametrize("who", ["owner", "superuser"])
@pytest.mark.parametrize("how", PAST_THE_GUARDS)
def test_what_is_cut_off_past_the_guards_is_found_by_a_checkpoint(apart: Apart, how: str, who: str) -> None:
    """Somebody who may take the guards away puts them back after it, and what is left follows each other."""
    off, on = PAST_THE_GUARDS[how]
    with apart.ten() as store:
        tree = store.verify().tree
        assert tree is not None
        url = apart.owner if who == "owner" else apart.superuser
        raw(url, *off, "DELETE FROM audit WHERE seq > 7")
        raw(url, *on, f"GRANT SELECT ON audit TO {_name(apart.app)}")
        assert store.verify().ok, "whoever has no checkpoint cannot tell"
        found = store.verify([Point(Head("acme.example/ledger", 10, tree.root), "share")])
        assert (found.first_bad or (0, ""))[0] == 8
        assert "3 more were there when the checkpoint over 10 records was signed" in str(found.first_bad)


def test_the_role_of_the_program_alone_cannot_migrate_and_is_told_what_to_run(apart: Apart) -> None:
    old = Database(apart.owner)
    old.migrate(lambda connection: command.upgrade(config_of(connection), "0003"))
    with old.writing() as connection:
        for table in ("alembic_version", "meta"):
            connection.exec_driver_sql(f"GRANT ALL ON {table} TO {_name(apart.app)}")
    old.close()
    for _ in range(2):
        with pytest.raises(
            StateError, match=rf"counterfoil init --postgres-owner \S+://{_name(apart.owner)}@"
        ) as caught:
            apart.create()
        assert f":{_name(apart.owner)}@" not in str(caught.value), "its password"
        assert str(caught.value).endswith(told(make_url(apart.owner)).partition("@")[2]), "to the same server"
    apart.create(apart.owner).close()
    with apart.create() as store:
        _add(store, "Rotate key 1")
        assert store.ask(roles.ways_around) == []


def test_tables_of_the_programs_role_are_first_given_to_the_owner(apart: Apart, postgresql: Server) -> None:
    app, owner = _name(apart.app), _name(apart.owner)
    postgresql.run(f"ALTER DATABASE {make_url(apart.superuser).database} OWNER TO {app}")
    with apart.create() as store:
        _add(store, "Rotate key 1")
        assert "owns the table `audit`, or may be the role that does" in (store.ask(roles.ways_around) or ())
    with pytest.raises(StateError, match=rf'REASSIGN OWNED BY "{app}" TO {owner}') as caught:
        apart.create(apart.owner)
    raw(apart.superuser, str(caught.value).split("`")[1])
    with apart.create(apart.owner) as store:
        assert store.ask(roles.ways_around) == []
        assert [item.title for item in store.list_items()] == ["Rotate key 1"]


MORE = {
    "is a superuser": "ALTER ROLE {app} SUPERUSER",
    "may make roles": "ALTER ROLE {app} CREATEROLE",
    "may be the role that does": "GRANT {owner} TO {app}",
    "owns the database": "ALTER DATABASE {database} OWNER TO {app}",
    "write to the table": "GRANT pg_write_all_data TO {app}",
    "may make tables beside it": "GRANT CREATE ON DATABASE {database} TO {app}",
    "write the server's files": "GRANT pg_execute_server_program TO {app}",
}


@pytest.mark.parametrize("why", MORE)
def test_a_role_that_may_do_more_by_another_way_is_refused_and_nothing_is_made(
    apart: Apart, postgresql: Server, why: str
) -> None:
    names = {"app": _name(apart.app), "owner": _name(apart.owner), "database": make_url(apart.app).database}
    raw(apart.superuser, f"GRANT ALL ON SCHEMA public TO {names['owner']} WITH GRANT OPTION")
    raw(apart.superuser, MORE[why].format(**names))
    with pytest.raises(StateError, match=rf"could still rewrite the ledger.*{why}"):
        apart.create(apart.owner)
    assert raw(apart.superuser, "SELECT to_regclass('audit')") == [(None,)]


def test_an_owner_that_is_no_other_role_or_of_another_database_is_refused(apart: Apart, databases: Databases) -> None:
    elsewhere = make_url(databases.empty()).database
    for owner, why in {
        apart.app: "cannot be the owner too",
        make_url(apart.owner).set(database=elsewhere).render_as_string(hide_password=False): "to another database",
        "sqlite:///none.db": "only a PostgreSQL server has roles",
    }.items():
        with pytest.raises(StateError, match=why):
            apart.create(owner)
    raw(apart.superuser, "CREATE SCHEMA theirs", f"ALTER ROLE {_name(apart.app)} SET search_path = theirs")
    raw(apart.superuser, f"GRANT USAGE ON SCHEMA theirs TO {_name(apart.app)}")
    with pytest.raises(StateError, match="the same search_path"):
        apart.create(apart.owner)
    assert raw(apart.superuser, "SELECT to_regclass('public.audit'), to_regclass('theirs.audit')") == [(None, None)]


def test_a_file_has_no_roles(tmp_path: Any, apart: Apart) -> None:
    url = f"sqlite:///{tmp_path / 'book.db'}"
    with pytest.raises(StateError, match="is a file; nothing was done"):
        Store.create(url, clock=lambda: WHEN, entropy=bytes, owner=apart.owner)
    assert list(tmp_path.iterdir()) == []
    with Store.create(url, clock=lambda: WHEN, entropy=bytes) as store:
        assert store.ask(roles.ways_around) is None


def test_an_installation_in_a_file_goes_to_the_owner_and_is_used_by_the_other_role(tmp_path: Any, apart: Apart) -> None:
    with Store.create(f"sqlite:///{tmp_path / 'book.db'}", clock=lambda: WHEN, entropy=bytes) as store:
        _add(store, "Rotate key 1")
        moving.move(store, apart.owner, holder=HERE, because=BECAUSE, tell=lambda *_: None)
    with apart.create(apart.owner) as store:
        _add(store, "Rotate key 2")
        assert store.ask(roles.ways_around) == []
        assert [item.ref for item in store.list_items()] == ["AI-000001", "AI-000002"]
        assert store.verify().ok
