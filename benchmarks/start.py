"""Measure how soon things begin: importing, the command line, the server, its first page.

    python -m benchmarks.start [--root DIR ...] [--rounds 3]

Each figure is of a process of its own, with files that the system has read before. The server's
clock runs from its start until it says where it is; the page's, in a Chromium that is open already,
from asking for it until pictures can be brought, and until the example that it shows is translated.
Several checkouts (`--root`) are measured in turn. In brackets stand processor seconds, which a busy
machine stretches less: the whole process's, and for the server its own since its start.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser

from benchmarks.patch_view import EXAMPLE
from benchmarks.serving import HERE, PATIENCE, chromium, serving

Figures = dict[str, tuple[float, float]]
COMMANDS = {
    "import cut": ["-c", "import cut"],
    "import torch": ["-c", "import torch"],
    "cut.load, cut.train": ["-c", "import cut; cut.load, cut.train"],
    "--help": ["-m", "cut", "--help"],
    "translate, 256 px": ["-m", "cut", "translate", "--checkpoint", "horse2zebra", "--size", "256"],
}


def commands(root: Path) -> Iterator[tuple[str, tuple[float, float]]]:
    for name, arguments in COMMANDS.items():
        with tempfile.TemporaryDirectory() as folder:
            if "translate" in arguments:
                arguments = [*arguments, "--output", folder, str(EXAMPLE)]
            before, start = _children(), time.perf_counter()
            subprocess.run(
                [sys.executable, *arguments],
                cwd=root,
                env={**os.environ, "CUT_HOME": folder, "PYTHONPATH": str(root)},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=True,
            )
            yield name, (time.perf_counter() - start, _children() - before)


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def pages(root: Path, browser: Browser) -> Iterator[tuple[str, tuple[float, float]]]:
    start = time.perf_counter()
    with serving(root) as server, browser.new_context() as context:
        yield "server answers", (time.perf_counter() - start, server.seconds())
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        start = time.perf_counter()
        page.goto(server.url)
        page.locator("input[type=file]").first.wait_for(state="attached")
        yield "page ready", (time.perf_counter() - start, server.seconds())
        page.get_by_role("button", name="Download PNG").wait_for()
        yield "first translation", (time.perf_counter() - start, server.seconds())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", nargs="+", type=Path, default=[HERE])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-server", action="store_false", dest="server")
    args = parser.parse_args()
    roots = [root.resolve() for root in args.root]
    measured: dict[Path, list[Figures]] = {root: [] for root in roots}
    with chromium() as browser:
        for round_ in range(1 + args.rounds):  # the first one reads the files
            for root in roots:
                figures: Figures = dict(commands(root))
                if args.server:
                    figures |= dict(pages(root, browser))
                if round_:
                    measured[root].append(figures)
    print(f"{'':22}", *(f"{root.name:>22}" for root in roots))
    for name in measured[roots[0]][0]:
        cells = []
        for root in roots:
            wall = statistics.median(one[name][0] for one in measured[root])
            own = statistics.median(one[name][1] for one in measured[root])
            cells.append(f"{wall:12.2f} s ({own:5.2f})")
        print(f"{name:22}", *cells)


if __name__ == "__main__":
    main()
