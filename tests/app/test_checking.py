"""What `check` finds about the signed ledger: everything that would stop or bend the next run, and nothing written."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from tests.app.conftest import Line
from tests.app.test_signing import Audit, signing
from tests.databases import ARM, disarm, on_sqlite, raw

pytestmark = on_sqlite


@pytest.fixture
def audit(desk: Line) -> Audit:
    made = signing(desk)
    for title in ("Rotate the keys", "Close the port", "Lock the door"):
        made.line.add(title)
    return made


def told(audit: Audit) -> list[tuple[Any, ...]]:
    """What `check` says of the ledger, in a folder that has no tracker."""
    answer: Any = audit.line("check", "--json").json
    found = [tuple(each[name] for name in ("where", "what", "fix", "fatal")) for each in answer["problems"]]
    return [each for each in found if each[0] not in ("trackers", "routes", "items")]


def cut(audit: Audit, *more: str) -> None:
    disarm(audit.line.url)
    guards = ARM[make_url(audit.line.url).get_backend_name()]
    raw(audit.line.url, "DELETE FROM audit WHERE seq > 1", *more, *guards)


def test_a_signed_ledger_that_is_in_order_is_nothing_to_tell_of(audit: Audit) -> None:
    assert told(audit) == []
    assert audit.kept() == [1, 2, 3]


@pytest.mark.parametrize("spoilt", ["gone", "ruined", "open"])
def test_a_signing_key_that_cannot_be_used_stops_a_run(audit: Audit, spoilt: str) -> None:
    key = audit.line.folder / "audit.key"
    key.chmod(0o644 if spoilt == "open" else 0o600)
    if spoilt == "ruined":
        key.write_text("PK\3\4")
    if spoilt == "gone":
        key.unlink()
    [(where, what, fix, fatal)] = told(audit)
    assert (where, fatal) == ("audit", True)
    assert what.startswith("audit.key_file: ")
    number = audit.line.config.read_text(encoding="utf-8").splitlines().index('key_file = "audit.key"') + 1
    assert fix.endswith(f"counterfoil.toml, line {number}")


def test_every_part_of_the_configuration_that_cannot_be_used_is_told_of(audit: Audit) -> None:
    (audit.line.folder / "audit.key").unlink()
    config = audit.line.config.read_text(encoding="utf-8").replace("[audit]", '[audit]\npublic_keys = ["acme"]')
    bucket = '[[audit.anchors]]\nname = "bucket"\nkind = "bucket"\nurl = "https://s3.acme.example"\nregion = "eu"\n'
    keys = 'access_key = "AKIAEXAMPLE"\nsecret_env = "NO_SUCH_SECRET"\nretain_days = 30\n'
    audit.line.config.write_text(config + bucket + keys, encoding="utf-8")
    parts = [what.partition(":")[0] for _, what, _, _ in told(audit)]
    assert parts == ["audit.key_file", "audit.public_keys[1]", "audit.anchors[2].secret_env"]


def test_a_place_that_cannot_be_asked_is_told_of_and_stops_nothing(audit: Audit, tmp_path: Path) -> None:
    audit.share.rename(tmp_path / "away")
    [(where, what, fix, fatal)] = told(audit)
    assert (where, fatal) == ("share", False)
    assert "share could not be asked what it keeps" in what
    assert "audit sign" in fix


def test_a_place_that_took_nothing_is_told_of_until_it_takes_something(audit: Audit) -> None:
    (audit.share / "acme.example_ledger.000000000004.note").write_text("in the way")
    audit.line.add("Shut the window")
    [(where, what, _, fatal)] = told(audit)
    assert (where, fatal) == ("share", False)
    assert "it took nothing at " in what
    assert "holds another checkpoint over as many records" in what
    audit.line.add("Wind the clock")
    assert told(audit) == []


@pytest.mark.parametrize("also", [(), ("DELETE FROM checkpoint", "DELETE FROM anchor")], ids=["cut", "put back"])
def test_a_ledger_that_does_not_go_on_from_what_a_place_keeps_stops_a_run(audit: Audit, also: tuple[str, ...]) -> None:
    cut(audit, *also)
    [(where, what, fix, fatal)] = told(audit)
    assert (where, fatal) == ("ledger", True)
    assert "the ledger ends at record 1, and 2 more were there when the checkpoint over 3 records was signed" in what
    assert "audit fork --reason" in what
    assert fix
    answer = audit.line("audit", "sign")
    assert answer.code == 6
    assert "the ledger ends at record 1, and 2 more were there" in answer.err


def test_a_ledger_that_contradicts_itself_is_told_of_once(audit: Audit) -> None:
    cut(audit)
    disarm(audit.line.url)
    [(where, what, _, fatal)] = told(audit)
    assert (where, fatal) == ("state", True)
    assert "guard is gone" in what


def test_a_database_that_the_installation_left_stops_a_run(audit: Audit) -> None:
    raw(audit.line.url, "INSERT INTO meta (name, value) VALUES ('moved_to', 'sqlite:///other.db')")
    [(where, what, _, fatal)] = told(audit)
    assert (where, fatal) == ("state", True)
    assert "moved to another database" in what


ROLES = """
[[people]]
email = "ruth@acme.example"
login = "ruth"

[[people]]
email = "otto@acme.example"

[roles]
reviewer = ["Ruth@acme.example", "otto@acme.example"]

[roles.risk_owner]
critical = ["ruth@acme.example", "otto@acme.example"]
high = ["ghost@acme.example"]
"""


def test_roles_in_which_nobody_could_ever_act_are_told_of_and_stop_nothing(audit: Audit) -> None:
    config = audit.line.config
    config.write_text(config.read_text(encoding="utf-8") + ROLES, encoding="utf-8")
    assert told(audit) == [
        ("roles", what, "name them in [[people]], each with a login", False)
        for what in (
            "risk_owner at critical: it takes 2, and of otto@acme.example, ruth@acme.example 1 can give commands",
            "risk_owner at high: it takes 1, and of ghost@acme.example 0 can give commands",
        )
    ]
    config.write_text(config.read_text(encoding="utf-8") + "\n[accept]\nby_comment = true\n", encoding="utf-8")
    assert told(audit) == []
