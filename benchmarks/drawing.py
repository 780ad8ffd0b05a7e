"""The part on drawing: milliseconds from a movement of the pen to all that the page shows of it."""

import math
import shutil
import statistics
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from benchmarks.clones import clone
from benchmarks.pairs import PAIRS, spread

POINTS = 200  # of a stroke, a long one


def drawing(scratch: Path, mnist: Path) -> dict[str, Any]:
    """Draw long strokes on report/playground.html in Chromium, and ask how long each movement took."""
    page_file = clone(scratch / "drawing", mnist) / "report/playground.html"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium") or shutil.which("google-chrome"),
            args=["--no-sandbox", "--disable-gpu"],
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(page_file.as_uri())
        rounds = [strokes(page) for _ in range(PAIRS + 1)][1:]  # the first warms up
        version = browser.version
        browser.close()
    return {
        "median": spread([statistics.median(taken) for taken in rounds]),
        "percentile_95": spread([statistics.quantiles(taken, n=20)[-1] for taken in rounds]),
        "points": POINTS,
        "bytes": page_file.stat().st_size,
        "browser": f"Chromium {version.split('.')[0]}",
    }


def strokes(page: Page) -> list[float]:
    """Return the milliseconds of each update while one stroke is drawn, twice around."""
    page.click("#clear")
    page.evaluate("() => { convscope.timings.length = 0; }")
    box = page.locator("#pad").bounding_box()
    assert box
    for point in range(POINTS):
        turn = 4 * math.pi * point / POINTS
        x, y = 0.5 + 0.25 * math.cos(turn), 0.5 + 0.35 * math.sin(turn) * math.cos(turn / 3)
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        if not point:
            page.mouse.down()
    page.mouse.up()
    taken: list[float] = page.evaluate("() => convscope.timings")
    return taken
