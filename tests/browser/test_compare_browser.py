"""Several checkpoints side by side in a real browser: they move as one."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.tabs import PHONE, assert_fits_a_phone, watched_tab
from tests.helpers import make_checkpoint
from tests.web.serving import RunningServer

pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser: Browser, server: RunningServer) -> Iterator[Page]:
    """A tab with two checkpoints side by side, both translated."""
    folder = server.home / "checkpoints" / "tiny-too"
    make_checkpoint(folder)
    with watched_tab(browser, server) as tab:
        tab.goto(f"{server.url}/?compare=tiny,tiny-too")
        expect(frames(tab)).to_have_count(2)
        expect(tab.get_by_role("button", name="Download PNG")).to_have_count(2)
        yield tab
    shutil.rmtree(folder)


def frames(page: Page) -> Locator:
    return page.locator(".frame[data-ready=yes][data-waiting=no]")


def views(page: Page) -> list[tuple[str, str, str]]:
    """Where border and picture stand in each frame."""
    names = ("--at", "--zoom", "--x")
    read = f"frame => {list(names)}.map(name => frame.style.getPropertyValue(name))"
    return [tuple(frame.evaluate(read)) for frame in frames(page).all()]


def test_border_zoom_and_place_move_in_all_at_once(page: Page) -> None:
    assert views(page) == [("5%", "1", "0")] * 2
    first, second = (frame.bounding_box() for frame in frames(page).all())
    assert first is not None and second is not None
    assert (first["y"], first["width"]) == (second["y"], second["width"])  # aligned

    frames(page).nth(1).locator("input").press("PageUp")
    assert views(page) == [("15%", "1", "0")] * 2
    frames(page).nth(0).get_by_role("button", name="Zoom in").click()
    one, other = views(page)
    assert one == other == ("15%", "1.5", "-0.25")

    # An enlarged picture follows the drag; its border stays until it is taken itself.
    y = second["y"] + 30
    page.mouse.move(second["x"] + 0.5 * second["width"], y)
    page.mouse.down()
    page.mouse.move(second["x"] + 0.6 * second["width"], y, steps=3)
    page.mouse.up()
    one, other = views(page)
    assert one == other
    assert one[0] == "15%"
    assert float(one[2]) == pytest.approx(-0.15, abs=0.01)
    page.mouse.move(first["x"] + 0.15 * first["width"], y)
    page.mouse.down()
    page.mouse.move(first["x"] + 0.5 * first["width"], y, steps=3)
    page.mouse.up()
    one, other = views(page)
    assert one == other
    assert float(one[0].rstrip("%")) == pytest.approx(50, abs=1)
    assert float(one[2]) == pytest.approx(-0.15, abs=0.01)

    page.set_viewport_size(PHONE)
    expect(frames(page)).to_have_count(2)
    assert_fits_a_phone(page)
    boxes = [frame.bounding_box() for frame in frames(page).all()]
    assert all(box is not None and box["width"] > 0.85 * PHONE["width"] for box in boxes)
