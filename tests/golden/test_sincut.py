"""Single-image CUT against a recorded run of the published implementation.

Adam without a first moment moves a weight by the learning rate whatever its gradient's size, so a
last digit turns some updates around: as with other numbers of threads, the generator's weights
end a percent of the change off.
"""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from cut.config import SinCutSettings, preset
from cut.device import Placement
from cut.methods.sincut import SinCut
from tests.golden.records import PARTS, Record, RecordedStep, load_record, worst_loss

FORWARD, LOSS, FAKE, CHANGE = 1e-4, 1e-3, 5e-3, 0.05


class SilentStep(RecordedStep):
    """A recorded step, in which the decoder's noise was held at zero."""

    def noise(self, *shape: int) -> Tensor:
        return torch.zeros(shape)


@pytest.fixture
def record(one_thread: None) -> Record:
    return load_record("sincut")


def method_of(record: Record, when: str) -> SinCut:
    paper = preset("sincut")
    assert isinstance(paper, SinCutSettings)
    settings = replace(paper, ngf=2, ndf=2, batch_size=record.meta["batch"])
    method = SinCut(settings, Placement(torch.device("cpu")))
    for part, name in PARTS.items():
        method.parts[name].load_weights(record.state(when, part))
    return method


def furthest(a: Tensor, b: Tensor) -> float:
    return (a - b).abs().max().item()


def deviation(record: Record, part: str, weights: dict[str, Tensor]) -> float:
    """Norm of the difference from the final weights, over the norm of the recorded change."""
    difference = change = 0.0
    for key, target in record.state("final", part).items():
        difference += (weights[key].double() - target).square().sum().item()
        change += (target.double() - record[f"init.{part}.{key}"]).square().sum().item()
    return (difference / change) ** 0.5


def test_forward_passes(record: Record) -> None:
    method = method_of(record, "final")
    layers = method.settings.layers
    generator = method.generator.network
    with torch.no_grad():
        pictures = method.placement.batch(record["forward.input"])
        output, features = generator(pictures, layers, torch.zeros(1, 1, 64, 64))
        verdict = method.discriminator.network(pictures)
    assert furthest(output, record["forward.output"]) <= FORWARD
    # The record's D is that of the input, not of the output.
    assert furthest(verdict, record["forward.D"]) <= FORWARD
    for layer, feature in zip(layers, features, strict=True):
        assert furthest(feature, record[f"forward.feat.{layer}"]) <= FORWARD, layer


def test_training(record: Record) -> None:
    method = method_of(record, "init")
    for k in range(record.meta["steps"]):
        step = SilentStep(record, k)
        losses = method.step(step.A, step.B, step)
        assert set(step.losses) == set(losses)
        assert worst_loss(step, losses) <= LOSS, k
        assert method.last_output is not None
        assert furthest(method.last_output, step.fake) <= FAKE, k
    for part, name in PARTS.items():
        assert deviation(record, part, method.parts[name].weights()) <= CHANGE, part
        untrained = deviation(record, part, record.state("init", part))
        assert untrained == pytest.approx(1), "the bound means nothing if not training passes it"
