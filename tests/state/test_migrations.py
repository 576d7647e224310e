"""The way from nothing, and from every earlier version, to the newest: killed anywhere, done by two, with real rows."""

import os
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from itertools import chain, count
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, event, inspect
from sqlalchemy.pool import NullPool

from state import controls, due_dates, risks
from state.acceptance import DueChange
from state.database import Database
from state.effects import Because, Effects
from state.errors import Damaged, NotInitialised
from state.model import Actor, Agent, ItemDraft, Priority
from state.register import ControlStatus, Exemption, Score, ScoreKind
from state.schema import HEAD, METADATA
from state.store import Store
from tests.databases import WHEN, Databases, listening, raw
from tests.state.dumped import config_of, dumped, left_behind

KILLED = -signal.SIGKILL
_KINDS = ("before_cursor_execute", "commit")
_STRIDE, _LAST = 20, 6
"""Of the statements that make a database, each so many-th and the last so many are tried."""
BECAUSE = Because(Agent(Actor.HUMAN, "counterfoil", "kim"))


REVISIONS = [each.revision for each in ScriptDirectory.from_config(config_of()).walk_revisions()]


def _steps(url: str) -> int:
    """How many statements and commits it takes to create one."""
    told: list[Any] = []

    def step(*what: Any) -> None:
        told.append(what)

    with listening(_KINDS, step):
        Store.create(url, clock=lambda: WHEN, entropy=os.urandom).close()
    return len(told)


def _create_until(url: str, last: int) -> int:
    """Create in a process that kills itself before its statement or commit of this number; how it ended."""
    child = os.fork()
    if child == 0:
        _count_down(last)
        try:
            Store.create(url, clock=lambda: WHEN, entropy=os.urandom).close()
            os._exit(0)
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _count_down(left: int) -> None:
    def step(*_: Any) -> None:
        nonlocal left
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    for kind in _KINDS:
        event.listen(Engine, kind, step)


def _differences(url: str) -> list[Any]:
    with create_engine(url, poolclass=NullPool).connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, METADATA))


def _name(url: str) -> str:
    """What the installation is called, once the database is whole; nothing as long as nothing of ours is in it."""
    database = Database(url)
    with closing(database):
        if not database.holds_anything():
            with pytest.raises(NotInitialised):
                Store.open(url, clock=lambda: WHEN)
            return ""
    with Store.open(url, clock=lambda: WHEN) as store:
        assert _differences(url) == []
        return store.installation


def test_killed_on_its_way_init_leaves_nothing_or_all_and_goes_on(databases: Databases) -> None:
    many = _steps(databases.empty())
    assert many > len(METADATA.tables)
    url, names = databases.empty(), {0: ""}
    for step in chain(range(0, many - _LAST, _STRIDE), count(many - _LAST)):
        ended = _create_until(url, step)
        names[step] = _name(url)
        if ended != KILLED:
            break
    assert ended == 0
    first = min(step for step, name in names.items() if name)
    assert first > len(METADATA.tables), "it was whole before its tables were made"
    assert set(names.values()) == {"", _name(url)}
    with Store.create(url, clock=lambda: WHEN, entropy=os.urandom) as store:
        assert store.installation == _name(url)


def test_two_that_run_init_at_once_make_one_database_with_one_name(databases: Databases, tmp_path: Path) -> None:
    url = databases.empty()
    (tmp_path / "counterfoil.toml").write_text(f'[state]\nurl = "{url}"\n')
    program = Path(sys.executable).with_name("counterfoil")
    running = [
        subprocess.Popen([program, "init"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(2)
    ]
    said = [each.communicate(timeout=60)[0] for each in running]
    assert [each.returncode for each in running] == [0, 0], said
    assert raw(url, "SELECT value FROM meta WHERE name = 'installation'") == [(_name(url),)]


@pytest.mark.parametrize("revision", REVISIONS)
def test_what_each_version_left_arrives_whole_in_the_newest(databases: Databases, revision: str) -> None:
    url = databases.empty()
    rows = left_behind(url, revision)
    with Store.create(url, clock=lambda: WHEN, entropy=os.urandom) as store:
        assert [store.installation] == [row["value"] for row in rows["meta"] if row["name"] == "installation"]
        verdict = store.verify()
        assert (verdict.first_bad, verdict.records) == (None, len(rows["audit"]))
        assert [item.ref for item in store.list_items()] == [row["ref"] for row in rows["item"]]
        assert len(store.holds(open_only=False)) == len(rows["hold"])
        assert len(store.open_intents()) == sum(row["finished_at"] is None for row in rows["intent"])
        [added] = store.add_items([(ItemDraft("Rotate the keys"), WHEN.date(), Priority.LOW)], BECAUSE)
        assert added.ref not in {row["ref"] for row in rows["item"]}
        assert store.verify().ok
        assert [each.words for each in store.apart()] == []
    assert _differences(url) == []


@pytest.mark.parametrize("revision", REVISIONS)
def test_what_goes_on_from_what_each_version_left_stands_as_recorded(databases: Databases, revision: str) -> None:
    url = databases.empty()
    left_behind(url, revision)
    with Store.create(url, clock=lambda: WHEN, entropy=os.urandom) as store:
        for item in store.list_items():
            later = DueChange(item.ref, item.due_date, item.due_date + timedelta(days=9), "hub:tom", WHEN, reason="so")
            store.commit(None, Effects(later=[(later, BECAUSE), (replace(later, reason="late"), BECAUSE)]))
            [*_, asked] = store.ask(due_dates.changes, item.ref)
            refused = replace(asked, verdict="rejected", decided_by="ruth@acme.example", decided_at=WHEN)
            store.commit(None, Effects(later=[(refused, BECAUSE), (replace(later, requester="mia"), BECAUSE)]))
            ours = [each for each in store.comments(item.ref) if not each.inbound]
            sent = [replace(each, tracker="eng", remote_id=f"r-{each.id}") for each in ours if not each.remote_id]
            store.commit(None, Effects(comments=[(each, BECAUSE) for each in sent]))
        links = store.links(item.ref for item in store.list_items()).values()
        store.commit(None, Effects(touched=[replace(each, archived=not each.archived) for each in links]))
        with store.writing() as w:
            for risk in store.ask(risks.everything):
                scored = Score(ScoreKind.CURRENT, 1, 1, "kim@acme.example", WHEN, "less is left")
                risks.score(w.connection, w.ledger, risk.id, [scored], BECAUSE)
                risks.make_due(w.connection, w.ledger, WHEN, {risk.id: "it has ended"}, BECAUSE)
            for control in store.ask(controls.controls):
                controls.exempt(w.connection, w.ledger, control, Exemption("no hosts", "kim", WHEN), BECAUSE)
                stood = {control.id: (ControlStatus.NOT_APPLICABLE, "no hosts")}
                controls.stand(w.connection, w.ledger, WHEN, stood, BECAUSE)
        assert [each.words for each in store.apart()] == []


HALF_WAY = {
    "a table": ("0003", "DROP TABLE comment", "lacks comment, comment_by_item, comment_by_topic and more"),
    "a table of the feeds": ("0003", "DROP TABLE feed", r"lacks feed\."),
    "a table of the programme": ("0003", "DROP TABLE evidence", "lacks evidence, "),
    "a column of the second": ("0002", "ALTER TABLE intent DROP COLUMN begun_there", r"lacks intent\.begun_there\. "),
    "a column of the third": ("0003", "ALTER TABLE comment DROP COLUMN edited_at", r"lacks comment\.edited_at\. "),
    "a column of the newest": (HEAD, "ALTER TABLE link DROP COLUMN reporter", r"lacks link\.reporter\. "),
    "an index": ("0001", "DROP INDEX hold_open", r"lacks hold_open\. "),
    "all of a later one": ("0004", "UPDATE alembic_version SET version_num = '0003'", "has of a later one anchor, "),
    "not yet the later one": ("0003", "UPDATE alembic_version SET version_num = '0004'", "lacks anchor, checkpoint, "),
    "of both": ("0003", "UPDATE alembic_version SET version_num = '0002'", "has of a later one acceptance, "),
    "two versions": ("0003", "INSERT INTO alembic_version VALUES ('0004')", "it has version 0003 and 0004"),
    "no version": ("0004", "UPDATE alembic_version SET version_num = 'abc'", "version abc, as no program of ours"),
}


def _all_there(url: str) -> Any:
    with create_engine(url, poolclass=NullPool).connect() as connection:
        there = inspect(connection)
        columns = {name: [each["name"] for each in there.get_columns(name)] for name in there.get_table_names()}
    return columns, raw(url, "SELECT version_num FROM alembic_version ORDER BY 1")


@pytest.mark.parametrize("what", HALF_WAY)
def test_what_is_half_way_between_versions_is_refused_with_what_is_amiss_and_left_as_it_is(
    databases: Databases, what: str
) -> None:
    url = databases.empty()
    revision, statement, told = HALF_WAY[what]
    left_behind(url, revision)
    raw(url, statement)
    before = _all_there(url)
    with pytest.raises(Damaged, match=rf"{told}.*copy from before"):
        Store.create(url, clock=lambda: WHEN, entropy=os.urandom)
    assert _all_there(url) == before


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_version_without_the_guards_of_its_ledger_is_refused(databases: Databases, revision: str) -> None:
    url = databases.empty()
    left_behind(url, revision)
    served = databases.kind == "postgresql"
    guard = "audit_no_truncate" if served else "audit_no_delete"
    raw(url, f"DROP TRIGGER {guard} ON audit" if served else f"DROP TRIGGER {guard}")
    with pytest.raises(Damaged, match=rf"version {revision}, but lacks {guard}\. "):
        Store.create(url, clock=lambda: WHEN, entropy=os.urandom)


@pytest.mark.parametrize("revision", REVISIONS)
def test_what_others_keep_beside_it_does_not_matter(databases: Databases, revision: str) -> None:
    url = databases.empty()
    left_behind(url, revision)
    raw(url, "CREATE TABLE theirs (id INTEGER)", "ALTER TABLE item ADD COLUMN theirs TEXT")
    Store.create(url, clock=lambda: WHEN, entropy=os.urandom).close()


def test_every_version_has_left_something_in_each_of_its_tables() -> None:
    assert REVISIONS[0] == HEAD
    for revision in REVISIONS:
        empty = [table for table, rows in dumped(revision).items() if not rows]
        assert empty in ([], ["lease"]), revision
