"""CycleGAN, the paper's baseline: what one training step computes (Zhu et al. 2017, section 3).

Two generators, A to B and back, and a discriminator for each side. What goes there and back is to
come back as it was (the cycle terms), and a picture that is of the wanted side already is to stay
as it is (the identity terms, section 5.2). Networks are those of CUT, so that the two differ in
what they are asked alone. As in the published code the generators step first, and the
discriminators are shown translations from a pool of earlier ones.
"""

from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from cut.config import CycleGanSettings
from cut.device import Placement
from cut.losses.gan import GAN_LOSSES
from cut.methods.cut import Losses
from cut.methods.optimised import Optimised
from cut.methods.pool import ImagePool
from cut.methods.starts import COMPACT, load_start
from cut.networks.layers import initialise
from cut.networks.patchgan import PatchDiscriminator
from cut.networks.resnet import ResnetGenerator


class Choices(Protocol):
    """The random choices of a step: `cut.randomness.StepRandom`, or given ones."""

    def pooled(self, side: str, i: int, size: int) -> int | None: ...


class CycleGan:
    """The networks of a CycleGAN run and the step that trains them.

    Args:
        settings: of the run.
        placement: where and in which precision to compute.
    """

    def __init__(self, settings: CycleGanSettings, placement: Placement):
        self.settings, self.placement = settings, placement
        s = settings
        generators = [
            ResnetGenerator(s.ngf, s.blocks, s.antialias, s.antialias_up) for _ in range(2)
        ]
        for generator in generators:
            generator.checkpointing = s.checkpointing
        discriminators = [
            PatchDiscriminator(s.ndf, s.discriminator_layers, s.antialias) for _ in range(2)
        ]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(s.seed)
            for network in (*generators, *discriminators):
                initialise(network, s.drawn)
        if s.reproducing:
            for generator in generators:
                load_start(COMPACT, generator=generator)
        betas = (s.beta1, s.beta2)
        # Adam treats each weight by itself, so that one a network is what one for both would be.
        self.G_A, self.G_B = (
            Optimised(network, placement, s.learning_rate, betas, s.ema, s.clip_spikes)
            for network in generators
        )
        rate_D = s.learning_rate * s.discriminator_rate
        self.D_A, self.D_B = (
            Optimised(network, placement, rate_D, betas, None, s.clip_spikes)
            for network in discriminators
        )
        self.pools = {side: ImagePool(s.pool_size) for side in "AB"}
        self.gan_loss = GAN_LOSSES[s.gan_loss]
        self.scaler = torch.amp.GradScaler(
            placement.device.type, enabled=placement.dtype == torch.float16
        )

    @property
    def parts(self) -> dict[str, Optimised]:
        """What learns, by the name it is saved under; by the published names G_A, G_B, D_A, D_B.

        D_A, beside the generator A to B, judges pictures of B: the published naming.
        """
        return {
            "generator": self.G_A,
            "generator_back": self.G_B,
            "discriminator": self.D_A,
            "discriminator_back": self.D_B,
        }

    def step(
        self,
        A: Tensor,
        B: Tensor,
        choices: Choices,
        rate_factor: float = 1.0,
        guide: tuple[Tensor, ...] = (),
    ) -> Losses:
        """Train on one batch: both generators first, then both discriminators.

        Args:
            A, B: pictures of both sides, B x 3 x H x W in [-1, 1].
            choices: the step's random choices.
            rate_factor: what the schedule leaves of the learning rate.
            guide: nothing.

        Returns:
            The losses by their published names, before this step's update, as 0-d tensors.
        """
        A, B = self.placement.batch(A), self.placement.batch(B)
        fake_A, fake_B, losses = self._generators_step(A, B, rate_factor)
        losses |= self._discriminator_step("A", fake_B, B, choices, rate_factor)
        losses |= self._discriminator_step("B", fake_A, A, choices, rate_factor)
        self.scaler.update()
        return losses

    def _generators_step(
        self, A: Tensor, B: Tensor, rate_factor: float
    ) -> tuple[Tensor, Tensor, Losses]:
        """Update both generators; the translations of B and of A, detached, and the losses."""
        s = self.settings
        for discriminator in (self.D_A, self.D_B):
            discriminator.freeze(True)
        for generator in (self.G_A, self.G_B):
            generator.zero_grad()
        fake_B, same_B = self._translate(self.G_A, A, B)
        fake_A, same_A = self._translate(self.G_B, B, A)
        back_A, back_B = self.G_B.network(fake_B)[0], self.G_A.network(fake_A)[0]
        losses: Losses = {
            "G_A": self.gan_loss(self.D_A.network(fake_B).float(), True),
            "G_B": self.gan_loss(self.D_B.network(fake_A).float(), True),
            "cycle_A": s.lambda_A * F.l1_loss(back_A.float(), A.float()),
            "cycle_B": s.lambda_B * F.l1_loss(back_B.float(), B.float()),
        }
        if same_A is not None and same_B is not None:
            weight_A, weight_B = s.lambda_identity * s.lambda_A, s.lambda_identity * s.lambda_B
            losses["idt_A"] = weight_B * F.l1_loss(same_B.float(), B.float())
            losses["idt_B"] = weight_A * F.l1_loss(same_A.float(), A.float())
        losses["G"] = torch.stack(list(losses.values())).sum()
        self.scaler.scale(losses["G"]).backward()
        for generator in (self.G_A, self.G_B):
            generator.step(rate_factor, self.scaler)
        detached = {name: loss.detach() for name, loss in losses.items()}
        return fake_A.detach(), fake_B.detach(), detached

    def _translate(
        self, generator: Optimised, source: Tensor, target: Tensor
    ) -> tuple[Tensor, Tensor | None]:
        """The generator's outputs for source and, with the identity terms, for target pictures."""
        if not self.settings.lambda_identity:
            return generator.network(source)[0], None
        # Instance norm looks at one picture at a time, so that both may share a pass.
        both = generator.network(torch.cat([source, target]))[0]
        fake, same = both.split(len(source))
        return fake, same

    def _discriminator_step(
        self, side: str, fake: Tensor, real: Tensor, choices: Choices, rate_factor: float
    ) -> Losses:
        D = self.D_A if side == "A" else self.D_B
        D.freeze(False)
        D.zero_grad()
        shown = self.pools[side].exchange(fake, lambda i, size: choices.pooled(side, i, size))
        verdicts = D.network(torch.cat([shown, real])).float()
        on_fake, on_real = verdicts.split(len(real))
        loss = 0.5 * (self.gan_loss(on_fake, False) + self.gan_loss(on_real, True))
        self.scaler.scale(loss).backward()
        D.step(rate_factor, self.scaler)
        return {f"D_{side}": loss.detach()}

    def translate(self, pictures: Tensor) -> Tensor:
        """Translate A to B with the averaged weights: B x 3 x H x W in [-1, 1], float32."""
        with self.G_A.averaged() as network, torch.inference_mode():
            return network(self.placement.batch(pictures))[0].float()

    def state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = {name: part.state_dict() for name, part in self.parts.items()}
        state["pools"] = {
            side: [picture.cpu() for picture in pool.pictures] for side, pool in self.pools.items()
        }
        return state | {"scaler": self.scaler.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
        for side, pool in self.pools.items():
            # A run that was resumed with a smaller pool keeps as many as fit in.
            kept = state["pools"][side][: pool.size]
            pool.pictures = [self.placement.batch(picture) for picture in kept]
        self.scaler.load_state_dict(state["scaler"])
