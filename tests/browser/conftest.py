"""A real Chromium beside a real server."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.chromium import launch
from tests.web.conftest import server, web_home

__all__ = ["server", "web_home"]

# Other tests, or a training run, may keep the machine busy.
expect.set_options(timeout=60_000)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, whose camera shows a clock; pages still have to ask for it."""
    with sync_playwright() as playwright:
        chromium = launch(playwright, "--use-fake-device-for-media-stream")
        yield chromium
        chromium.close()
