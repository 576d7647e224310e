"""The command line as a whole: help, usage, failures, and what never leaves it."""

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from sync.app import cli, failures
from sync.app.cli import app
from tests.app.conftest import Line

ROOT = Path(__file__).resolve().parents[2]


def commands() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    group = typer.main.get_command(app)
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        found += [(name, each) for each in inner] if inner else [(name,)]
    return found


def test_the_commands_are_these() -> None:
    assert {" ".join(words) for words in commands()} == {
        *("init", "check", "intake", "plan", "sync", "status", "explain", "demo"),
        *("item add", "item list", "item show", "item edit", "item comment", "item link", "item unlink"),
        *(f"accept {word}" for word in ("request", "list", "show", "approve", "reject", "revoke", "renew")),
        *("resolve", "review"),
        *("due list", "due approve", "due reject"),
        *(f"evidence {word}" for word in ("add", "list", "show", "review", "verify", "check")),
        *(f"framework {word}" for word in ("add", "list", "gaps", "map")),
        *(f"controls {word}" for word in ("list", "show", "exempt", "include")),
        *(f"risk {word}" for word in ("add", "list", "show", "edit", "score", "import", "due")),
        *(
            "holds list",
            "holds settle",
            "audit log",
            "audit verify",
            "audit prove",
            "audit keygen",
            "audit key",
            "audit sign",
            "audit fork",
            "audit rotate",
            "audit pack",
            "person erase",
            "report html",
            "report json",
            "report md",
            "report csv",
            "report oscal-poam",
            "report fedramp",
            "state copy",
            "state reclaim",
        ),
    }


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_has_help_with_an_example_and_the_shared_options(words: tuple[str, ...], line: Line) -> None:
    answer = line(*words, "--help")
    assert answer.code == 0
    assert f"Example:\n    counterfoil {' '.join(words)}" in answer.out
    assert all(option in answer.out for option in ("--json", "--config", "--verbose", "--log-format"))


@pytest.mark.parametrize("words", [("nope",), ("item", "nope"), ("sync", "--nope"), ("item", "show")], ids=" ".join)
def test_a_line_that_makes_no_sense_exits_2(words: tuple[str, ...], line: Line) -> None:
    answer = line(*words)
    assert (answer.code, answer.out) == (2, "")
    assert "Error:" in answer.err


def test_without_a_configuration_the_command_that_writes_one_is_named(line: Line) -> None:
    answer = line("status")
    assert (answer.code, answer.out) == (2, "")
    assert "counterfoil init" in answer.err


def test_without_a_database_the_command_that_makes_one_is_named(line: Line) -> None:
    line.config.write_text("")
    answer = line("status")
    assert answer.code == 2
    assert "counterfoil init" in answer.err
    assert "mend `url` under [state]" in answer.err


@pytest.mark.parametrize("url", ["counterfoil.db", "sqlite://counterfoil.db"])
def test_a_database_url_that_names_no_file_is_refused(line: Line, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    line.config.write_text("")
    monkeypatch.setenv("COUNTERFOIL_STATE__URL", url)
    answer = line("status")
    assert (answer.code, answer.out) == (2, "")
    assert "sqlite:///FILE" in answer.err


def test_check_says_of_a_damaged_database_what_every_command_says(line: Line) -> None:
    line.config.write_text("")
    line("init")
    (line.folder / "counterfoil.db").write_bytes(b"no database" * 1000)
    [problem] = [p for p in line("check", "--json").json["problems"] if p["where"] == "state"]
    assert problem["fix"] in (said := line("status").err).replace("Put", "put")
    assert problem["what"] in said
    assert "init" not in problem["fix"]


def test_check_tells_where_evidence_cannot_be_kept(line: Line) -> None:
    line.config.write_text('[evidence]\nfolder = "kept/evidence"\n')
    line("init")
    told = [[p["what"] for p in line("check", "--json").json["problems"] if p["where"] == "evidence"]]
    (line.folder / "kept").write_text("a file is in the way")
    [problem] = [p for p in line("check", "--json").json["problems"] if p["where"] == "evidence"]
    assert (told, problem["fatal"]) == ([[]], True)
    assert f"{line.folder / 'kept'} is not a folder" in problem["what"]
    assert not (line.folder / "kept" / "evidence").exists()


def test_init_asks_to_edit_only_what_it_wrote(line: Line) -> None:
    assert "edit counterfoil.toml" in line("init").out
    assert "edit counterfoil.toml" not in line("init").out


def test_the_configuration_is_found_by_option_before_the_variable(
    desk: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTERFOIL_CONFIG", str(tmp_path / "none.toml"))
    assert desk("status").code == 2
    assert desk("status", "--config", str(desk.config)).code == 0
    assert desk("--config", str(desk.config), "status").code == 0
    monkeypatch.setenv("COUNTERFOIL_CONFIG", str(desk.config))
    monkeypatch.chdir("/")
    assert desk("status").code == 0


@pytest.mark.parametrize("words", [("status",), ("init",), ("sync",)], ids=" ".join)
def test_a_database_server_that_does_not_answer_exits_3_and_shows_no_password(
    line: Line, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    line.config.write_text("")
    monkeypatch.setenv("COUNTERFOIL_STATE__URL", "postgresql+psycopg://me:hunter2@127.0.0.1:1/book")
    answer = line(*words)
    assert (answer.code, answer.out) == (3, "")
    assert "See that the server runs" in answer.err
    assert "hunter2" not in answer.err


def test_without_the_driver_of_the_database_the_command_that_installs_it_is_named(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.config.write_text('[state]\nurl = "postgresql+psycopg://me@127.0.0.1/book"\n')
    monkeypatch.setitem(sys.modules, "psycopg", None)
    answer = line("status")
    assert answer.code == 2
    assert "pip install 'counterfoil[postgresql]'" in answer.err


def test_all_that_is_wrong_with_the_configuration_is_listed(line: Line) -> None:
    line.config.write_text('[safety]\nmax_create = 1\n[trackers.x]\nkind = "jira"\ntoken = "hunter2"\n')
    answer = line("status")
    assert answer.code == 2
    assert "3 problems" in answer.err
    assert "counterfoil.toml:2: safety.max_create: is not a key; did you mean 'max_creates'?" in answer.err
    assert "counterfoil.toml:5: trackers.x.token" in answer.err
    assert "hunter2" not in answer.err


def test_a_bug_is_said_in_one_line_without_secrets_and_exits_1(
    desk: Line, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cli_secret = "hunter2-and-more"
    from sync.app.logs import SEEN

    SEEN.learn([cli_secret])

    def broken(_: object) -> int:
        raise RuntimeError(f"stumbled over {cli_secret}")

    monkeypatch.setattr("sync.app.overview.status", broken)
    monkeypatch.setattr(sys, "argv", ["counterfoil", "status", "-v"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    said = capsys.readouterr()
    assert left.value.code == failures.BUG
    assert "RuntimeError: stumbled over ***" in said.err
    assert cli_secret not in said.err + said.out


def test_log_lines_carry_the_run_and_never_reach_standard_output(desk: Line) -> None:
    for form, mark in (("text", " R-"), ("json", '"run": "R-')):
        answer = desk("status", "--json", "-v", "--log-format", form)
        assert answer.json["overdue"] == 0
        assert all(mark in each for each in answer.err.splitlines())


def test_help_starts_without_the_heavy_libraries() -> None:
    code = "import sys; from sync.app.cli import run; run(['--help']); print(sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "Usage:" in done.stdout
    assert not [
        heavy for heavy in ("sqlalchemy", "httpx", "rich.console", "pydantic_settings") if f"'{heavy}'" in done.stdout
    ]


def test_what_a_command_loads_is_hardly_searched_for_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    before = gc.get_threshold()
    gc.set_threshold(700)
    monkeypatch.setattr(sys, "argv", ["counterfoil", "--version"])
    try:
        with pytest.raises(SystemExit):
            cli.main()
        assert gc.get_threshold()[0] >= 10_000
    finally:
        gc.set_threshold(*before)


def test_reading_the_database_needs_no_tracker_library_and_no_engine(desk: Line) -> None:
    code = "import sys; from sync.app.cli import run; run(['status']); print(sorted(sys.modules))"
    env = {"PYTHONPATH": str(ROOT), "COUNTERFOIL_CONFIG": str(desk.config)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert "Ledger" in done.stdout
    heavy = ("httpx", "jira", "github", "alembic", "sync.engine", "markdown_it")
    assert not [each for each in heavy if f"'{each}'" in done.stdout]


@pytest.mark.parametrize(
    ("words", "most"), [(("accept", "list", "--ending"), 36_525), (("audit", "log", "--limit"), 10**9)]
)
def test_a_number_has_a_bound_within_which_the_command_answers(desk: Line, words: tuple[str, ...], most: int) -> None:
    assert desk(*words, str(most)).code == 0
    for beyond in (most + 1, 999_999_999_999, 10**30):
        refused = desk(*words, str(beyond))
        assert (refused.code, str(most) in refused.err) == (2, True)


def test_the_shell_can_be_taught_to_complete() -> None:
    code = "from sync.app.cli import main; main()"
    env = {"_COUNTERFOIL_COMPLETE": "complete_bash", "COMP_WORDS": "counterfoil stat", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**env, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert sorted(done.stdout.split()) == ["state", "status"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_an_answer_that_cannot_be_written_out_is_no_bug(desk: Line) -> None:
    code = "import sys; from sync.app.cli import main; sys.argv = ['counterfoil', 'item', 'list']; main()"
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=desk.folder, env=env, stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, b"could not be written out" in done.stderr, b"a bug" in done.stderr) == (2, True, False)
