"""Random choices that depend on the run's seed and the step alone."""

import torch

from cut.randomness import StepRandom, generator_for


def test_places_do_not_repeat_and_stay_in_the_map() -> None:
    places = StepRandom(0, 0).places("X", 0, 100, 64)
    assert len(set(places.tolist())) == 64
    assert 0 <= places.min() <= places.max() < 100
    assert len(StepRandom(0, 0).places("X", 0, 10, 64)) == 10, "a small map gives all it has"


def test_every_step_layer_and_term_draws_its_own() -> None:
    draws = [
        StepRandom(seed, step).places(term, layer, 500, 100).tolist()
        for seed in (0, 1)
        for step in (0, 1)
        for term in "XY"
        for layer in (0, 1)
    ]
    assert len({tuple(draw) for draw in draws}) == len(draws)
    assert draws[0] == StepRandom(0, 0).places("X", 0, 500, 100).tolist()


def test_places_are_evenly_spread() -> None:
    drawn = torch.cat([StepRandom(0, step).places("X", 0, 20, 5) for step in range(2000)])
    counts = torch.bincount(drawn, minlength=20)
    assert counts.min() > 400
    assert counts.max() < 600


def test_half_of_the_steps_are_mirrored() -> None:
    flips = sum(StepRandom(0, step).flip() for step in range(1000))
    assert 440 < flips < 560


def test_streams_of_other_keys_differ() -> None:
    first, second = (torch.rand(3, generator=generator_for("a", k)) for k in (1, 2))
    assert not torch.equal(first, second)
