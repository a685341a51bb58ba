"""What the patch view reads out in the browser, and holding it against the engine."""

import json

import pytest
from playwright.sync_api import Locator, Page, expect

from cut.correspondence import LayerView

ERROR = 0.005
"""What rounding to 8 bits may cost a cosine."""

SWEEP = """async (length) => {
    const find = (root) => [...root.querySelectorAll("*")].flatMap((element) =>
        element.shadowRoot ? [element.shadowRoot, ...find(element.shadowRoot)] : []);
    const root = find(document).map((shadow) => shadow.querySelector(".patches")).find(Boolean);
    const panel = root.querySelector(".panel[data-side=output]");
    const box = panel.getBoundingClientRect();
    const before = { ...root.measured };
    const started = performance.now();
    let asked = 0;
    for (let t = 0; t < length; t = performance.now() - started) {
        asked++;
        const clientX = box.left + box.width * (0.5 + 0.45 * Math.sin(t / 300));
        const clientY = box.top + box.height * (0.5 + 0.45 * Math.cos(t / 170));
        panel.dispatchEvent(new PointerEvent("pointermove",
            { clientX, clientY, pointerType: "mouse", bubbles: true }));
        await new Promise(requestAnimationFrame);
    }
    const { frames, small } = root.measured;
    return { asked, frames: frames - before.frames, small: small - before.small };
}"""
"""Moves the pointer to another place in every frame, for so many ms."""

PLAIN_FRAMES = """(frames) => {
    const [places, dimensions] = [4096, 256];
    const features = new Int8Array(2 * places * dimensions).map((_, i) => (31 * i) % 255 - 127);
    const cosines = new Float32Array(2 * places);
    let best = Infinity;
    for (let frame = 0; frame < frames; frame++) {
        const started = performance.now();
        const query = features.subarray(frame * dimensions, (frame + 1) * dimensions);
        for (let place = 0; place < 2 * places; place++) {
            let sum = 0;
            for (let d = 0, at = place * dimensions; d < dimensions; d++, at++)
                sum += query[d] * features[at];
            cosines[place] = sum;
        }
        best = Math.min(best, performance.now() - started + 0 * cosines[frame]);
    }
    return best;
}"""
"""The best of so many times, in ms, of a frame's dot products and nothing else: one layer of
64 x 64 places, both sides."""


def reading(page: Page, letter: str = "A") -> Locator:
    return page.locator(f".reading[data-query={letter}]").first


def value(page: Page, name: str, letter: str = "A") -> float:
    text = reading(page, letter).locator(f"[data-name={name}]").get_attribute("data-value")
    assert text
    return float(text)


def point_at(page: Page, layer: LayerView, side: str, row: int, column: int) -> None:
    """Move the mouse to a place and wait until it is read out."""
    box = page.locator(f".panel[data-side={side}]").first.bounding_box()
    assert box is not None
    width, height = layer.size
    page.mouse.move(
        float(box["x"] + box["width"] * (layer.xs[column] + 0.5) / width),
        float(box["y"] + box["height"] * (layer.ys[row] + 0.5) / height),
    )
    expect(reading(page)).to_have_attribute("data-row", str(row))
    expect(reading(page)).to_have_attribute("data-column", str(column))
    expect(reading(page)).to_have_attribute("data-side", side)


def choose_layer(page: Page, number: int) -> None:
    page.locator(f".layers button[data-layer='{number}']").first.click()
    expect(reading(page)).to_have_attribute("data-layer", str(number))


def hold_against_engine(page: Page, layer: LayerView, row: int, column: int, kind: str) -> None:
    expected = layer.scores(row, column, kind)  # type: ignore[arg-type]
    assert value(page, "positive") == pytest.approx(expected.positive, abs=ERROR)
    assert value(page, "probability") == pytest.approx(expected.probability, rel=1e-4)
    assert value(page, "loss") == pytest.approx(expected.loss, rel=1e-4, abs=1e-5)
    assert value(page, "rank") == expected.rank
    hardest = json.loads(reading(page).get_attribute("data-hardest") or "[]")
    exact = dict(zip(expected.places.tolist(), expected.negatives.tolist(), strict=True))
    assert len(hardest) == 5
    for (r, c, cosine), (_, _, true) in zip(hardest, expected.hardest, strict=True):
        assert cosine == pytest.approx(exact[r * layer.width + c], abs=ERROR)
        assert cosine == pytest.approx(true, abs=ERROR)
    assert value(page, "hardest") == hardest[0][2]


def where(page: Page, letter: str) -> list[str | None]:
    return [
        reading(page, letter).get_attribute(f"data-{name}")
        for name in ("row", "column", "side", "layer")
    ]
