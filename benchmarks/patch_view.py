"""Measure how soon the page Patches is usable after it is chosen on the page Translate.

    python -m benchmarks.patch_view [--rounds 5] [--root DIR] [--wait 0] [--there] [--cold]
        [--picture FILE]

Each round is a visitor of its own, with a picture of its own that was just translated, or with
`--there` is brought to the page Patches; with `--cold` each has a server of its own, too. The clock
runs in the browser, from the click to the first picture with its map and numbers. Beside it stand
the processor seconds of server and browser, which a busy machine stretches less; on such a one set
OMP_NUM_THREADS=1 and OPENBLAS_NUM_THREADS=1, or threads that wait for each other are counted, too.
`--root` measures another checkout of this repository.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from benchmarks.serving import HERE, PATIENCE, Server, chromium, serving

EXAMPLE = HERE / "cut" / "web" / "examples" / "chestnut_horse.jpg"
COLUMNS = ("seconds", "server", "browser")

SHOWN = """() => {
    // No search of the whole page: it is made every 20 ms, beside what is measured.
    const hosts = [...document.querySelectorAll("[data-testid=stBidiComponentIsolated]")];
    const shadows = hosts.map((host) => host.shadowRoot).filter(Boolean);
    const views = shadows.map((shadow) => shadow.querySelector(".patches[data-ready=yes]"));
    const view = views.find((one) => one?.querySelector("[data-name=positive]").dataset.value);
    return view?.querySelector(".panel img").src;
}"""
"""The address of the picture in a view that can be used, if there is one."""

START = "() => { window.started = performance.now(); }"
CLICK = """() => {
    window.started = performance.now();
    [...document.querySelectorAll("a")].find((a) => a.textContent.includes("Patches")).click();
}"""
WAIT = f"""async (before) => {{
    const shown = {SHOWN};
    while ([undefined, before].includes(shown())) {{
        await new Promise((go) => setTimeout(go, 20));
        if (performance.now() - window.started > {PATIENCE}) throw new Error("no view is shown");
    }}
    return (performance.now() - window.started) / 1000;
}}"""


def browser_seconds(browser: Browser) -> float:
    session = browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    return sum(process["cpuTime"] for process in processes)


def visit(page: Page, server: Server, picture: Path, wait: float) -> list[float]:
    """Figures, as COLUMNS names them, of a visitor who comes from the page Translate."""
    page.goto(server.url)
    done = page.get_by_role("button", name="Download PNG")
    done.wait_for()
    bring(page, picture)
    with Image.open(picture) as image:
        page.get_by_text(f"scaled back to {image.width} × {image.height}").wait_for()
    done.wait_for()
    time.sleep(wait)
    return measure(page, server, lambda: page.evaluate(CLICK))


def visit_there(page: Page, server: Server, picture: Path, wait: float) -> list[float]:
    """The same of one who brings the picture to the page Patches itself."""
    page.goto(f"{server.url}/patches?example=cat")
    page.wait_for_function(SHOWN)
    time.sleep(wait)

    def start() -> None:
        page.evaluate(START)
        bring(page, picture)

    return measure(page, server, start)


def bring(page: Page, picture: Path) -> None:
    page.set_input_files("input[type=file]", picture)


def measure(page: Page, server: Server, start: Callable[[], None]) -> list[float]:
    browser = page.context.browser
    assert browser is not None
    shown = page.evaluate(SHOWN)
    before = server.seconds(), browser_seconds(browser)
    start()
    seconds = page.evaluate(WAIT, shown)
    after = server.seconds(), browser_seconds(browser)
    return [seconds, *(b - a for a, b in zip(before, after, strict=True))]


def rounds(args: argparse.Namespace, browser: Browser) -> Iterator[list[float]]:
    with tempfile.TemporaryDirectory() as folder:
        pictures = []
        for i in range(args.rounds):  # a little smaller each: of other content, of the same work
            pictures.append(Path(folder) / f"photo{i}.png")
            photo = Image.open(args.picture)
            photo.crop((i, i, photo.width, photo.height)).save(pictures[-1])
        groups = [[p] for p in pictures] if args.cold else [pictures]
        for group in groups:
            with serving(args.root) as server:
                for picture in group:
                    with browser.new_context() as context:
                        page = context.new_page()
                        page.set_default_timeout(PATIENCE)
                        visitor = visit_there if args.there else visit
                        yield visitor(page, server, picture, args.wait)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--picture", type=Path, default=EXAMPLE, help="to bring")
    parser.add_argument("--root", type=Path, default=HERE)
    parser.add_argument("--wait", type=float, default=0.0, help="seconds of looking before that")
    parser.add_argument("--there", action="store_true", help="bring the picture to Patches itself")
    parser.add_argument("--cold", action="store_true", help="a server of its own each round")
    args = parser.parse_args()
    found = []
    print("".join(f"{name:>10}" for name in COLUMNS))
    with chromium() as browser:
        for figures in rounds(args, browser):
            found.append(figures)
            print("".join(f"{figure:10.2f}" for figure in figures), flush=True)
    print("".join(f"{statistics.median(c):10.2f}" for c in zip(*found, strict=True)), " median")


if __name__ == "__main__":
    main()
