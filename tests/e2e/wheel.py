"""The wheel in a clean environment, run from a folder that holds a stranger's `state/`; part of `make check`."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).with_name("uv")


def ran(*command: str | Path, folder: Path = ROOT) -> str:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV", "COUNTERFOIL"))}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    ran(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def command(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("clean")
    python = place / "bin" / "python"
    ran(UV, "venv", "--quiet", "--clear", "--python", sys.executable, place)
    lock = ROOT / "requirements.lock"
    ran(UV, "pip", "install", "--quiet", "--require-hashes", "--python", python, "--requirement", lock)
    ran(UV, "pip", "install", "--quiet", "--no-deps", "--python", python, wheel)
    return place / "bin" / "counterfoil"


def test_the_wheel_holds_the_four_packages_and_their_data(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {"connectors", "mapping", "state", "sync"} == {top for top in tops if not top.endswith(".dist-info")}
    assert "sync/app/config.example.toml" in names
    assert {"sync/report/templates/index.html", "sync/report/templates/style.css"} <= set(names)
    assert any(name.startswith("state/migrations/versions/") for name in names)


def test_it_runs_beside_a_strangers_state(command: Path, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "__init__.py").write_text("raise SystemExit('a stranger')")
    ran(command, "init", folder=tmp_path)
    ran(command, "item", "add", "Encrypt the backup bucket of billing", folder=tmp_path)
    assert "Encrypt the backup bucket" in ran(command, "item", "list", "--json", folder=tmp_path)
    assert "AI-000001" in ran(command, "status", folder=tmp_path)
