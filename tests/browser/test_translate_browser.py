"""The page Translate in a real browser: what a person does, and what the network sees."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Browser, Locator, Page, expect

import cut
from tests.browser.tabs import PHONE, assert_fits_a_phone, wait_until_still, watched_tab
from tests.helpers import make_picture
from tests.web.serving import RunningServer

pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser: Browser, server: RunningServer) -> Iterator[Page]:
    """A tab at the page, with the example translated."""
    with watched_tab(browser, server) as tab:
        tab.goto(f"{server.url}/?checkpoint=tiny")
        ready(tab)
        yield tab


def ready(page: Page) -> Locator:
    """Wait for a translation; return the frame with the slider between before and after."""
    expect(page.get_by_role("button", name="Download PNG")).to_be_visible()
    frame = page.locator(".frame[data-ready=yes][data-waiting=no]")
    expect(frame).to_be_visible()
    return frame


def upload(page: Page, *paths: Path) -> None:
    page.set_input_files("input[type=file]", list(paths))
    wait_until_still(page)


def download(page: Page, button: str) -> tuple[str, bytes]:
    with page.expect_download() as event:
        page.get_by_role("button", name=button).click()
    return event.value.suggested_filename, event.value.path().read_bytes()


def border(frame: Locator) -> float:
    """Where the border between before and after is, in per cent of the width."""
    return float(frame.locator("input").input_value())


@pytest.fixture
def horse(tmp_path: Path) -> Path:
    path = tmp_path / "my horse.png"
    make_picture(90, 61).save(path)
    return path


def test_upload_compare_mix_and_download(page: Page, server: RunningServer, horse: Path) -> None:
    upload(page, horse)
    expect(page.get_by_text("90 × 61")).to_be_visible()
    frame = ready(page)

    box = frame.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 40, steps=5)
    page.mouse.up()
    assert border(frame) == pytest.approx(25, abs=1)
    page.keyboard.press("ArrowRight")
    assert border(frame) == pytest.approx(27, abs=1)

    name, content = download(page, "Download PNG")
    assert name == "my horse-tiny.png"
    translated = Image.open(io.BytesIO(content))
    expected = cut.load(server.home / "checkpoints" / "tiny")(make_picture(90, 61))
    assert translated.size == (90, 61)
    difference = ImageChops.difference(translated, expected)
    assert max(high for _, high in difference.getextrema()) <= 1

    slider = page.locator(".stSlider input[type=range]")
    slider.focus()
    for _ in range(10):
        slider.press("ArrowLeft")
    expect(page.locator(".frame[style*='--strength: 0.5']")).to_be_visible()
    assert border(frame) == pytest.approx(27, abs=1)  # the handle stays where it was
    _, content = download(page, "Download PNG")
    mixed = Image.blend(make_picture(90, 61), translated, 0.5)
    assert ImageChops.difference(Image.open(io.BytesIO(content)), mixed).getbbox() is None


def test_several_files_and_a_broken_one(page: Page, tmp_path: Path, horse: Path) -> None:
    second, broken = tmp_path / "second.jpg", tmp_path / "broken.jpg"
    make_picture(64, 64, seed=5).save(second)
    broken.write_bytes(b"nothing")
    upload(page, horse, broken, second)
    expect(page.get_by_role("alert")).to_contain_text("Skipped 1 of 3 files. broken.jpg is not")
    name, content = download(page, "Download all 2 as a zip file")
    assert name == "translations-tiny.zip"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["my horse-tiny.png", "second-tiny.png"]
    page.locator(".gallery button", has=page.get_by_alt_text("second.jpg")).click()
    expect(page.get_by_text("64 × 64")).to_be_visible()


def test_an_example_is_one_key_away_and_stands_in_the_address(page: Page) -> None:
    page.locator(".gallery button", has=page.get_by_alt_text("Chelsea the cat")).press("Enter")
    page.wait_for_url("**/?checkpoint=tiny&example=cat")
    page.reload()
    expect(page.get_by_text("Example: Chelsea the cat")).to_be_visible()


def test_it_fits_a_phone(page: Page) -> None:
    page.set_viewport_size(PHONE)
    frame = ready(page)
    assert_fits_a_phone(page)
    box = frame.bounding_box()
    assert box is not None
    assert box["width"] > 0.85 * PHONE["width"]
    assert box["y"] + box["height"] < PHONE["height"]
