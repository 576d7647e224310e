"""Who is named no more: what the command says of it, and what the ledger then says."""

import pytest

from sync.app.shell import system_user
from tests.app.conftest import Line


@pytest.fixture
def ruth(desk: Line, monkeypatch: pytest.MonkeyPatch) -> Line:
    """What Mia wrote was recorded, and Ruth is at the desk now."""
    desk.add("Rotate the keys", "--owner", "kim@acme.example")
    monkeypatch.setenv("COUNTERFOIL_USER", "mia@acme.example")
    assert desk("item", "comment", "1", "Done on Monday").code == 0
    monkeypatch.setenv("COUNTERFOIL_USER", "ruth@acme.example")
    return desk


def test_a_person_is_erased_and_the_ledger_says_that_texts_were_redacted(ruth: Line) -> None:
    answer = ruth("person", "erase", "mia@acme.example", "--reason", "request 12")
    assert (answer.code, answer.out) == (0, "Erased 1 text beside the ledger, and 1 comment\n")
    assert "mia" not in ruth("audit", "log", "--limit", "0").out
    assert "1 personal text redacted, commitment present" in ruth("audit", "verify").out
    [record] = [each for each in ruth("audit", "log", "--json").json if each["action"] == "person.erased"]
    assert (record["actor"]["account"], record["reason"]) == ("ruth@acme.example", "request 12")
    assert len(record["after"]["hashes"]) == 1


def test_a_name_under_which_nobody_is_recorded_is_said_to_be_nobodys(ruth: Line) -> None:
    answer = ruth("person", "erase", "mia@acme.exmaple", "--reason", "request 12")
    assert (answer.code, answer.out.splitlines()[0].partition(":")[0]) == (
        0,
        "Nobody is recorded by that name any more, or ever was",
    )


def test_a_dry_run_shows_the_same_and_changes_nothing(ruth: Line) -> None:
    words = ("person", "erase", "mia@acme.example", "--words", "--reason", "request 12")
    shown = ruth(*words, "--dry-run", "--json").json
    assert (shown["erased"], len(shown["texts"]), shown["comments"]) == (False, 3, 1)
    assert "mia@acme.example" in ruth("audit", "log").out
    done = ruth(*words, "--json").json
    assert (done["erased"], done["scrubbed"], done["texts"]) == (True, True, shown["texts"])
    assert "Monday" not in str(ruth("audit", "log", "--json").json)


def test_a_name_in_a_comment_of_somebody_else_is_nowhere_any_more(ruth: Line) -> None:
    assert ruth("item", "comment", "1", "Kim Lee said this is done").code == 0
    answer = ruth("person", "erase", "Kim Lee", "--reason", "request 12")
    assert (answer.code, answer.out) == (0, "Erased 1 text beside the ledger, and 1 comment\n")
    assert "Kim Lee" not in ruth("item", "show", "1").out
    again = ruth("person", "erase", "Kim Lee", "--reason", "request 12", "--dry-run")
    assert "Still names them" not in again.out


def test_who_owns_an_open_item_is_not_erased_and_it_is_named(ruth: Line) -> None:
    answer = ruth("person", "erase", "kim@acme.example", "--reason", "request 12")
    assert answer.code == 2
    assert "item AI-000001: still theirs; give them another owner first" in answer.err
    shown = ruth("person", "erase", "kim@acme.example", "--reason", "request 12", "--dry-run")
    assert "item AI-000001" in shown.out
    assert "item.owner: 1 row" in shown.out


@pytest.mark.parametrize(
    "words", [("mia@acme.example", "--reason", " "), ("m", "--reason", "why"), ("", "--reason", "why")]
)
def test_a_reason_and_a_name_are_needed(ruth: Line, words: tuple[str, ...]) -> None:
    assert ruth("person", "erase", *words).code == 2
    assert "person.erased" not in ruth("audit", "log").out


def test_no_variable_that_any_program_sets_says_who_somebody_is(desk: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COUNTERFOIL_USER", raising=False)
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "auditor@acme.example")
    desk.add("Rotate the keys")
    assert desk("audit", "log", "--json").json[-1]["actor"]["account"] == system_user()


@pytest.mark.parametrize("known", [True, False])
def test_what_somebody_does_whom_people_know_by_login_is_theirs_whatever_a_variable_says(
    desk: Line, monkeypatch: pytest.MonkeyPatch, known: bool
) -> None:
    desk.add("Rotate the keys")
    assert desk("audit", "keygen", "--name", "acme.example/ledger", "--out", "audit.key").code == 0
    login = f'login = "{system_user()}"\n' if known else ""
    signed = '[audit]\nkey_file = "audit.key"\n[[audit.anchors]]\nname = "log"\nkind = "log"\n'
    told = f'{desk.config.read_text(encoding="utf-8")}\n[[people]]\nemail = "olga@acme.example"\n{login}'
    desk.config.write_text(f"{signed}{told}", encoding="utf-8")
    monkeypatch.setenv("COUNTERFOIL_USER", "ceo@acme.example")
    ends = [
        desk("person", "erase", "vera", "--reason", "request 12"),
        desk("audit", "rotate", "--out", "audit-2.key"),
        desk("state", "copy", "--to", f"sqlite:///{desk.folder / 'other.db'}"),
        desk("state", "reclaim", "--reason", "the copy was a trial"),
    ]
    done = {"person.erased", "key.rotated", "state.moved", "state.reclaimed"}
    by = {r["action"]: r["actor"]["account"] for r in desk("audit", "log", "--json", "--limit", "0").json}
    who = "olga@acme.example" if known else "ceo@acme.example"
    assert {action: by.get(action) for action in done} == dict.fromkeys(done, who), ends
