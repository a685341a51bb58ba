"""The page Live in a real browser with a made-up camera."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.tabs import PATIENCE, PHONE, assert_fits_a_phone, watched_tab
from tests.web.serving import RunningServer

pytestmark = pytest.mark.browser

PICTURE = """() => {
    const canvas = document.querySelector("[data-live=shown]");
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return [canvas.width, new Set(data).size];
}"""
"""The side of what is shown, and how many values are in it."""


def open_live(page: Page, server: RunningServer) -> None:
    page.goto(f"{server.url}/gradio/live?checkpoint=tiny")
    page.get_by_label("Checkpoint").select_option("tiny", timeout=PATIENCE)
    expect(page.get_by_label("Checkpoint")).to_have_value("tiny")
    page.get_by_label("Size").select_option("128")
    page.get_by_role("button", name="Start the camera").click()


def test_the_camera_is_translated(browser: Browser, server: RunningServer) -> None:
    with watched_tab(browser, server, permissions=["camera"], viewport=PHONE) as page:
        open_live(page, server)
        rates = page.locator("[data-live=rates]")
        expect(rates).to_contain_text("frames a second")
        side, values = page.evaluate(PICTURE)
        assert side == 128
        assert values > 10
        page.get_by_label("Size").select_option("192")
        page.wait_for_function("document.querySelector('[data-live=shown]').width === 192")
        assert_fits_a_phone(page)
        page.get_by_role("button", name="Stop").click()
        assert page.evaluate("document.querySelector('[data-live=video]').srcObject") is None
        expect(page.get_by_role("button", name="Start the camera")).to_be_visible()


def test_without_a_camera_the_page_says_what_to_do(browser: Browser, server: RunningServer) -> None:
    with watched_tab(browser, server) as page:
        open_live(page, server)  # the browser was not allowed to
        expect(page.get_by_role("status").first).to_contain_text("The camera was denied")

        page.evaluate("""() => {
            const reason = new DOMException("", "NotFoundError");
            navigator.mediaDevices.getUserMedia = () => Promise.reject(reason);
        }""")
        page.get_by_role("button", name="Start the camera").click()
        expect(page.get_by_role("status").first).to_contain_text("No camera was found")

        page.evaluate("""() => {
            Object.defineProperty(navigator, "mediaDevices", { value: undefined });
            Object.defineProperty(window, "isSecureContext", { value: false });
        }""")
        page.get_by_role("button", name="Start the camera").click()
        expect(page.get_by_role("status").first).to_contain_text("over https")
