"""Measure how soon the page Train shows a first picture after Start, and how often a new one.

    python -m benchmarks.first_preview [--rounds 3] [--pair TITLE] [--pictures 6] [--root DIR]

Each round has a server, a data folder and a visitor of its own, who picks an example pair, leaves
the preset `quick` as it is and presses Start: cold, when the worker process that the page has
started beforehand was ended just before, and warm, when it has got ready. The clock runs in the
browser, from the click until the translation stands in the page; gaps are those between the first
picture, the next, and so on. Beside them stand the worker's processor seconds until the first one,
which a busy machine stretches less. `--root` measures another checkout of this repository.
"""

import argparse
import os
import shutil
import signal
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from playwright.sync_api import Browser, Page

from benchmarks.serving import HERE, PATIENCE, Server, chromium, processor_seconds, serving

COLUMNS = ("first", "largest gap", "mean gap", "worker")
RESTART = 6.0  # s, from the start of a worker, in which a server starts no other

CLICK = """() => {
    window.moments = [];
    const hosts = () => [...document.querySelectorAll("[data-testid=stBidiComponentIsolated]")];
    let seen = "";
    const started = performance.now();
    setInterval(() => {
        const frames = hosts().map((host) => host.shadowRoot?.querySelector(".history .frame"));
        const frame = frames.find((one) => one?.dataset.ready === "yes");
        if (frame?.dataset.single !== "no" || frame.dataset.waiting !== "no") return;
        const source = frame.querySelector(".after").src;
        if (source === seen) return;
        seen = source;
        window.moments.push((performance.now() - started) / 1000);
    }, 20);
    const buttons = [...document.querySelectorAll("button")];
    buttons.find((one) => one.textContent.includes("Start training")).click();
}"""
COUNTED = "(count) => window.moments.length >= count"


def workers(home: Path) -> list[int]:
    """Worker processes of the data folder `home`, by what they were started with."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            started = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:  # gone, or another's
            continue
        if b"cut.jobs.worker" in started and f"CUT_HOME={home}\0".encode() in started:
            found.append(int(entry.name))
    return found


@contextmanager
def data_folder() -> Iterator[Path]:
    """A data folder whose workers are ended with it."""
    folder = Path(tempfile.mkdtemp(prefix="first-preview-"))
    try:
        yield folder
    finally:
        end(workers(folder))
        shutil.rmtree(folder, ignore_errors=True)


def end(processes: list[int]) -> None:
    for process in processes:
        os.kill(process, signal.SIGKILL)


def wait_for_worker(server: Server, home: Path) -> None:
    """Wait until the worker that the page has started computes nothing any more."""
    spent, until = -1.0, time.monotonic() + PATIENCE / 1000
    while not (found := workers(home)) or processor_seconds(found[0]) > spent + 0.1:
        spent = processor_seconds(found[0]) if found else -1.0
        server.check()
        if time.monotonic() > until:
            raise SystemExit(f"no worker is ready after {PATIENCE / 1000:g} s")
        time.sleep(2)


def figures(page: Page, home: Path, pictures: int) -> list[float]:
    """Press Start and return what COLUMNS names."""
    before = sum(map(processor_seconds, workers(home)))
    page.evaluate(CLICK)
    page.wait_for_function(COUNTED, arg=1)
    spent = sum(map(processor_seconds, workers(home))) - before
    page.wait_for_function(COUNTED, arg=pictures)
    moments = page.evaluate("window.moments")[:pictures]
    gaps = [after - before for before, after in pairwise(moments)]
    return [moments[0], max(gaps), statistics.mean(gaps), spent]


def measured(args: argparse.Namespace, browser: Browser, cold: bool) -> list[float]:
    """A round: a visitor of a server of its own."""
    with (
        data_folder() as home,
        serving(args.root, home) as server,
        browser.new_context() as context,
    ):
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(f"{server.url}/train")
        page.get_by_role("button", name=args.pair).click()
        page.get_by_text("Example:").wait_for()
        wait_for_worker(server, home)
        if cold:
            time.sleep(RESTART)
            end(workers(home))
        return figures(page, home, args.pictures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pair", default="A landscape", help="as the page calls it")
    parser.add_argument("--pictures", type=int, default=6, help="to wait for, the first included")
    parser.add_argument("--root", type=Path, default=HERE)
    args = parser.parse_args()
    if args.pictures < 2:
        parser.error("--pictures: at least 2, or there is no gap")
    print(" " * 6 + "".join(f"{name:>13}" for name in COLUMNS))
    with chromium() as browser:
        for kind in ("cold", "warm"):
            found = []
            for _ in range(args.rounds):
                found.append(measured(args, browser, kind == "cold"))
                print(f"{kind:6}" + "".join(f"{n:13.2f}" for n in found[-1]), flush=True)
            medians = map(statistics.median, zip(*found, strict=True))
            print(f"{kind:6}" + "".join(f"{n:13.2f}" for n in medians), " median", flush=True)


if __name__ == "__main__":
    main()
