"""Activation checkpointing: the same numbers, computed twice instead of kept."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from cut.config import with_overrides
from cut.device import Placement
from cut.methods import METHODS
from cut.networks.resnet import ResidualBlock, ResnetGenerator
from cut.randomness import StepRandom
from tests.helpers import TINY, TINY_CYCLE

CPU = Placement(torch.device("cpu"))
FAST = replace(TINY, method="fastcut", identity=False, flip_equivariance=True)
PLAIN = replace(TINY, antialias=False, antialias_up=False, layers=(0, 4, 10, 11))


def trained(settings, steps: int = 3):
    """The losses of each step and the weights afterwards."""
    method = METHODS[settings.method](settings, CPU)
    noise = torch.Generator().manual_seed(0)
    A, B = (torch.rand(1, 3, 32, 32, generator=noise) * 2 - 1 for _ in "AB")
    losses = [method.step(A, B, StepRandom(1, k)) for k in range(steps)]
    return losses, {name: part.weights() for name, part in method.parts.items()}


@pytest.mark.parametrize("settings", [TINY, FAST, PLAIN, TINY_CYCLE])
def test_losses_and_weights_are_those_without(settings, one_thread: None) -> None:
    losses, weights = trained(settings)
    again, same = trained(with_overrides(settings, {"checkpointing": "true"}))
    for mine, right in zip(again, losses, strict=True):
        assert {k: float(v) for k, v in mine.items()} == {k: float(v) for k, v in right.items()}
    for name, states in weights.items():
        for key, value in states.items():
            assert torch.equal(same[name][key], value), (name, key)


@pytest.mark.parametrize("antialias", [False, True])
def test_what_goes_into_the_parts_alone_is_kept(antialias: bool) -> None:
    generator = ResnetGenerator(4, 2, antialias, antialias)
    weights = {parameter.data_ptr() for parameter in generator.parameters()}
    runs: list[nn.Module] = []
    for block in generator.model:
        if isinstance(block, ResidualBlock):
            # Before, since computing again stops at the last activation that is wanted.
            block.register_forward_pre_hook(lambda block, _: runs.append(block))

    def kept() -> list[int]:
        """How many numbers each activation has that a forward pass keeps."""
        activations: dict[int, int] = {}

        def keep(saved: torch.Tensor) -> torch.Tensor:
            if saved.data_ptr() not in weights:
                activations[saved.data_ptr()] = saved.numel()
            return saved

        x = torch.rand(1, 3, 32, 32)
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda saved: saved):
            output, _ = generator(x)
        output.sum().backward()
        return sorted(activations.values())

    without = kept()
    assert len(runs) == 2
    generator.checkpointing = True
    inputs = kept()
    assert len(runs) == 2 + 4
    assert len(inputs) == len(list(generator._borders())) + 1
    assert sum(inputs) < 0.4 * sum(without)
    with torch.no_grad():
        generator(torch.rand(1, 3, 32, 32))
    assert len(runs) == 2 + 4 + 2


def test_parts_begin_with_what_computes() -> None:
    """So that no part changes in place what the one before it gave."""
    for antialias in (False, True):
        generator = ResnetGenerator(4, 2, antialias, antialias)
        firsts = [generator.model[n] for n in generator._borders()]
        assert len(firsts) == 2 + 2 + 2 + 1
        assert not any(isinstance(first, nn.ReLU) for first in firsts)
        assert sum(isinstance(first, ResidualBlock) for first in firsts) == 2
