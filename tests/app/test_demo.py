"""The demo does what the program is for, and does it again."""

from pathlib import Path

from sync.report import verify
from tests.app.conftest import Line


def test_the_demo_does_the_main_job_and_comes_to_rest(line: Line, tmp_path: Path) -> None:
    answer = line("demo", "--json")
    assert answer.code == 0, answer.err
    folder = Path(answer.json["folder"])
    assert folder == tmp_path / "counterfoil-demo-1"
    assert answer.json["at_rest"] is True
    [key] = [step["answer"]["public_key"] for step in answer.json["steps"] if "keygen" in step["command"]]
    steps = {" ".join(step["command"]): step["answer"] for step in answer.json["steps"]}
    syncs = [step["answer"] for step in answer.json["steps"] if step["command"][0] == "sync"]
    first, second, third, fourth, last = syncs
    assert (first["created"], first["failed"], first["deferred"]) == (26, 0, 0)
    assert (second["pulled"], second["updated"], second["commented"], second["held"]) == (5, 2, 3, 3)
    assert (third["failed"], fourth["failed"]) == (0, 0)
    assert last["operations"] == []
    assert "sync --full" in steps
    assert steps["audit verify"]["conclusion"] == "anchored"
    assert verify.main([str(folder / "pack.zip"), "--pubkey", key, "--checkpoints", str(folder / "share")]) == 0
    assert steps["controls list --framework SOC2"][0]["status"] == "failing"
    assert steps["controls show SOC2:CC6.7"]["status"] == "implemented"
    assert steps[f"intake ocsf {folder / 'findings-3.ocsf.json'}"]["reopened"] == 3
    assert [each["state"] for each in steps["accept list"]] == ["lapsed"]
    assert {"acceptance", "update"} <= {each["kind"] for each in steps["plan"]["operations"]}
    assert line("status", "--config", str(folder / "counterfoil.toml")).code == 0


def test_the_demo_tells_a_story_again_and_where_to_look(line: Line, tmp_path: Path) -> None:
    (tmp_path / "counterfoil-demo-1").mkdir()
    answer = line("demo")
    assert answer.code == 0, answer.err
    for said in ("$ counterfoil intake ocsf", "$ counterfoil explain", "26 created", "nothing to do"):
        assert said in answer.out
    assert str(tmp_path / "counterfoil-demo-2") in answer.out.splitlines()[-6]
    page = tmp_path / "counterfoil-demo-2" / "index.html"
    assert str(page) in answer.out
    assert "Rotate" in page.read_text(encoding="utf-8")


def test_the_demo_does_not_write_into_a_folder_that_is_there(line: Line, tmp_path: Path) -> None:
    assert line("demo", str(tmp_path)).code == 2


def test_the_picture_shows_the_middle_and_leaves_nothing_else(line: Line, tmp_path: Path) -> None:
    assert line("demo", "--picture", "demo.svg").code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"demo.svg"}
    drawn = (tmp_path / "demo.svg").read_text(encoding="utf-8").replace("&#160;", " ")
    assert drawn.startswith("<svg")
    assert "edits the title" in drawn
    assert "Mia Krystof" in drawn
    assert str(tmp_path) not in drawn
