"""Measure what a frame of hovering costs on the page Patches, in a real browser.

    python -m benchmarks.hover [--checkpoint horse2zebra] [--rounds 5] [--seconds 3]

The pointer goes to another place in every frame that the browser offers. Told are the script's
milliseconds a frame, by the thread's own clock, and the frames and small maps a second; beside them
what the dot products of the chosen layer alone take, written down plainly: the least there is.
"""

import argparse
import statistics
from pathlib import Path

from playwright.sync_api import CDPSession, Page

from benchmarks.serving import HERE, PATIENCE, chromium, serving
from tests.browser.patch_readings import PLAIN_FRAMES, SWEEP

READY = ".patches[data-ready=yes][data-layers=all]"
COLUMNS = ("layer", "script ms", "plain ms", "ratio", "frames/s", "small/s")


def script_seconds(session: CDPSession) -> float:
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(metric["value"] for metric in metrics if metric["name"] == "ScriptDuration")


def measure(page: Page, layer: int, seconds: float) -> tuple[float, ...]:
    """Figures, as COLUMNS names them after the first, of hovering with that layer chosen."""
    page.locator(f".layers button[data-layer='{layer}']").first.click()
    page.evaluate(SWEEP, 1500)  # until it is compiled
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = script_seconds(session)
    seen = page.evaluate(SWEEP, 1000 * seconds)
    milliseconds = 1000 * (script_seconds(session) - before) / seen["frames"]
    plain = page.evaluate(PLAIN_FRAMES, 100)
    session.detach()
    per_second = (seen[name] / seconds for name in ("frames", "small"))
    return milliseconds, plain, milliseconds / plain, *per_second


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", default="horse2zebra")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of hovering each")
    parser.add_argument("--root", type=Path, default=HERE)
    args = parser.parse_args()
    print("".join(f"{name:>11}" for name in COLUMNS))
    with serving(args.root) as server, chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.set_default_timeout(PATIENCE)
        page.goto(f"{server.url}/patches?example=cat&checkpoint={args.checkpoint}")
        page.wait_for_selector(READY)
        numbers = page.eval_on_selector_all(
            ".layers button[data-layer]", "all => all.map((one) => Number(one.dataset.layer))"
        )
        for number in dict.fromkeys(numbers):
            found = [measure(page, number, args.seconds) for _ in range(args.rounds)]
            medians = (statistics.median(column) for column in zip(*found, strict=True))
            print(f"{number:11d}" + "".join(f"{one:11.2f}" for one in medians), flush=True)


if __name__ == "__main__":
    main()
