"""Tabs as the tests of the pages use them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, expect

from tests.web.serving import RunningServer

PATIENCE = 60_000  # ms
PHONE = {"width": 390, "height": 844}


@contextmanager
def watched_tab(browser: Browser, server: RunningServer, **options: Any) -> Iterator[Page]:
    """A tab of a visitor of its own. Leaving it fails on errors and on requests to elsewhere."""
    faults: list[str] = []
    foreign: list[str] = []

    def watch(address: str) -> None:
        if address.startswith("http") and urlsplit(address).netloc != server.host:
            foreign.append(address)

    with browser.new_context(**options) as context:
        tab = context.new_page()
        tab.on("pageerror", lambda error: faults.append(str(error)))
        tab.on("request", lambda request: watch(request.url))
        tab.set_default_timeout(PATIENCE)
        yield tab
        assert faults == []
        assert foreign == []


def wait_until_still(page: Page) -> None:
    """Wait until the page has been drawn."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


def assert_fits_a_phone(page: Page) -> None:
    """Nothing sticks out at the side."""
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
