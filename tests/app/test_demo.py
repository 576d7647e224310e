"""The demo does what the program is for, and does it again."""

from pathlib import Path

from tests.app.conftest import Line


def test_the_demo_runs_twice_in_a_row_and_comes_to_rest(line: Line, tmp_path: Path) -> None:
    for number in (1, 2):
        answer = line("demo", "--json")
        assert answer.code == 0, answer.err
        folder = Path(answer.json["folder"])
        assert folder == tmp_path / f"counterfoil-demo-{number}"
        assert answer.json["at_rest"] is True
        steps = {" ".join(step["command"]): step["answer"] for step in answer.json["steps"]}
        runs = [step["answer"] for step in answer.json["steps"] if step["command"] == ["sync"]]
        assert len(runs) == 3
        assert (runs[0]["created"], runs[0]["failed"], runs[0]["deferred"]) == (26, 0, 0)
        assert (runs[1]["pulled"] >= 4, runs[1]["updated"] >= 2, runs[1]["held"]) == (True, True, 1)
        assert runs[1]["commented"] == 2
        assert runs[2]["operations"] == []
        assert steps["audit verify"]["ok"] is True
        assert line("status", "--config", str(folder / "counterfoil.toml")).code == 0


def test_the_demo_tells_a_story_and_where_to_look(line: Line, tmp_path: Path) -> None:
    answer = line("demo", str(tmp_path / "here"))
    assert answer.code == 0, answer.err
    for said in (
        "$ counterfoil intake ocsf",
        "$ counterfoil plan",
        "$ counterfoil explain",
        "26 created",
        "nothing to do",
    ):
        assert said in answer.out
    assert str(tmp_path / "here") in answer.out.splitlines()[-5]
    assert line("demo", str(tmp_path / "here")).code == 2
