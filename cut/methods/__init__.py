"""The methods: what one training step computes, by the name that settings carry."""

from collections.abc import Callable
from typing import Any, Protocol

from torch import Tensor

from cut.device import Placement
from cut.methods.cut import Cut, Losses
from cut.methods.cyclegan import CycleGan
from cut.methods.distill import Distill
from cut.methods.optimised import Optimised
from cut.methods.sincut import SinCut
from cut.randomness import StepRandom


class Method(Protocol):
    """What the training loop asks of a method."""

    @property
    def parts(self) -> dict[str, Optimised]:
        """What learns, by the name it is saved under.

        `generator` and `discriminator` are always there, `patch_heads` where features are
        contrasted, `generator_back` and `discriminator_back` where B is translated to A as well.
        """
        ...

    def step(
        self,
        A: Tensor,
        B: Tensor,
        choices: StepRandom,
        rate_factor: float = 1.0,
        guide: tuple[Tensor, ...] = (),
    ) -> Losses: ...
    def translate(self, pictures: Tensor) -> Tensor: ...
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any]) -> None: ...


METHODS: dict[str, Callable[[Any, Placement], Method]] = {
    "cut": Cut,
    "fastcut": Cut,
    "sincut": SinCut,
    "cyclegan": CycleGan,
    "distill": Distill,
}
