"""Recorded runs of the published implementation, where they are at hand (see docs/fidelity.md)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

from cut.config import CutSettings, preset
from cut.device import Placement
from cut.methods.cut import Cut

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "golden"
NAMES = ("cut", "cut_batch2", "fastcut")
PARTS = {"G": "generator", "D": "discriminator", "F": "patch_heads"}


@dataclass
class Record:
    """One recorded run: its tensors by name, and the options, losses and flips in `meta`."""

    name: str
    tensors: dict[str, Tensor]
    meta: dict[str, Any]

    @property
    def fast(self) -> bool:
        return self.name == "fastcut"

    @property
    def settings(self) -> CutSettings:
        width = len(self.tensors["init.G.model.1.weight"])
        method = preset("fastcut" if self.fast else "cut")
        return replace(method, ngf=width, ndf=width, patches=64)

    def __getitem__(self, key: str) -> Tensor:
        return self.tensors[key]

    def state(self, when: str, part: str) -> dict[str, Tensor]:
        """The state dict of G, D or F at `init` or `final`."""
        prefix = f"{when}.{part}."
        return {k.removeprefix(prefix): v for k, v in self.tensors.items() if k.startswith(prefix)}

    def steps(self) -> Iterator["RecordedStep"]:
        for k in range(self.meta["steps"]):
            yield RecordedStep(self, k)

    def method(self, placement: Placement | None = None) -> Cut:
        """The product, with the recorded initial weights."""
        method = Cut(self.settings, placement or Placement(torch.device("cpu")))
        for part, name in PARTS.items():
            method.parts[name].load_weights(self.state("init", part))
        return method


@dataclass
class RecordedStep:
    """One step of a record; hands out its random choices as `cut.methods.cut.Choices`."""

    record: Record
    k: int
    A: Tensor = field(init=False)
    B: Tensor = field(init=False)
    fake: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.A, self.B = self.record[f"step{self.k}.A"], self.record[f"step{self.k}.B"]
        self.fake = self.record[f"step{self.k}.fake_B"]

    @property
    def losses(self) -> dict[str, float]:
        return self.record.meta["losses"][self.k]

    @property
    def all_places(self) -> dict[str, list[Tensor]]:
        count = len(self.record.settings.layers)
        terms = "X" if self.record.fast else "XY"
        return {term: [self.places(term, i) for i in range(count)] for term in terms}

    def places(self, term: str, i: int, total: int = 0, count: int = 0) -> Tensor:
        return self.record[f"step{self.k}.ids.{term}.{i}"]

    def flip(self) -> bool:
        return self.record.meta["flipped"][self.k]


def load_record(name: str) -> Record:
    path = FOLDER / f"{name}.safetensors"
    if not path.is_file():
        pytest.skip(f"no recorded run {path}; the suite's own proof is in tests/methods")
    with safe_open(path, "pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        return Record(name, tensors, json.loads(file.metadata()["meta"]))


def before_a_norm(part: str, key: str) -> bool:
    """Whether a weight is a bias that an instance norm takes out again: its gradient is zero."""
    if part == "G":
        return key.endswith("bias") and not key.startswith("model.30")
    return part == "D" and key in ("model.3.bias", "model.7.bias", "model.11.bias")


def deviation(record: Record, part: str, weights: dict[str, Tensor]) -> float:
    """Norm of the difference from the final weights, over the norm of the recorded change."""
    init, final = record.state("init", part), record.state("final", part)
    difference = change = 0.0
    for key, target in final.items():
        if before_a_norm(part, key) or key.endswith("filt"):
            continue
        difference += (weights[key].double() - target).square().sum().item()
        change += (target.double() - init[key]).square().sum().item()
    return (difference / change) ** 0.5


def worst_loss(step: RecordedStep, losses: dict[str, Any]) -> float:
    """The largest relative deviation from the recorded losses of a step."""
    return max(abs(float(losses[name]) - value) / abs(value) for name, value in step.losses.items())
