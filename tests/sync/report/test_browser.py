"""The page of a report in a real browser, where there is one."""

import json
import os
import re
import shutil
import subprocess
import sys
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Timer
from typing import IO, Any

import pytest

from sync.report.charts import charts
from sync.report.model import Book
from sync.report.page import pages
from sync.report.remarks import overdue

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome") or ""
QUIET = (
    *("--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"),
    *("--disable-component-update", "--remote-debugging-pipe", "--window-size=1000,800"),
)
_LONGEST = 100
A4 = {(595, 842), (596, 842)}
WIDE = 687
"""How many pixels of CSS a line of the page has in print, between its margins."""
BEYOND = """[...document.querySelectorAll("main :not(svg *)")].filter(e =>
    e.getBoundingClientRect().right > innerWidth + 1 ||
    e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display == "block").map(e => e.outerHTML.slice(0, 90))"""
BROKEN = """[...document.querySelectorAll(".ref, td.time")].filter(e => {
    const part = document.createRange(), text = document.createTreeWalker(e, NodeFilter.SHOW_TEXT).nextNode();
    part.selectNodeContents(text ?? e);
    if (text && e.matches("td.time")) part.setEnd(text, Math.min(10, text.length));
    return new Set([...part.getClientRects()].map(r => r.top)).size > 1;
}).map(e => e.textContent)"""


PALE = """(() => {
    const parts = color => color.match(/[\\d.]+/g).map(Number);
    const light = color => parts(color).slice(0, 3).map(v => v / 255)
        .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
    const opaque = color => /^rgb/.test(color) && (parts(color)[3] ?? 1) > 0.99;
    const drawn = e => e instanceof SVGGeometryElement || e instanceof SVGUseElement;
    const paint = e => drawn(e) ? getComputedStyle(e).fill : getComputedStyle(e).backgroundColor;
    const found = [];
    for (const e of document.querySelectorAll("body *")) {
        const text = [...e.childNodes].filter(n => n.nodeType == 3 && n.data.trim());
        if (!text.length || !e.checkVisibility({contentVisibilityAuto: true})) continue;
        e.scrollIntoView({block: "center"});
        const where = document.createRange();
        where.selectNodeContents(text[0]);
        const box = where.getClientRects()[0], style = getComputedStyle(e);
        const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
        const behind = document.elementsFromPoint(x, y).map(paint).find(opaque);
        const ink = e instanceof SVGElement ? style.fill : style.color;
        const [high, low] = [light(ink), light(behind)].sort((a, b) => b - a);
        const size = parseFloat(style.fontSize), bold = Number(style.fontWeight) >= 700;
        const least = size >= 24 || size >= 18.66 && bold ? 3 : 4.5;
        const ratio = (high + 0.05) / (low + 0.05);
        found.push([ratio >= least, `${ratio.toFixed(2)} ${text[0].data.trim().slice(0, 40)}: ${behind}`]);
    }
    return {pale: found.filter(each => !each[0]).map(each => each[1]), many: found.length};
})()"""
"""Which words stand out too little from what is behind them (https://www.w3.org/TR/WCAG22/#contrast-minimum)."""


class Browser:
    """A tab of a browser that was told to tell all: what it loads, and what it has to say against a page."""

    def __init__(self, said: IO[bytes], heard: IO[bytes]) -> None:
        self._said, self._heard, self._numbers = said, heard, count(1)
        self.told: list[dict[str, Any]] = []
        self._session = ""
        target = self("Target.createTarget", url="about:blank")["targetId"]
        self._session = self("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self(f"{domain}.enable")

    def __call__(self, method: str, **asked: Any) -> Any:
        number = next(self._numbers)
        session = {"sessionId": self._session} if self._session else {}
        self._said.write(json.dumps({"id": number, "method": method, "params": asked, **session}).encode() + b"\0")
        self._said.flush()
        while (answer := self._next()).get("id") != number:
            self.told.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def _next(self) -> dict[str, Any]:
        found = bytearray()
        while (byte := self._heard.read(1)) != b"\0":
            assert byte, "the browser has ended"
            found += byte
        answer: dict[str, Any] = json.loads(found)
        return answer

    def opens(self, address: str) -> None:
        self("Page.navigate", url=address)
        while not self.of("Page.loadEventFired"):
            self.told.append(self._next())

    def of(self, method: str) -> list[Any]:
        return [each["params"] for each in self.told if each.get("method") == method]

    def asks(self, script: str) -> Any:
        return self("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def clicks(self, which: str) -> None:
        """Click in the middle of the first line of an element, as a person does."""
        self.asks(f"document.querySelector({which!r}).scrollIntoView({{block: 'center'}})")
        x, y = self.asks(f"(r => [r.x + 8, r.y + 8])(document.querySelector({which!r}).getClientRects()[0])")
        for kind in ("mousePressed", "mouseReleased"):
            self("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A browser that is spoken to through two pipes, which it has as its files 3 and 4."""
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    as_root = ("--no-sandbox",) if os.geteuid() == 0 else ()
    words = (CHROMIUM, *QUIET, *as_root, f"--user-data-dir={folder}")
    begin = f"import os, sys; os.dup2({theirs_in}, 3); os.dup2({theirs_out}, 4); os.execv(sys.argv[1], sys.argv[1:])"
    with (
        os.fdopen(ours_out, "wb") as said,
        os.fdopen(ours_in, "rb") as heard,
        subprocess.Popen(
            (sys.executable, "-c", begin, *words), pass_fds=(theirs_in, theirs_out), stderr=subprocess.DEVNULL
        ) as process,
    ):
        os.close(theirs_in)
        os.close(theirs_out)
        (watch := Timer(_LONGEST, process.kill)).start()
        try:
            yield Browser(said, heard)
        finally:
            watch.cancel()
            process.terminate()
            process.wait(20)


@pytest.mark.skipif(not CHROMIUM, reason="no Chromium on this machine")
def test_in_a_browser_a_story_opens_by_a_click_nothing_leaves_the_page_and_it_prints_on_a4(
    half_year: Book, tmp_path: Path
) -> None:
    made = next(pages(half_year, charts(half_year), proofs=True))
    (file := tmp_path / made.name).write_bytes(b"".join(made.content))
    first, named = half_year.told[0], overdue(half_year)[0]
    shown = "document.getElementById({!r}).checkVisibility({{contentVisibilityAuto: true}})"
    with browser(tmp_path / "profile") as tab:
        tab.opens(file.as_uri())
        assert (tab.asks(shown.format(first.ref)), tab.asks(shown.format(named.ref))) == (False, False)
        tab.clicks(f"details:has(#{first.ref}) > summary")
        assert tab.asks(shown.format(first.ref)) is True
        assert "What happened" in tab.asks(f"document.getElementById({first.ref!r}).innerText")
        tab.clicks(f"section[aria-labelledby=late] a[href='#{named.ref}']")
        assert tab.asks(shown.format(named.ref)) is True
        contrast = tab.asks(PALE)
        tab("Emulation.setEmulatedMedia", media="print")
        tab("Emulation.setDeviceMetricsOverride", width=WIDE, height=1000, deviceScaleFactor=1, mobile=False)
        beyond, broken = tab.asks(BEYOND), tab.asks(BROKEN)
        print_ = tab("Page.printToPDF", preferCSSPageSize=True)
        loaded = [each["request"]["url"].partition("#")[0] for each in tab.of("Network.requestWillBeSent")]
        said = [*tab.of("Log.entryAdded"), *tab.of("Runtime.consoleAPICalled"), *tab.of("Runtime.exceptionThrown")]
    assert (contrast["pale"], contrast["many"] > 500) == ([], True)
    assert (beyond, broken) == ([], [])
    assert (set(loaded), said) == ({file.as_uri()}, [])
    boxes = re.findall(rb"/MediaBox ?\[0 0 ([\d.]+) ([\d.]+)\]", b64decode(print_["data"]))
    assert {(round(float(wide)), round(float(high))) for wide, high in boxes} <= A4
    assert len(boxes) > len(half_year.told) / 2, "the stories are printed open"
