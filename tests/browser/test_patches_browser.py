"""The patch view in a real browser: what it reads out against the engine, and what it costs."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from cut.checkpoints import write_checkpoint
from cut.correspondence import Correspondence, correspond
from cut.pictures import png_bytes
from cut.translate import load
from tests.browser.patch_readings import (
    PLAIN_FRAMES,
    SWEEP,
    choose_layer,
    hold_against_engine,
    point_at,
    reading,
    value,
    where,
)
from tests.browser.tabs import PHONE, assert_fits_a_phone, wait_until_still, watched_tab
from tests.correspondences import make_translator, noisy_picture
from tests.web.serving import RunningServer

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def checkpoint(server: RunningServer) -> Path:
    """A model whose random features tell patches apart, where the server finds it."""
    return serve_model(server, "distinct")


def serve_model(server: RunningServer, name: str, **settings: int) -> Path:
    folder = server.home / "checkpoints" / name
    translator = make_translator(folder, **settings)
    assert translator.patch_heads is not None
    write_checkpoint(
        folder,
        translator.checkpoint.config,
        generator=translator.generator.state_dict(),
        patch_heads=translator.patch_heads.state_dict(),
    )
    return folder


@pytest.fixture(scope="module")
def view(checkpoint: Path) -> Correspondence:
    """What the engine says about the picture that the tests bring."""
    return correspond(load(checkpoint), noisy_picture(300, 256))


@pytest.fixture
def page(browser: Browser, server: RunningServer, checkpoint: Path) -> Iterator[Page]:
    """A tab large enough for the view, which takes a finger, too."""
    size = {"width": 1280, "height": 1000}
    with watched_tab(browser, server, viewport=size, has_touch=True) as tab:
        yield tab


def visit(page: Page, server: RunningServer, query: str = "", name: str = "distinct") -> None:
    page.goto(f"{server.url}/patches?checkpoint={name}{query}")
    settle(page)


def settle(page: Page) -> None:
    expect(page.locator(".patches[data-ready=yes][data-layers=all]").first).to_be_visible()
    wait_until_still(page)


@pytest.fixture
def at_picture(page: Page, server: RunningServer, tmp_path: Path) -> Page:
    """The page with the picture that `view` is about."""
    visit(page, server)
    bring_picture(page, tmp_path)
    return page


def bring_picture(page: Page, folder: Path) -> None:
    (folder / "noisy.png").write_bytes(png_bytes(noisy_picture(300, 256)))
    page.set_input_files("input[type=file]", folder / "noisy.png")
    expect(page.get_by_text("Seen at 300 × 256")).to_be_visible()
    settle(page)


def test_hovering_reads_what_the_engine_computes_without_a_request(
    page: Page, at_picture: Page, view: Correspondence
) -> None:
    traffic: list[str] = []
    layer = view.layer(8)
    choose_layer(page, 8)
    page.wait_for_timeout(1500)  # the choice of layer is reported, and that is all
    settle(page)
    page.on("request", lambda request: traffic.append(request.url))
    page.evaluate(
        """() => {
            window.sent = 0;
            const send = WebSocket.prototype.send;
            WebSocket.prototype.send = function (data) { window.sent++; send.call(this, data); };
        }"""
    )
    places = [(0, 0), (31, 40), (int(layer.drawn[7]) // 64, int(layer.drawn[7]) % 64), (63, 63)]
    for side in ("input", "output"):
        for row, column in places:
            point_at(page, layer, side, row, column)
            hold_against_engine(page, layer, row, column, "drawn")
    page.wait_for_timeout(1000)
    assert traffic == []
    assert page.evaluate("window.sent") == 0


@pytest.mark.parametrize("number", [0, 4, 12, 16])
def test_every_layer_reads_as_the_engine(
    page: Page, at_picture: Page, view: Correspondence, number: int
) -> None:
    choose_layer(page, number)
    point_at(page, view.layer(number), "output", 20, 50)
    hold_against_engine(page, view.layer(number), 20, 50, "drawn")


def test_all_other_places_as_negatives(page: Page, at_picture: Page, view: Correspondence) -> None:
    page.get_by_role("button", name="All other places").click()
    expect(reading(page).locator("[data-name=rank]")).to_contain_text("of 4096")
    settle(page)
    point_at(page, view.layer(4), "output", 33, 12)
    hold_against_engine(page, view.layer(4), 33, 12, "all")
    page.locator("input.apart").first.fill("40")
    near = json.loads(reading(page).get_attribute("data-hardest") or "[]")
    xs, ys = view.layer(4).xs, view.layer(4).ys
    assert near
    assert all(np.hypot(xs[c] - xs[12], ys[r] - ys[33]) > 40 for r, c, _ in near)


def test_the_map_is_painted_where_the_engine_says(
    page: Page, at_picture: Page, view: Correspondence
) -> None:
    layer = view.layer(4)
    point_at(page, layer, "output", 20, 30)
    painted = page.evaluate(
        """() => {
            const find = (root) => [...root.querySelectorAll("*")].flatMap((element) =>
                element.shadowRoot ? [element.shadowRoot, ...find(element.shadowRoot)] : []);
            const root = find(document).find((shadow) => shadow.querySelector(".patches"));
            const canvas = root.querySelector(".panel[data-side=input] .map");
            const { data } = canvas.getContext("2d").getImageData(0, 0, 64, 64);
            return [...data];
        }"""
    )
    colours = np.array(painted).reshape(64, 64, 4)
    similarity = layer.similarity("output", 20, 30)[0]
    # Viridis rises in green from end to end, so green orders the places as similarity does.
    green = colours[..., 1].ravel()
    order = np.argsort(similarity.ravel())
    assert np.corrcoef(green, similarity.ravel())[0, 1] > 0.97
    assert green[order[-1]] >= green.max() - 2


def test_a_click_holds_a_place_and_the_address_reproduces_it(
    page: Page, server: RunningServer
) -> None:
    visit(page, server, "&example=cat&layer=8")
    for side, x, y in (("output", 0.3, 0.4), ("input", 0.7, 0.6)):
        box = page.locator(f".row[data-query=A] .panel[data-side={side}]").first.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=3)
        page.mouse.down()
        page.mouse.up()
    page.wait_for_url("**pin=*pin=*")
    before = [(reading(page, letter).inner_text(), where(page, letter)) for letter in "AB"]
    assert where(page, "B")[2] == "input"
    page.goto(page.url)
    settle(page)
    expect(reading(page, "B")).to_be_visible()
    assert [(reading(page, letter).inner_text(), where(page, letter)) for letter in "AB"] == before
    reading(page, "B").get_by_role("button", name="Let go").click()
    reading(page, "A").get_by_role("button", name="Let go").click()
    page.wait_for_function("!location.search.includes('pin')")


def test_arrow_keys_move_the_place_enter_holds_and_escape_lets_go(
    page: Page, server: RunningServer
) -> None:
    visit(page, server, "&example=cat&layer=4")
    panel = page.locator(".panel[data-side=output]").first
    row, column = (int(part or 0) for part in where(page, "A")[:2])
    panel.press("ArrowRight")
    panel.press("Shift+ArrowUp")
    expect(reading(page)).to_have_attribute("data-column", str(column + 1))
    expect(reading(page)).to_have_attribute("data-row", str(row - 5))
    expect(page.locator(".spoken").first).to_contain_text("Positive")
    panel.press("Enter")
    page.wait_for_url("**pin=**")
    panel.press("ArrowDown")
    expect(reading(page, "B")).to_have_attribute("data-row", str(row - 4))
    panel.press("Escape")
    expect(reading(page, "B")).to_be_hidden()


def test_all_layers_are_there_again_after_another_page(page: Page, server: RunningServer) -> None:
    visit(page, server, "&example=cat&layer=12&negatives=all")
    for name in ("Translate", "Patches"):
        page.get_by_role("link", name=name, exact=True).first.click()
        page.wait_for_url(f"{server.url}/{'patches' if name == 'Patches' else ''}?**")
        wait_until_still(page)
    settle(page)
    for number in (0, 4, 16):
        choose_layer(page, number)
        expect(reading(page).locator("[data-name=rank]")).to_contain_text("of 4096")


def test_show_me_where_it_fails_goes_to_the_places_of_highest_loss(
    page: Page, at_picture: Page, view: Correspondence
) -> None:
    layer = view.layer(12)
    choose_layer(page, 12)
    button = page.locator(".fails").first
    for number, (row, column) in enumerate(layer.worst()[:3], start=1):
        button.click()
        expect(button).to_have_text(f"Failure {number} of 5: next")
        expect(reading(page)).to_have_attribute("data-row", str(row))
        expect(reading(page)).to_have_attribute("data-column", str(column))
        assert value(page, "loss") == pytest.approx(float(layer.loss_map()[row, column]), rel=1e-4)


def test_two_checkpoints_show_the_same_place_in_step(page: Page, server: RunningServer) -> None:
    visit(page, server, "&example=cat&compare=tiny&layer=4")
    views = page.locator(".patches[data-ready=yes]")
    expect(views).to_have_count(2)
    assert [name.inner_text() for name in views.locator(".name").all()] == ["distinct", "tiny"]
    panel = views.nth(1).locator(".panel[data-side=output]").first
    panel.hover(position={"x": 40, "y": 30})
    second = views.nth(1).locator(".reading[data-query=A]")
    row, column = second.get_attribute("data-row"), second.get_attribute("data-column")
    assert (row, column) != ("32", "32")
    expect(reading(page)).to_have_attribute("data-row", row or "")
    expect(reading(page)).to_have_attribute("data-column", column or "")


def test_hovering_costs_little_more_than_its_dot_products(
    page: Page, server: RunningServer, tmp_path: Path
) -> None:
    serve_model(server, "wide", embedding=256)  # as many numbers a place as PLAIN_FRAMES multiplies
    visit(page, server, name="wide")
    bring_picture(page, tmp_path)
    choose_layer(page, 8)
    page.evaluate(SWEEP, 1500)  # until it is compiled
    session = page.context.new_cdp_session(page)
    # The thread's own time: a machine that does other things as well stretches the clock's.
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def script_seconds() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(metric["value"] for metric in metrics if metric["name"] == "ScriptDuration")

    before = script_seconds()
    measured = page.evaluate(SWEEP, 2500)
    milliseconds = 1000 * (script_seconds() - before) / measured["frames"]
    plain = page.evaluate(PLAIN_FRAMES, 100)
    # Every frame that the browser offers is used, and brings one of the five small maps at least:
    # 12 a second each at 60 frames.
    assert measured["frames"] >= 0.9 * measured["asked"] > 10
    assert measured["small"] >= 0.9 * measured["frames"]
    # The layer that is chosen, and the small maps besides, on whatever machine.
    assert 0.5 < milliseconds < 3 * plain


def test_it_fits_a_phone_and_follows_a_finger(page: Page, server: RunningServer) -> None:
    page.set_viewport_size(PHONE)
    visit(page, server, "&example=cat")
    assert_fits_a_phone(page)
    panel = page.locator(".panel[data-side=input]").first
    panel.tap(position={"x": 20, "y": 20})
    expect(reading(page)).to_have_attribute("data-side", "input")
    assert int(where(page, "A")[0] or 99) < 20
    expect(reading(page).get_by_role("button", name="Hold")).to_be_visible()


@pytest.mark.parametrize(
    ("button", "start"),
    [("PNG", b"\x89PNG"), ("SVG", b"<?xml"), ("PDF", b"%PDF")],
)
def test_the_figure_can_be_taken_home(
    page: Page, server: RunningServer, button: str, start: bytes
) -> None:
    visit(page, server, "&example=cat&pin=30,40")
    with page.expect_download() as event:
        page.get_by_role("button", name=f"Figure, {button}").click()
    assert event.value.suggested_filename == f"cat-distinct-30-40.{button.lower()}"
    assert event.value.path().read_bytes().startswith(start)


def test_the_arrays_can_be_taken_home(page: Page, at_picture: Page, view: Correspondence) -> None:
    with page.expect_download() as event:
        page.get_by_role("button", name="Arrays, npz").click()
    arrays = np.load(io.BytesIO(event.value.path().read_bytes()))
    assert np.abs(arrays["layer4_loss"] - view.layer(4).loss_map()).max() < 1e-3
