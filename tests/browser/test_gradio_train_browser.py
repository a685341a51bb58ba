"""The Gradio page about training in a real browser, with a real worker."""

import io
import json
import os
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.processes import workers
from tests.browser.tabs import watched_tab
from tests.helpers import make_picture
from tests.jobs.made import PAIR
from tests.web.serving import RunningServer, running_server

pytestmark = pytest.mark.browser
PATIENCE = 240_000  # ms: a worker imports PyTorch first, and may not have the machine to itself


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server of this module's own; the workers that it starts are ended with it."""
    home = tmp_path_factory.mktemp("training")
    try:
        with running_server(home) as running:
            yield running
    finally:
        for pid in workers(home):
            os.kill(pid, signal.SIGKILL)


def test_a_model_from_two_files(browser: Browser, server: RunningServer, tmp_path: Path) -> None:
    with watched_tab(browser, server) as page:
        page.set_default_timeout(PATIENCE)
        page.goto(f"{server.url}/gradio/train")
        start = page.get_by_role("button", name="Start", exact=True)
        start.click()
        expect(page.get_by_text("There is no source")).to_be_visible(timeout=PATIENCE)

        for place, name in enumerate(("dunes.png", "beach.png")):
            make_picture(96, 72, seed=place + 1).save(tmp_path / name)
            page.locator("input[type=file]").nth(0).set_input_files(tmp_path / name)
            expect(page.get_by_text(Path(name).stem).first).to_be_visible(timeout=PATIENCE)
        page.get_by_label("Preset").click()
        page.get_by_role("option", name="paper").click()
        page.get_by_label("Other settings, as JSON").fill(json.dumps(PAIR | {"steps": "100000"}))
        start.click()
        job = page.get_by_label("Job")
        expect(job).not_to_have_value("", timeout=PATIENCE)
        assert len(job.input_value()) == 24
        expect(page.get_by_text("running: step")).to_be_visible(timeout=PATIENCE)
        expect(page.locator("img[src*='/gradio/']").first).to_be_visible(timeout=PATIENCE)

        # Whoever has the id finds the job again in another tab, and stops it there.
        page.goto(f"{server.url}/gradio/train?job={job.input_value()}")
        expect(page.get_by_label("Job")).not_to_have_value("", timeout=PATIENCE)
        page.get_by_role("button", name="Stop").click()
        page.get_by_role("button", name="Watch").click()
        expect(page.get_by_text("stopped: step")).to_be_visible(timeout=PATIENCE)
        page.get_by_role("button", name="Checkpoint").click()
        with page.expect_download(timeout=PATIENCE) as event:
            page.locator("a[download][href*='.zip']").last.click()
        content = event.value.path().read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert any(name.endswith("config.json") for name in archive.namelist())
