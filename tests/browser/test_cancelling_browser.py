"""Cancel in a real browser, while a large picture goes through in bands."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.tabs import wait_until_still, watched_tab
from tests.helpers import make_picture
from tests.web.serving import running_server

pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser: Browser, web_home: Path) -> Iterator[Page]:
    """A tab at a server that has little memory, with the example translated."""
    with (
        running_server(web_home, CUT_MEMORY_LIMIT_GB="0.25") as server,
        watched_tab(browser, server) as tab,
    ):
        tab.goto(f"{server.url}/?checkpoint=tiny")
        translated(tab)
        yield tab


def translated(page: Page) -> None:
    expect(page.get_by_role("button", name="Download PNG")).to_be_visible()


def choose_own_size(page: Page) -> None:
    """Choose the picture's own size, once the settings have stopped unfolding."""
    page.get_by_text("Settings", exact=True).click()
    box = page.get_by_role("combobox", name="Working size")
    own = page.get_by_role("option", name="The picture's own size")
    for _ in range(10):  # opened while the settings still unfold, Streamlit's list closes again
        box.click()
        page.wait_for_timeout(1000)
        if own.is_visible():
            break
    own.click()
    expect(box).to_have_value("The picture's own size")
    wait_until_still(page)


def test_cancelled_midway_nothing_is_left_and_the_next_picture_goes(
    page: Page, tmp_path: Path
) -> None:
    large, small = tmp_path / "large.png", tmp_path / "small.png"
    make_picture(3000, 2250).save(large)
    make_picture(90, 60).save(small)
    choose_own_size(page)
    page.set_input_files("input[type=file]", large)
    expect(page.get_by_text("A large picture, in bands")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_text("cancelled")).to_be_visible()
    expect(page.get_by_text("A large picture, in bands")).not_to_be_visible()
    expect(page.get_by_role("button", name="Download PNG")).not_to_be_visible()
    page.set_input_files("input[type=file]", small)
    translated(page)
    expect(page.get_by_text("Translated at its own size, 90 × 60")).to_be_visible()
