"""A real browser."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, sync_playwright

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no chromium found; on Debian: apt-get install chromium")
# as root in a container, and without the look-ups that a browser otherwise starts with
QUIETLY = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking",
           "--disable-component-update", "--disable-sync", "--no-first-run"]  # fmt: skip


@contextmanager
def opened(address: str, **settings: Any) -> Iterator[Page]:
    """A page in a browser with settings, `offline=True`, say."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=QUIETLY)
        page = browser.new_page(**settings)
        page.goto(address)
        yield page
        browser.close()


def violations(page: Page) -> list[str]:
    """What axe-core finds on a page with everything unfolded, a line each."""
    page.evaluate("() => document.querySelectorAll('details').forEach(details => { details.open = true; })")
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {node['html'][:100]}" for one in found for node in one["nodes"]]
