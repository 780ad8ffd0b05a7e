"""The MLflow UI in a real browser."""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from support.browser import needs_browser, opened
from support.clones import Clone, copy_of
from support.processes import answers, free_port, stop, wait_for

pytestmark = [pytest.mark.slow, needs_browser]


@pytest.fixture(scope="module")
def address(finished: Clone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address that `make ui` prints, of a store with two ablations, the second one made while it is open."""
    clone = copy_of(finished, tmp_path_factory.mktemp("ui") / "convscope")
    clone.repro()
    port = free_port()
    log = clone.folder / "ui.log"
    with log.open("w") as output:
        server = subprocess.Popen(
            ["python", "-m", "pipeline.commands.ui", "--port", str(port)], cwd=clone.folder, env=clone.environment(),
            start_new_session=True, stdout=output, stderr=subprocess.DEVNULL,
        )  # fmt: skip
    wait_for(lambda: "The runs: " in log.read_text())
    assert answers(port)  # it says so no sooner
    for seed in (1, 2):
        clone.set(error_analysis__seed=seed)
        clone.repro()
    yield log.read_text().split("The runs: ")[1].split()[0]
    stop(server)


def test_a_port_that_is_taken_is_one_line_and_no_address_of_another_server(finished: Clone) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = finished.run("python", "-m", "pipeline.commands.ui", "--port", str(port), check=False)
    assert (result.returncode, result.stdout) == (1, "")
    assert re.fullmatch(f"ui: port {port} of 127.0.0.1 cannot be had: .*; .* make ui PORT={port + 1}\n", result.stderr)


@pytest.mark.parametrize("end", ["Ctrl-C", "kill"])
def test_the_server_ends_with_the_command(finished: Clone, end: str) -> None:
    port = free_port()
    command = ["python", "-m", "pipeline.commands.ui", "--port", str(port), "--host", "0.0.0.0"]
    process = subprocess.Popen(
        command, cwd=finished.folder, env=finished.environment(), start_new_session=True, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    said = process.stdout.readline()
    assert "whoever reaches this machine may read, change and delete runs" in said
    assert "MLFLOW_SERVER_ALLOWED_HOSTS" in said
    assert f"The runs: http://127.0.0.1:{port}/" in next(line for line in process.stdout if "The runs" in line)
    if end == "kill":
        process.terminate()
    else:
        os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert not answers(port)


@pytest.fixture
def page(address: str) -> Iterator[Page]:
    """The table of runs as it opens."""
    with opened(address, viewport={"width": 1280, "height": 800}) as page:
        page.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)
        yield page


def test_the_table_opens_with_the_score_and_the_settings_that_differ(page: Page) -> None:
    for column in ("error_analysis.seed", "test_accuracy"):
        header = page.get_by_role("columnheader", name=column, exact=True).first
        expect(header).to_be_visible()
        expect(header).to_be_in_viewport(ratio=0.9)
    for row in ("error_analysis.seed=1", "error_analysis.seed=2"):
        expect(page.get_by_role("link", name=row).first).to_be_visible()


def test_the_compare_view_draws_the_curves_of_both_runs(page: Page, tmp_path: Path) -> None:
    expect(page.get_by_role("link", name="error_analysis.seed=2").first).to_be_visible()
    page.get_by_role("checkbox").first.check()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_text("Comparing 2 Runs")).to_be_visible()
    expect(page.locator(".js-plotly-plot").first).to_be_visible()


def test_a_runs_artifacts_show_the_page(page: Page) -> None:
    page.get_by_role("link", name="error_analysis.seed=2").first.click()
    page.get_by_role("tab", name="Artifacts").click()
    page.get_by_text("report", exact=True).click()
    page.get_by_text("index.html", exact=True).click()
    frame = page.frame_locator("iframe").first
    expect(frame.get_by_role("heading", name="One small convolutional network, taken apart")).to_be_visible()
