"""The page of a report in a real browser, where there is one."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sync.report.charts import charts
from sync.report.model import Book
from sync.report.page import page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome") or ""
QUIET = (
    *("--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"),
    *("--disable-component-update", "--enable-logging=stderr"),
)
A4 = {(595, 842), (596, 842)}


@pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine")
def test_a_browser_has_nothing_to_say_against_the_page_and_prints_it_on_a4(half_year: Book, tmp_path: Path) -> None:
    text = b"".join(page(half_year, charts(half_year), proofs=True).content)
    (file := tmp_path / "index.html").write_bytes(text)
    as_root = ("--no-sandbox",) if os.geteuid() == 0 else ()
    pdf = tmp_path / "page.pdf"
    words = (CHROMIUM, *QUIET, *as_root, f"--user-data-dir={tmp_path / 'profile'}", f"--print-to-pdf={pdf}")
    seen = subprocess.run([*words, file.as_uri()], capture_output=True, timeout=120, check=True)
    assert b"CONSOLE" not in seen.stderr
    boxes = re.findall(rb"/MediaBox ?\[0 0 ([\d.]+) ([\d.]+)\]", pdf.read_bytes())
    assert {(round(float(wide)), round(float(high))) for wide, high in boxes} <= A4
    assert len(boxes) > len(half_year.told) / 2, "the stories are printed open"
