import json
from pathlib import Path

import pytest

from sync.app.identity import system_user
from tests.app.conftest import Line

ME = f'[[people]]\nemail = "vera@acme.example"\nlogin = "{system_user()}"\n'


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    file = tmp_path / "items.json"
    file.write_text(json.dumps([{"title": "Rotate the keys", "external_ref": "R-1"}]))
    return file


def test_a_dry_run_says_what_it_would_do_and_writes_nothing(desk: Line, scan: Path) -> None:
    told = desk("intake", "json", str(scan), "--dry-run")
    assert (told.code, "1 new" in told.out, "Nothing was written" in told.out) == (0, True, True)
    assert desk.json("item", "list") == []
    assert desk.json("intake", "json", str(scan), "--dry-run")["dry_run"]
    assert desk.json("intake", "json", str(scan))["created"] == 1


def test_who_writes_items_by_hand_is_recorded_by_name(desk: Line) -> None:
    with desk.config.open("a") as config:
        config.write(ME)
    ref = desk.add("Rotate the keys")
    desk("item", "edit", ref, "--priority", "high")
    desk("item", "comment", ref, "Soon.")
    assert {record["actor"]["name"] for record in desk.json("audit", "log")} == {"vera@acme.example"}
    assert desk.json("item", "show", ref)["comments"][0]["author"] == "vera@acme.example"


@pytest.mark.parametrize(
    "words", [("item", "add", "T"), ("item", "edit", "1", "--priority", "low"), ("item", "comment", "1", "Words")]
)
def test_only_authors_write_items_where_they_are_named(desk: Line, words: tuple[str, ...]) -> None:
    desk.add("Rotate the keys")
    with desk.config.open("a") as config:
        config.write(f'{ME}[roles]\nauthor = ["ana@acme.example"]\n')
    refused = desk(*words)
    assert (refused.code, "may not write items" in refused.err) == (2, True)
    assert len(desk.json("audit", "log")) == 1
