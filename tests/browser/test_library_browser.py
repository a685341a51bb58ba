"""The page Library in a real browser: cards open and lead on, models come and go."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from cut.web.training.takeaways import folder_zip
from tests.browser.tabs import PHONE, assert_fits_a_phone, wait_until_still, watched_tab
from tests.helpers import make_checkpoint
from tests.pages.library_pages import SCORE, furnish
from tests.web.serving import RunningServer

pytestmark = pytest.mark.browser

LONG = "a_model_with_a_name_as_long_as_a_name_may_be_and_no_space_in_it"


@pytest.fixture
def page(browser: Browser, server: RunningServer) -> Iterator[Page]:
    """A tab at the library, with a model of a long name that has pictures and a card."""
    folder = server.home / "checkpoints" / LONG
    make_checkpoint(folder, ngf=4)
    data = {"name": "made", "terms": "CC0 1.0"}
    furnish(folder, title=LONG, summary="Paints.", score=SCORE, data=data)
    with watched_tab(browser, server) as tab:
        tab.goto(f"{server.url}/library")
        yield tab
    for left in (LONG, "brought"):
        shutil.rmtree(server.home / "checkpoints" / left, ignore_errors=True)


def test_a_model_is_looked_at_taken_along_brought_back_and_removed(
    page: Page, server: RunningServer, tmp_path: Path
) -> None:
    card = page.locator(f".st-key-library_card_{LONG}")
    expect(card.get_by_text("doing nothing scores 0.250", exact=False)).to_be_visible()
    picture = card.locator("img")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") == 104
    page.set_viewport_size(PHONE)
    wait_until_still(page)
    assert_fits_a_phone(page)

    card.get_by_role("button", name="Open the card").click()
    expect(page.get_by_text("What it does.")).to_be_visible()
    expect(page).to_have_url(f"{server.url}/library?model={LONG}")
    wait_until_still(page)
    assert_fits_a_phone(page)
    with page.expect_download() as taken:
        page.get_by_role("button", name="Checkpoint (zip)").click()
    assert taken.value.suggested_filename == f"{LONG}.zip"
    assert Path(taken.value.path()).stat().st_size > 10_000

    page.get_by_role("button", name="All models").click()
    page.get_by_text("Import a model").click()
    packed = tmp_path / "brought.zip"
    packed.write_bytes(folder_zip(server.home / "checkpoints" / LONG, LONG))
    page.locator("input[type=file]").set_input_files(packed)
    expect(page.get_by_role("textbox", name="Name", exact=True)).to_have_value("brought")
    assert_fits_a_phone(page)
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("brought is in the library.")).to_be_visible()
    expect(page).to_have_url(f"{server.url}/library?model=brought")

    page.get_by_role("button", name="Remove").click()
    page.get_by_role("button", name="Remove for good").click()
    expect(page.get_by_text("brought was removed.")).to_be_visible()
    assert not (server.home / "checkpoints" / "brought").exists()

    card.get_by_role("link", name="Use it on Translate").click()
    expect(page).to_have_url(f"{server.url}/?checkpoint={LONG}")
    expect(page.get_by_role("button", name="Download PNG")).to_be_visible()
