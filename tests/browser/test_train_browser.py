"""The page Train in a real browser, with a real worker: two pictures become a model."""

import io
import os
import re
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from cut.jobs import Jobs
from cut.jobs.places import database, job_folder
from cut.jobs.store import Store
from tests.browser.processes import workers
from tests.helpers import make_picture
from tests.jobs.made import PAIR, request, zip_of_pictures
from tests.web.serving import RunningServer, running_server

pytestmark = pytest.mark.browser
PATIENCE = 240_000  # ms: a worker imports PyTorch first, and may not have the machine to itself
PHONE = {"width": 375, "height": 812}
SIZE = (96, 72)


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


@pytest.fixture
def context(browser: Browser, server: RunningServer) -> Iterator[BrowserContext]:
    """A visitor. It fails on errors and on requests to anywhere else."""
    faults: list[str] = []
    foreign: list[str] = []
    with browser.new_context() as visitor:
        visitor.set_default_timeout(PATIENCE)
        visitor.on("weberror", lambda error: faults.append(str(error.error)))
        visitor.on(
            "request",
            lambda request: (
                foreign.append(request.url)
                if request.url.startswith("http") and urlsplit(request.url).netloc != server.host
                else None
            ),
        )
        yield visitor
    assert faults == []
    assert foreign == []


def idle(page: Page) -> None:
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning")


def bring(page: Page, folder: Path) -> None:
    """Upload a painting and a photo."""
    for place, side in enumerate(("dunes", "beach")):
        path = folder / f"{side}.png"
        make_picture(*SIZE, seed=place + 1).save(path)
        page.locator("input[type=file]").nth(place).set_input_files(path)
        expect(page.get_by_alt_text(path.name)).to_be_visible(timeout=PATIENCE)
    idle(page)


def choose_tiny_networks(page: Page) -> None:
    page.get_by_text("As in the paper", exact=True).click()
    # The other plan's fields stay until the page is drawn anew, beside this one's.
    expect(page.locator("input[aria-label=ngf][placeholder='10']")).to_have_count(1)
    expect(page.locator("input[aria-label=ngf]")).to_have_count(1)
    idle(page)
    page.get_by_text("Advanced", exact=True).click()
    for name, value in (PAIR | {"steps": "100000"}).items():
        field = page.get_by_label(name, exact=True)
        field.fill(value)
        field.press("Enter")
    idle(page)


def picture(page: Page) -> Locator:
    """The newest or the chosen picture of the training, beside the source."""
    return page.locator(".history .frame[data-ready=yes][data-waiting=no][data-single=no]")


def download(page: Page, button: str) -> tuple[str, bytes]:
    with page.expect_download(timeout=PATIENCE) as event:
        page.get_by_role("button", name=button).click()
    return event.value.suggested_filename, event.value.path().read_bytes()


def width_needed(page: Page) -> int:
    width: int = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
    return width


def test_two_pictures_become_a_model(
    context: BrowserContext, server: RunningServer, tmp_path: Path
) -> None:
    page = context.new_page()
    page.goto(f"{server.url}/train")
    expect(page.get_by_text("None yet.")).to_be_visible(timeout=PATIENCE)
    bring(page, tmp_path)
    choose_tiny_networks(page)
    page.get_by_role("button", name="Start training").click()
    page.wait_for_url("**/train?job=*")
    expect(picture(page)).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("NCE, the painting's places")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text(re.compile("steps/s"))).to_be_visible(timeout=PATIENCE)

    # Another picture comes; who looks at the first is left there.
    time = page.get_by_label("Moment of the training")
    expect(time).to_be_visible(timeout=PATIENCE)
    time.focus()
    time.press("Home")
    expect(page.locator(".when")).to_contain_text("Before the first step")
    newest = time.get_attribute("max")
    expect(time).not_to_have_attribute("max", newest or "", timeout=PATIENCE)
    expect(page.locator(".when")).to_contain_text("Before the first step")
    page.get_by_role("button", name="Newest").click()
    expect(page.locator(".when")).not_to_contain_text("Before the first step")

    # The address finds the job again, in this tab and in another; the browser keeps its id.
    address = page.url
    assert page.evaluate("JSON.parse(localStorage['cut.jobs'])") == [address.partition("=")[2]]
    page.reload()
    expect(picture(page)).to_be_visible(timeout=PATIENCE)
    page.close()
    page = context.new_page()
    page.goto(address)
    expect(picture(page)).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("heading", name="dunes to beach")).to_be_visible()
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert width_needed(page) == PHONE["width"]

    page.get_by_role("button", name="Stop", exact=True).last.click()
    expect(page.get_by_text(re.compile("Stopped after"))).to_be_visible(timeout=PATIENCE)
    name, content = download(page, "Picture (PNG)")
    assert name.startswith("dunes to beach-dunes-to-beach-")
    assert Image.open(io.BytesIO(content)).size == SIZE
    _, content = download(page, "Animation (WebP)")
    moving = Image.open(io.BytesIO(content))
    assert (moving.format, moving.size) == ("WEBP", SIZE)
    assert moving.n_frames >= 2
    name, content = download(page, "Checkpoint (zip)")
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert f"{Path(name).stem}/generator.safetensors" in archive.namelist()

    model = Path(name).stem
    page.get_by_role("button", name="Use on Translate").click()
    page.wait_for_url(f"{server.url}/?checkpoint={model}")
    expect(page.get_by_role("button", name="Download PNG")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("96 × 72")).to_be_visible()
    page.go_back()
    page.wait_for_url(address)
    expect(page.get_by_role("heading", name="dunes to beach")).to_be_visible(timeout=PATIENCE)
    page.close()


def test_it_fits_a_phone_and_lists_the_trainings(
    context: BrowserContext, server: RunningServer
) -> None:
    page = context.new_page()
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.goto(f"{server.url}/train?job=unknown")
    expect(page.get_by_text("There is no job 'unknown'")).to_be_visible(timeout=PATIENCE)
    header = page.get_by_test_id("stHeader").bounding_box()
    told = page.get_by_role("alert").bounding_box()
    assert header is not None
    assert told is not None
    assert told["y"] >= header["y"] + header["height"]
    page.locator(".gallery button").first.click()
    expect(page.get_by_alt_text("bridge_painting.jpg")).to_be_visible(timeout=PATIENCE)
    assert width_needed(page) == PHONE["width"]
    row = page.get_by_role("link", name=re.compile("dunes to beach"))
    expect(row).to_contain_text("Stopped")
    row.click()
    page.wait_for_url(re.compile(r"/train\?job=[0-9a-f]{24}"))
    expect(page.get_by_role("heading", name="dunes to beach")).to_be_visible(timeout=PATIENCE)
    page.close()


def test_pictures_of_two_sets_are_as_large_as_the_page_has_room_for(
    context: BrowserContext, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cut.jobs.processes.start", lambda *_: None)
    jobs, store = Jobs(server.home), Store(database(server.home))
    job = jobs.submit(request("cut"), [zip_of_pictures(2)], [zip_of_pictures(2, 10)])
    store.ask_to_stop(job.id)
    folder = job_folder(server.home, job.id) / "previews"
    folder.mkdir()
    make_picture(576, 288).save(folder / "1.jpg")
    store.shown(job.id, 1, 2.0, "1.jpg")
    page = context.new_page()
    page.goto(f"{server.url}/train?job={job.id}")
    frame = page.locator(".history .frame[data-ready=yes][data-single=yes]")
    expect(frame).to_be_visible(timeout=PATIENCE)
    box = frame.bounding_box()
    assert box is not None
    assert box["width"] > 500
    assert box["width"] / box["height"] == pytest.approx(2, abs=0.02)
    page.close()


def test_another_file_takes_the_place_of_the_first(
    context: BrowserContext, server: RunningServer, tmp_path: Path
) -> None:
    page = context.new_page()
    page.goto(f"{server.url}/train")
    expect(page.get_by_text("Start training")).to_be_visible(timeout=PATIENCE)
    for place, name in enumerate(("first.png", "second.png", "third.png")):
        make_picture(*SIZE, seed=place).save(tmp_path / name)
        page.locator("input[type=file]").first.set_input_files(tmp_path / name)
        expect(page.get_by_alt_text(name)).to_be_visible(timeout=PATIENCE)
        idle(page)
