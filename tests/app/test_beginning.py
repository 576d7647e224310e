"""Beginning on a server: by the role that owns the tables, for the role that the program has."""

from dataclasses import replace

import pytest
from sqlalchemy.engine import make_url

from tests.app.conftest import Line, state_table
from tests.databases import Databases, on_postgresql, on_sqlite, raw
from tests.postgresql import Server, as_role


@pytest.fixture
def served(line: Line, databases: Databases, postgresql: Server) -> tuple[Line, str]:
    """A command line with the URL of a role that may only connect, and the URL of the database's owner."""
    url, owner = databases.empty(), postgresql.role()
    postgresql.run(f"ALTER DATABASE {make_url(url).database} OWNER TO {owner}")
    made = replace(line, url=as_role(url, postgresql.role()))
    made.config.write_text(state_table(made.url), encoding="utf-8")
    return made, as_role(url, owner)


@on_postgresql
def test_init_with_an_owner_leaves_the_program_a_role_that_can_only_add_to_the_ledger(
    served: tuple[Line, str],
) -> None:
    line, owner = served
    refused = line("init")
    assert (refused.code, "permission denied for schema" in refused.err) == (2, True)
    begun = line("init", "--postgres-owner", owner)
    assert begun.code == 0, begun.err
    line.add("Rotate the deploy keys")
    assert line.json("audit", "verify")["records"] == 1
    asked = ("SELECT has_table_privilege(?, 'audit', 'INSERT')", [make_url(line.url).username])
    assert raw(owner, asked) == [(False,)]
    assert line("init").code == 0


@on_postgresql
def test_check_says_whether_roles_are_apart(served: tuple[Line, str], databases: Databases) -> None:
    line, owner = served
    assert line("init", "--postgres-owner", owner).code == 0
    answer = line("check", "--json").json
    assert answer["roles_apart"] is True
    assert [p for p in answer["problems"] if p["where"] == "state"] == []
    line.config.write_text(state_table(owner), encoding="utf-8")
    answer = line("check", "--json").json
    [problem] = [p for p in answer["problems"] if p["where"] == "state"]
    assert (answer["roles_apart"], problem["fatal"]) == (False, False)
    assert "can rewrite what was recorded, since its role owns the table `audit`" in problem["what"]
    assert "counterfoil init --postgres-owner URL" in problem["fix"]


@on_postgresql
def test_the_owners_password_is_not_said(served: tuple[Line, str]) -> None:
    line, owner = served
    wrong = make_url(owner).set(password="hunter2", database="nowhere").render_as_string(hide_password=False)
    answer = line("init", "--postgres-owner", wrong)
    assert answer.code != 0
    assert "hunter2" not in answer.out + answer.err


@on_sqlite
def test_a_file_has_no_roles_to_be_apart(line: Line, databases: Databases) -> None:
    line.config.write_text("", encoding="utf-8")
    answer = line("init", "--postgres-owner", "postgresql+psycopg://owner@db.example/counterfoil")
    assert (answer.code, "is a file; nothing was done" in answer.err) == (2, True)
    assert not (line.folder / "counterfoil.db").exists()
    assert line("init").code == 0
    assert line("check", "--json").json["roles_apart"] is None
