"""The page on JSON names every key that a command answers with."""

import re
from pathlib import Path
from typing import Any

from tests.app.conftest import Office

PAGE = Path(__file__).resolve().parents[2] / "docs" / "json.md"


def documented() -> dict[str, set[str]]:
    """The words in code quotes of each command's section, with those of the sections it refers to."""
    text = PAGE.read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    words: dict[str, set[str]] = {}

    def of(title: str) -> set[str]:
        found: set[str] = set()
        for quoted in re.findall(r"`([^`]+)`", sections[title]):
            if quoted in sections and quoted != title:
                found |= of(quoted)
            found.add(quoted)
        return found

    for title in sections:
        for command in title.split(", "):
            words[command] = of(title)
    return words


def keys(answer: Any) -> set[str]:
    """Every key of an answer, those under names of trackers, priorities or people's words aside."""
    if isinstance(answer, list):
        return {key for each in answer for key in keys(each)}
    if not isinstance(answer, dict):
        return set()
    free = {"requests", "trackers", "items", "warning_counts", "before", "after"}
    inner = {key for name, value in answer.items() if name not in free for key in keys(value)}
    return set(answer) | inner


def test_every_key_is_documented(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "items.csv"
    file.write_text("title\nRotate the keys\nClose the port\n\x00\n")
    answers: dict[str, Any] = {"intake": office.line("intake", "csv", str(file), "--keep-going", "--json").json}
    words: tuple[str, ...]
    for words in (
        ("init",),
        ("check",),
        ("item", "add", "Close the port", "--owner", "mia@acme.example"),
        ("plan",),
        ("sync",),
    ):
        answers[" ".join(words[:2] if words[0] == "item" else words)] = office.line.json(*words)
    ref = answers["item add"]["ref"]
    office.tracker.engineer.wont_do(office.key(ref), "not now")
    office.tracker.engineer.due(office.key(ref), "2099-12-31")
    answers["sync"] = office.line.json("sync")
    answers["item comment"] = office.line.json("item", "comment", ref, "Why?")
    for words in (
        ("item", "list"),
        ("item", "show", ref),
        ("status",),
        ("explain", ref),
        ("holds", "list"),
        ("holds", "settle", "H-2", "--take", "item", "--reason", "no"),
        ("item", "unlink", ref),
        ("audit", "log"),
        ("audit", "verify"),
    ):
        name = " ".join(words[:2]) if words[0] in ("item", "holds", "audit") else words[0]
        answers[name] = office.line.json(*words)
    page = documented()
    assert {name: keys(answer) - page[name] for name, answer in answers.items() if keys(answer) - page[name]} == {}
    assert keys(answers["explain"]) >= {"agreed_item", "command", "linked_at"}
    assert keys(answers["intake"]) >= {"bad_count", "unit"}
