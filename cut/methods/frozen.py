"""Generators of other models that a method learns from, and that do not learn themselves."""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor

from cut.device import Placement
from cut.errors import CutError
from cut.networks.generators import Generator


class FrozenGenerator:
    """A trained generator that gives pictures to learn from.

    Args:
        generator: at the method's placement, its weights without gradients.
        setting: that names its model.
        digest: tells the model's weights from others, whatever precision they are placed in.
    """

    def __init__(self, generator: Generator, setting: str, digest: str):
        self.generator, self.setting, self.digest = generator, setting, digest

    @classmethod
    def named(cls, setting: str, name: str, placement: Placement) -> "FrozenGenerator":
        """The generator of the model of that name or in that folder.

        Raises:
            CutError: there is no such model, or its weights do not fit.
        """
        from cut.checkpoints import find
        from cut.translate import Translator  # more than other methods need

        try:
            model = find(name)
            digest = digest_of(model.generator_state())
            return cls(Translator(model, placement).generator, setting, digest)
        except CutError as error:
            raise CutError(f"setting {setting}={name}: {error}") from error

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> Tensor:
        """The translation of B x 3 x H x W in [-1, 1], clamped to that range as a picture is."""
        return self.generator(pictures)[0].clamp(-1, 1)

    def check_same(self, digest: str) -> None:
        """Raise CutError unless a run that goes on learnt from these weights before."""
        if digest != self.digest:
            raise CutError(
                f"cannot resume: the model that {self.setting} names is another than before; put "
                "the old one back, or begin a new run with --start-from"
            )


def digest_of(weights: Mapping[str, Tensor]) -> str:
    """What tells these float32 weights by name from others."""
    found = hashlib.blake2b(digest_size=16)
    for name, weight in sorted(weights.items()):
        found.update(name.encode())
        found.update(weight.contiguous().numpy().tobytes())
    return found.hexdigest()
