"""Generators of other models that a method learns from, and that do not learn themselves."""

import hashlib
from functools import cached_property

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
    """

    def __init__(self, generator: Generator, setting: str):
        self.generator, self.setting = generator, setting

    @classmethod
    def named(cls, setting: str, name: str, placement: Placement) -> "FrozenGenerator":
        """The generator of the model of that name or in that folder.

        Raises:
            CutError: there is no such model, or its weights do not fit.
        """
        from cut.checkpoints import find
        from cut.translate import Translator  # more than other methods need

        try:
            return cls(Translator(find(name), placement).generator, setting)
        except CutError as error:
            raise CutError(f"setting {setting}={name}: {error}") from error

    @torch.no_grad()
    def __call__(self, pictures: Tensor) -> Tensor:
        """The translation of B x 3 x H x W in [-1, 1], clamped to that range as a picture is."""
        return self.generator(pictures)[0].clamp(-1, 1)

    @cached_property
    def digest(self) -> str:
        """Tells these weights from others."""
        found = hashlib.blake2b(digest_size=16)
        for weight in self.generator.parameters():
            found.update(weight.float().contiguous().cpu().numpy().tobytes())
        return found.hexdigest()

    def check_same(self, digest: str) -> None:
        """Raise CutError unless a run that goes on learnt from these weights before."""
        if digest != self.digest:
            raise CutError(
                f"cannot resume: the model that {self.setting} names is another than before; put "
                "the old one back, or begin a new run with --start-from"
            )
