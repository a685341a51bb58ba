"""How often do 95 % intervals of scores hold the truth, on made features?

    python -m benchmarks.intervals

Draws pairs of samples from two Gaussians, gives each pair its interval, and counts. The truth is
the mean of the statistic over many other pairs of the same sizes, so that what an interval is held
against is chance alone, without the bias that the Frechet distance has with few pictures. Beside
the intervals that `evaluate` prints stand those that it might have printed.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice

import torch
from torch import Tensor

from cut.evaluation.distances import Distance, frechet_distance, squared_mmd
from cut.evaluation.intervals import Interval, bootstrap_mmd, jackknife

Way = Callable[[Tensor, Tensor], Interval]


def pairs(
    n: int, m: int, width: int, shift: float, generator: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Samples of two Gaussians without end: n and m rows, some features ten times as wide."""
    scale = torch.linspace(2, 0.2, width, dtype=torch.float64)

    def rows(count: int) -> Tensor:
        return scale * torch.randn(count, width, generator=generator, dtype=torch.float64)

    while True:
        yield rows(n), 1.1 * rows(m) + shift


def plain_bootstrap(distance: Distance, generator: torch.Generator, draws: int) -> Way:
    """The textbook's percentile interval, in which a picture meets its own copies."""

    def way(a: Tensor, b: Tensor) -> Interval:
        def drawn(rows: Tensor) -> Tensor:
            return rows[torch.randint(len(rows), (len(rows),), generator=generator)]

        values = torch.tensor([distance(drawn(a), drawn(b)) for _ in range(draws)])
        low, high = torch.quantile(values, torch.tensor([0.025, 0.975])).tolist()
        return low, high

    return way


def ways_of(distance: Distance, generator: torch.Generator) -> dict[str, Way]:
    """Ways to an interval by name."""
    ways: dict[str, Way] = {
        "jackknife": lambda a, b: jackknife(distance, a, a, b, groups=20).value,
        "plain bootstrap": plain_bootstrap(distance, generator, draws=60),
    }
    if distance is squared_mmd:
        ways["bootstrap"] = lambda a, b: bootstrap_mmd(a, a, b).value
    return ways


CASES = (
    (squared_mmd, 120, 140, 24, 0.5),
    (squared_mmd, 60, 60, 24, 0.3),
    (squared_mmd, 5, 6, 24, 0.5),
    (frechet_distance, 120, 140, 24, 0.5),
    (frechet_distance, 60, 60, 120, 0.3),
)
"""Distance, pictures on each side, features of a picture, and how far the two sides are apart."""


def coverage(
    distance: Distance, n: int, m: int, width: int, shift: float, count: int
) -> dict[str, float]:
    """The share of `count` pairs of samples whose interval held the truth, by way."""
    generator = torch.Generator().manual_seed(0)
    source = pairs(n, m, width, shift, generator)
    truth = sum(distance(*pair) for pair in islice(source, 2000)) / 2000
    held: Counter[str] = Counter()
    ways = ways_of(distance, generator)
    for a, b in islice(source, count):
        for name, way in ways.items():
            low, high = way(a, b)
            held[name] += low <= truth <= high
    return {name: held[name] / count for name in ways}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=200, help="of samples (default: 200)")
    args = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'distance':18}{'n':>5}{'m':>5}{'d':>5}{'shift':>7}  way")
    for distance, n, m, width, shift in CASES:
        found = coverage(distance, n, m, width, shift, args.pairs)
        figures = "  ".join(f"{name} {share:.1%}" for name, share in found.items())
        print(f"{distance.__name__:18}{n:5}{m:5}{width:5}{shift:7.1f}  {figures}", flush=True)


if __name__ == "__main__":
    main()
