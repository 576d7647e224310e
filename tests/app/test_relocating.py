"""Moving to another database by the command line, and back."""

import pytest

from tests.app.conftest import Line, Office, state_table
from tests.app.test_signing import signing
from tests.databases import Databases

NO_FILES = (
    "sqlite://",
    "sqlite:///:memory:",
    "sqlite:///file:x?mode=memory&uri=true",
    "sqlite:///x.db?uri=true",
    "sqlite:///x.db?mode=memory",
    "sqlite:///file:x.db",
    "sqlite:////dev/null",
    "sqlite:///.",
)
"""Databases that end with the process, or are something else than their path says."""


def test_a_sync_after_the_move_has_nothing_to_do(office: Office, databases: Databases) -> None:
    line = office.line
    first = line.add("Rotate the deploy keys", "--priority", "high")
    second = line.add("Encrypt the backup bucket", "--priority", "low")
    line.json("sync")
    keys = [office.key(first), office.key(second)]
    url = databases.empty()
    preview = line.json("state", "copy", "--to", url, "--dry-run")
    assert (preview["copied"], preview["rows"]["item"]) == (False, 2)
    before = line.json("audit", "verify")["head"]
    assert preview["head"] == before
    said = line("state", "copy", "--to", url)
    assert (said.code, said.err) == (0, "")
    assert f'url = "{url}"' in said.out
    refused = line("sync")
    assert refused.code == 2
    assert "moved to another database" in refused.err
    line.config.write_text(line.config.read_text().replace(state_table(line.url), state_table(url)))
    assert line.json("sync")["operations"] == []
    assert line.json("audit", "verify")["ok"]
    assert [office.key(first), office.key(second)] == keys
    assert line.add("Review who may deploy") == "AI-000003"


def test_the_old_database_can_be_read_and_reclaimed(desk: Line) -> None:
    desk.add("Rotate the deploy keys")
    assert desk("state", "copy", "--to", "sqlite:///new.db").code == 0
    assert (desk.folder / "new.db").stat().st_mode & 0o777 == 0o600
    assert desk.json("status")["items"]["open"]["medium"] == 1
    assert desk("item", "add", "Another").code == 2
    assert desk("state", "reclaim", "--reason", " ").code == 2
    assert desk.json("state", "reclaim", "--reason", "never used")["reclaimed_from"].endswith("new.db")
    assert desk.add("Another") == "AI-000002"
    assert desk("state", "reclaim", "--reason", "again").code == 2


@pytest.mark.parametrize(
    "url", ["postgresql+psycopg://u:hunter2@127.0.0.1/x", "nonsense", "sqlite:///no/such/folder.db"]
)
def test_a_target_that_cannot_be_is_refused_and_the_old_one_stays_in_use(desk: Line, url: str) -> None:
    said = desk("state", "copy", "--to", url)
    assert said.code == 2
    assert "hunter2" not in said.err
    assert desk.add("Rotate the deploy keys") == "AI-000001"


@pytest.mark.parametrize("url", NO_FILES)
def test_what_is_no_ordinary_file_is_refused_as_a_target_and_the_old_one_stays_in_use(desk: Line, url: str) -> None:
    before = sorted(desk.folder.iterdir())
    for more in ([], ["--dry-run"]):
        said = desk("state", "copy", "--to", url, *more)
        assert (said.code, said.out) == (2, "")
        assert "names no ordinary file" in said.err
        assert "%3A" not in said.err
    assert sorted(desk.folder.iterdir()) == before
    assert desk.add("Rotate the deploy keys") == "AI-000001"


@pytest.mark.parametrize("url", NO_FILES)
def test_what_is_no_ordinary_file_is_refused_as_the_database(line: Line, url: str) -> None:
    line.config.write_text(state_table(url), encoding="utf-8")
    for command in ("init", "status"):
        said = line(command)
        assert (said.code, said.out) == (2, "")
        assert "names no ordinary file" in said.err
    assert list(line.folder.iterdir()) == [line.config]


def test_a_database_that_was_moved_is_not_copied_to_a_second_place(desk: Line) -> None:
    desk.add("Rotate the deploy keys")
    assert desk("state", "copy", "--to", "sqlite:///moved.db").code == 0
    for more in ([], ["--dry-run"]):
        said = desk("state", "copy", "--to", "sqlite:///other.db", *more)
        assert (said.code, said.out) == (2, "")
        assert "moved.db" in said.err
        assert "state reclaim" in said.err
    assert not (desk.folder / "other.db").exists()
    assert desk.json("state", "reclaim", "--reason", "never used")["reclaimed_from"].endswith("moved.db")


def test_the_old_database_is_reclaimed_where_the_other_was_used_and_lost(desk: Line) -> None:
    signing(desk)
    desk.add("Rotate the deploy keys")
    before = desk.config.read_text(encoding="utf-8")
    assert desk("state", "copy", "--to", "sqlite:///new.db").code == 0
    desk.config.write_text(before.replace(state_table(desk.url), state_table("sqlite:///new.db")), encoding="utf-8")
    desk.add("Close the port")
    desk.config.write_text(before, encoding="utf-8")
    answer = desk("state", "reclaim", "--reason", "the other disk is lost")
    assert (answer.code, "counterfoil audit fork --reason TEXT" in answer.out) == (3, True)
    assert desk("item", "add", "Another").code == 6
    assert desk("audit", "fork", "--reason", "the other disk is lost").code == 0
    assert desk.add("Lock the door") == "AI-000002"
    assert desk("audit", "verify", "--json").json["given_up"]
