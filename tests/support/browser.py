"""A real browser."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
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
