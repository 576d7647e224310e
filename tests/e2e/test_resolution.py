"""A ticket's "done" is a claim, over each vendor's own wire: asked for in one comment, resolved or opened again."""

from typing import Any

from tests.e2e.conftest import CONFIG
from tests.e2e.test_main_job import titles


def asks(installation: Any, *, days: int) -> None:
    """Have the installation ask for what the usual policy asks, for so many days."""
    file = installation.folder / "counterfoil.toml"
    believed = CONFIG[CONFIG.index("[resolve]") :].format()
    file.write_text(file.read_text().replace(believed, f"[resolve]\nreopen_after_days = {days}\n"))


def closed(installation: Any) -> tuple[str, str]:
    """An item whose ticket an engineer closed as done, and the ticket."""
    ref = installation.run("item", "add", "Encrypt the backup bucket of billing")["ref"]
    installation.run("sync")
    key = titles(installation)[ref]
    installation.server.advance(2)
    installation.engineer.close(key)
    return ref, key


def said(installation: Any, key: str) -> list[str]:
    return [str(c) for c in installation.engineer.comments(key) if "counterfoil" in str(c).casefold()]


def test_done_is_resolved_once_it_is_backed_and_one_comment_is_edited_on_the_way(installation: Any) -> None:
    asks(installation, days=14)
    ref, key = closed(installation)
    first = installation.run("sync", expect=5)
    assert (first["commented"], first["held"]) == (1, 1)
    assert installation.run("sync", expect=5)["operations"] == []
    (text,) = said(installation, key)
    assert "does not count as resolved yet" in text
    assert installation.run("item", "show", ref)["status"] == "in_progress"
    installation.run("evidence", "add", ref, "https://ci.acme.example/runs/88")
    done = installation.run("sync")
    assert (done["commented"], done["updated"]) == (1, 0)
    (text,) = said(installation, key)
    assert "is resolved" in text
    assert "does not count" not in text
    item = installation.run("item", "show", ref)
    assert (item["status"], item["claim"]) == ("resolved", None)
    assert installation.run("sync")["operations"] == []


def test_done_that_nobody_backs_is_opened_again_once_and_says_why(installation: Any) -> None:
    asks(installation, days=0)
    ref, key = closed(installation)
    installation.run("sync", expect=5)
    again = installation.run("sync")
    assert (again["updated"], again["commented"]) == (1, 1)
    (text,) = said(installation, key)
    assert "still missing after 0 days" in text
    assert installation.run("item", "show", ref)["status"] == "in_progress"
    assert installation.run("sync")["operations"] == []
    installation.server.advance(2)
    installation.engineer.close(key)
    assert installation.run("sync", expect=5)["held"] == 1
    assert len(said(installation, key)) == 1
