"""What people say about work that is done, on the command line."""

from collections.abc import Callable
from pathlib import Path

import pytest

from state import proofs
from state.proof import EvidenceDraft, EvidenceKind
from state.store import Store
from sync.app.shell import system_user, utc_now
from tests.app.conftest import BELIEVED, Line
from tests.state.conftest import PERSON


@pytest.fixture
def room(desk: Line) -> Line:
    """A desk with the usual policy, where the system's user is Mia, and Rita reviews, for whom Mia may act."""
    people = f'[[people]]\nemail = "mia@acme.example"\nlogin = "{system_user()}"\n'
    rita = '[[people]]\nemail = "rita@acme.example"\nlogin = "rita"\n'
    roles = '[roles]\nreviewer = ["rita@acme.example", "mia@acme.example"]\ndelegate = ["mia@acme.example"]\n'
    desk.config.write_text(desk.config.read_text().replace(BELIEVED, "") + people + rita + roles)
    return desk


def as_rita(room: Line) -> None:
    """The system's user is Rita from now on."""
    text = room.config.read_text().replace(f'login = "{system_user()}"', 'login = "mia"')
    room.config.write_text(text.replace('login = "rita"', f'login = "{system_user()}"'))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "rotation.log"
    file.write_bytes(b"all rotated\n")
    return file


def test_what_is_done_and_backed_is_resolved_with_what_shows_it(room: Line, log: Path) -> None:
    ref = room.add("Rotate the deploy keys")
    done = room("resolve", ref, "--reason", "rotated", "--evidence", str(log), "--json")
    assert (done.code, done.json["item"]["status"], done.json["missing"]) == (0, "resolved", [])
    assert done.json["evidence"][0]["name"] == "rotation.log"
    assert room("resolve", ref, "--reason", "again").code == 2


def test_what_is_done_and_not_backed_is_a_claim_that_names_what_is_missing(room: Line, log: Path) -> None:
    ref = room.add("Rotate the deploy keys", "--priority", "high")
    said = room("resolve", ref, "--reason", "rotated", "--evidence", str(log))
    assert said.code == 5
    assert "a review of EV-000001" in said.out
    item = room.json("item", "show", ref)
    assert (item["status"], item["claim"], item["claim_detail"]["by"]) == (
        "in_progress",
        "resolved",
        "mia@acme.example",
    )
    assert [hold["kind"] for hold in item["holds"]] == ["evidence_missing"]


def test_a_review_by_somebody_else_resolves_an_item_without_a_ticket_at_the_time_of_the_claim(
    room: Line, log: Path
) -> None:
    ref = room.add("Rotate the deploy keys", "--priority", "high")
    room.json("resolve", ref, "--reason", "rotated", "--evidence", str(log))
    at = room.json("item", "show", ref)["claim_detail"]["at"]
    alone = room("review", ref, "--accept")
    assert (alone.code, "nobody reviews that themselves" in alone.err) == (2, True)
    as_rita(room)
    seen = room("review", ref, "--accept", "--reason", "seen", "--json")
    assert (seen.code, seen.json["verdict"], seen.json["reviewed"]) == (
        0,
        "accepted",
        [{"ref": "EV-000001", "version": 1}],
    )
    item = room.json("item", "show", ref)
    assert (item["status"], item["resolved_at"], item["holds"]) == ("resolved", at, [])


def test_a_claim_on_an_item_without_a_ticket_is_settled_by_what_is_brought_and_by_its_review_alone(
    room: Line, log: Path
) -> None:
    for priority in ("medium", "high"):
        ref = room.add("Rotate the deploy keys", "--priority", priority)
        assert room("resolve", ref, "--reason", "rotated").code == 5
        at = room.json("item", "show", ref)["claim_detail"]["at"]
        piece = room.json("evidence", "add", ref, str(log))["ref"]
        if priority == "high":
            assert room.json("item", "show", ref)["status"] == "in_progress"
            as_rita(room)
            room.json("evidence", "review", piece, "--accept")
        item = room.json("item", "show", ref)
        assert (item["status"], item["resolved_at"], item["holds"]) == ("resolved", at, [])


def test_what_was_brought_before_a_test_failed_again_resolves_nothing_and_the_test_that_passes_does(
    room: Line, log: Path, tmp_path: Path
) -> None:
    def tested(outcome: str) -> None:
        suite = f'<testsuite name="keys"><testcase classname="keys" name="rotated">{outcome}</testcase></testsuite>'
        (tmp_path / "run.xml").write_text(suite)
        room.json("intake", "junit", str(tmp_path / "run.xml"), "--of", "deploy")

    tested("<failure/>")
    assert room("resolve", "1", "--reason", "rotated", "--evidence", str(log)).code == 0
    tested("<failure/>")
    [earlier] = room.json("item", "show", "1")["evidence"]
    assert (earlier["counts"], earlier["reopened_at"] > earlier["captured_at"]) == (True, True)
    again = room("resolve", "1", "--reason", "rotated")
    assert again.code == 5
    assert "EV-000001 is from before it was opened again" in " ".join(again.out.split())
    tested("")
    item = room.json("item", "show", "1")
    assert (item["status"], [each["kind"] for each in item["evidence"]]) == ("resolved", ["log", "test_result"])


def test_a_refusal_puts_a_resolved_item_back_and_takes_what_was_brought_for_nothing(room: Line, log: Path) -> None:
    ref = room.add("Rotate the deploy keys")
    room.json("resolve", ref, "--reason", "rotated", "--evidence", str(log))
    as_rita(room)
    assert room.json("review", ref, "--reject", "of another system")["item"]["status"] == "in_progress"
    again = room("resolve", ref, "--reason", "it is done")
    assert "EV-000001 rejected: of another system" in again.out


def test_the_configuration_says_for_which_controls_which_kinds_and_whose_review_are_asked_for(
    room: Line, log: Path, login: Callable[[str], None]
) -> None:
    demand = 'control = "CC8.*"\nkinds = ["pull_request"]\nreviewers = ["rita@acme.example"]\n'
    theo = '[[people]]\nemail = "theo@acme.example"\nlogin = "theo"\n'
    config = room.config.read_text().replace('reviewer = ["rita', 'reviewer = ["theo@acme.example", "rita')
    room.config.write_text(f"{config}{theo}[[resolve.controls]]\n{demand}")
    ref, other = (room.add(f"Release {code} by four eyes", "--control", code) for code in ("soc2:CC8.1", "CC7.1"))
    assert room("resolve", other, "--reason", "done", "--evidence", str(log)).code == 0
    wrong_kind = room.json("resolve", ref, "--reason", "done", "--evidence", str(log))
    assert "pull request" in " ".join(wrong_kind["missing"])
    url = "https://github.com/acme/platform/pull/7"
    [missing] = room.json("resolve", ref, "--reason", "merged", "--evidence", url)["missing"]
    assert missing == "a review by rita@acme.example of EV-000003"
    login("theo")
    room.json("evidence", "review", "EV-000003", "--accept")
    assert room.json("item", "show", ref)["status"] == "in_progress"
    login("rita")
    room.json("evidence", "review", "EV-000003", "--accept")
    assert room.json("item", "show", ref)["status"] == "resolved"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("resolve", "1"), "--reason"),
        (("review", "1"), "--accept"),
        (("review", "1", "--accept", "--reject", "no"), "--accept"),
        (("review", "1", "--reject", " "), "reason"),
        (("review", "1", "--accept"), "none to review"),
        (("review", "1", "--reject", "no"), "not said to be done"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_makes_no_sense_is_refused_and_writes_nothing(room: Line, words: tuple[str, ...], said: str) -> None:
    room.add("Rotate the keys")
    before = room.json("audit", "verify")
    refused = room(*words)
    assert (refused.code, refused.out) == (2, "")
    assert said in refused.err
    assert room.json("audit", "verify") == before


def test_who_is_no_reviewer_does_not_review(room: Line) -> None:
    room.add("Rotate the keys")
    room.config.write_text(room.config.read_text().replace('reviewer = ["rita@acme.example", "mia@acme.example"]', ""))
    refused = room("review", "1", "--accept")
    assert (refused.code, "may not review" in refused.err) == (2, True)


def test_what_comes_with_a_groups_ticket_resolves_the_item_that_waits_for_it(room: Line, tmp_path: Path) -> None:
    with room.config.open("a", encoding="utf-8") as config:
        config.write('[[groups]]\nby = "owner"\n')
    rows = tmp_path / "rows.csv"
    rows.write_text("title,owner,external_ref\nClose it,mia@acme.example,1\nOpen it,mia@acme.example,2\n")
    room("intake", "csv", str(rows))
    first, second, group = (item["ref"] for item in room.json("item", "list"))
    assert room("resolve", first, "--reason", "closed").code == 5
    with Store.open(room.url, clock=utc_now) as store, store.writing() as w:
        shot = EvidenceDraft(EvidenceKind.FILE, "it is closed", "tom", w.now, item=group, name="shot.png")
        proofs.add(w.connection, w.ledger, [(shot, PERSON)])
    room("sync")
    assert [hold["item"] for hold in room.json("holds", "list")] == [group]
    assert [room.json("item", "show", ref)["status"] for ref in (first, second, group)] == ["resolved", "open", "open"]


def test_explain_names_what_is_asked_for_what_was_brought_and_what_is_missing(room: Line, log: Path) -> None:
    ref = room.add("Rotate the deploy keys", "--priority", "high")
    room("resolve", ref, "--reason", "rotated", "--evidence", str(log))
    told = room.json("explain", ref)
    assert told["asked_for"] == ["1 piece of evidence, reviewed"]
    assert [each["ref"] for each in told["evidence"]] == ["EV-000001"]
    assert told["missing"] == ["a review of EV-000001"]
    words = room("explain", ref).out
    for said in (*told["asked_for"], *told["missing"], "EV-000001 log, not reviewed: Rotate the deploy keys"):
        assert said in words
    as_rita(room)
    room("review", ref, "--accept")
    told = room.json("explain", ref)
    assert (told["status"], told["missing"]) == ("resolved", [])
    assert "EV-000001 log, accepted by rita@acme.example" in room("explain", ref).out


def test_an_accepting_review_says_what_it_left_out_and_what_is_still_missing(room: Line, log: Path) -> None:
    room.config.write_text(room.config.read_text() + "[resolve]\nhigh = { pieces = 2, review = true }\n")
    ref = room.add("Rotate the deploy keys", "--priority", "high")
    room.json("evidence", "add", ref, str(log))
    as_rita(room)
    room.json("evidence", "add", ref, "https://ci.acme.example/runs/1")
    told = room("review", ref, "--accept")
    assert "EV-000001 for AI-000001 accepted; AI-000001 is open" in told.out
    assert "nobody reviews what they brought themselves: EV-000002" in told.out
    assert "Still missing:\n  a review of EV-000002\n" in told.out
    room.json("evidence", "add", ref, "https://ci.acme.example/runs/2")
    [missing] = room.json("resolve", ref, "--reason", "rotated")["missing"]
    assert missing == "a review of EV-000002, EV-000003"


def test_a_hold_over_what_is_missing_names_the_commands_that_bring_just_that(room: Line, log: Path) -> None:
    ref = room.add("Rotate the deploy keys", "--priority", "high")
    room("resolve", ref, "--reason", "rotated")
    [hold] = room.json("holds", "list")
    assert hold["command"].startswith(f"counterfoil evidence add {ref} FILE|URL, and counterfoil review {ref} --accept")
    told = room("resolve", ref, "--reason", "rotated", "--evidence", str(log)).out
    [hold] = room.json("holds", "list")
    assert hold["command"] == f"counterfoil review {ref} --accept, by a reviewer who did not bring it"
    assert "evidence add" not in told
