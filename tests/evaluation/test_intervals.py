"""Intervals of scores: against a naive bootstrap and theory, and how often they hold the truth."""

import pytest
import torch
from torch import Tensor

from cut.evaluation.distances import frechet_distance, squared_mmd
from cut.evaluation.intervals import bootstrap_mmd, intervals, jackknife
from tests.evaluation.stand_ins import rows


def naive_draw(a: Tensor, b: Tensor, drawn_a: Tensor, drawn_b: Tensor) -> float:
    """The mean kernels over pairs of drawn pictures, those of a picture and its copy left out."""

    def mean(x: Tensor, y: Tensor, pairs: list[tuple[int, int]]) -> float:
        return sum((float(x[i] @ y[j]) / x.shape[1] + 1) ** 3 for i, j in pairs) / len(pairs)

    def pairs(one: list[int], other: list[int]) -> list[tuple[int, int]]:
        return [(i, j) for i in one for j in other]

    one, other = drawn_a.tolist(), drawn_b.tolist()
    within_a = mean(a, a, [(i, j) for i, j in pairs(one, one) if i != j])
    within_b = mean(b, b, [(i, j) for i, j in pairs(other, other) if i != j])
    return within_a + within_b - 2 * mean(a, b, pairs(one, other))


def test_bootstrap_equals_drawing_pictures_one_by_one() -> None:
    before, after, wanted = rows(6, seed=2, shift=0.8), rows(6), rows(8, seed=1, shift=0.3)
    found = bootstrap_mmd(before, after, wanted, draws=40, seed=3)
    generator = torch.Generator().manual_seed(3)
    drawn_a = torch.randint(6, (40, 6), generator=generator)
    drawn_b = torch.randint(8, (40, 8), generator=generator)
    draws = list(zip(drawn_a, drawn_b, strict=True))
    values, nothing = (
        torch.tensor([naive_draw(some, wanted, i, j) for i, j in draws], dtype=torch.float64)
        for some in (after, before)
    )
    ends = torch.tensor([0.025, 0.975], dtype=torch.float64)
    for interval, naive in zip(found, (values, nothing, nothing - values), strict=True):
        assert interval == pytest.approx(torch.quantile(naive, ends).tolist(), rel=1e-9)


def test_jackknife_gives_the_textbook_error_of_a_difference_of_means() -> None:
    before, after, wanted = rows(20, 1, seed=2), rows(20, 1), rows(30, 1, seed=1)
    found = jackknife(lambda x, y: float(x.mean() - y.mean()), before, after, wanted)
    error = float(after.var() / 20 + wanted.var() / 30) ** 0.5
    low, high = found.value
    assert (high - low) / 2 == pytest.approx(1.96 * error, rel=1e-6)
    assert (low + high) / 2 == pytest.approx(float(after.mean() - wanted.mean()))
    # The target's pictures drop out of the gain.
    low, high = found.gain
    error = float((before - after).var() / 20) ** 0.5
    assert (high - low) / 2 == pytest.approx(1.96 * error, rel=1e-6)


def test_intervals_hold_the_truth_about_95_times_of_100(one_thread: None) -> None:
    """Of 200 pairs of samples, within what chance allows; the gain's, where there is none, too."""
    truth, held, no_gain = squared_mmd(rows(3000), rows(3000, seed=1, shift=0.4)), 0, 0
    for seed in range(10, 610, 3):
        before, after, wanted = (
            rows(40, seed=seed),
            rows(40, seed=seed + 1),
            rows(40, seed=seed + 2),
        )
        found = bootstrap_mmd(before, after, wanted + 0.4, draws=400)
        held += found.value[0] <= truth <= found.value[1]
        no_gain += found.gain[0] <= 0 <= found.gain[1]
    assert 182 <= held <= 199
    assert 182 <= no_gain <= 199


def test_intervals_of_the_frechet_distance_hold_its_mean(one_thread: None) -> None:
    def sample(seed: int) -> tuple[Tensor, Tensor]:
        return rows(30, seed=seed), rows(30, seed=seed + 1, shift=0.4)

    truth = sum(frechet_distance(*sample(seed)) for seed in range(1000, 2000, 2)) / 500
    held = 0
    for seed in range(0, 160, 2):
        a, b = sample(seed)
        low, high = jackknife(frechet_distance, a, a, b, groups=10).value
        held += low <= truth <= high
    assert 69 <= held <= 80


@pytest.mark.parametrize("distance", [squared_mmd, frechet_distance])
def test_intervals_surround_the_score_and_repeat(distance: object) -> None:
    before, after, wanted = rows(12, shift=1.0, seed=1), rows(12, seed=2), rows(9, shift=0.2)
    found = intervals(distance, before, after, wanted)
    assert found == intervals(distance, before, after, wanted)
    value, nothing = distance(after, wanted), distance(before, wanted)
    for (low, high), figure in zip(found, (value, nothing, nothing - value), strict=True):
        assert low < figure < high


def test_few_pictures_have_no_interval() -> None:
    assert intervals(squared_mmd, rows(4), rows(4), rows(9)) is None
    assert intervals(frechet_distance, rows(9), rows(9), rows(4)) is None
    five = intervals(squared_mmd, rows(5), rows(5), rows(5, seed=1))
    assert all(low == low and low < high for low, high in (five.value, five.doing_nothing))
