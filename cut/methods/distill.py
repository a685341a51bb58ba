"""Distillation: a narrow, fast generator learns what a trained one does (Li et al. 2020).

"GAN Compression" (section 3.1) trains a small generator of an unpaired method on the translations
of the large one as if they were its pairs: an L1 to them, and an adversarial loss. Here the
discriminator is shown the large generator's translations for real ones, not the target set, so that
nothing is learnt that the large one had learnt to leave alone; and the small generator begins with
channels of the large one (`cut.networks.narrowing`).
"""

from typing import Any

import torch
from torch import Tensor

from cut.config import DistillSettings
from cut.device import Placement
from cut.errors import CutError
from cut.losses.gan import GAN_LOSSES
from cut.methods.cut import Losses
from cut.methods.frozen import FrozenGenerator
from cut.methods.optimised import Optimised
from cut.methods.patch_judge import discriminator_step
from cut.methods.spots import black_spots
from cut.networks.layers import initialise
from cut.networks.narrowing import narrowed
from cut.networks.patchgan import PatchDiscriminator
from cut.networks.resnet import ResnetGenerator
from cut.phases import phase
from cut.randomness import StepRandom


class Distill:
    """The networks of a distillation and the step that trains them.

    Args:
        settings: of the run.
        placement: where and in which precision to compute.

    Raises:
        CutError: no teacher is named, there is no such model, or it gives no start as `init` asks.
    """

    def __init__(self, settings: DistillSettings, placement: Placement):
        self.settings, self.placement = settings, placement
        if not settings.teacher:
            raise CutError("distill learns from another model: name it with --teacher")
        self.teacher = FrozenGenerator.named("teacher", settings.teacher, placement)
        generator = ResnetGenerator(
            settings.ngf, settings.blocks, settings.antialias, settings.antialias_up
        )
        generator.checkpointing = settings.checkpointing
        discriminator = PatchDiscriminator(
            settings.ndf, settings.discriminator_layers, settings.antialias
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            for network in (generator, discriminator):
                initialise(network, settings.drawn)
        betas = (settings.beta1, settings.beta2)
        rate, clip = settings.learning_rate, settings.clip_spikes
        self.generator = Optimised(generator, placement, rate, betas, settings.ema, clip)
        if settings.init == "teacher":
            self._begin_as_teacher()
        rate_D = rate * settings.discriminator_rate
        self.discriminator = Optimised(discriminator, placement, rate_D, betas, None, clip)
        self.gan_loss = GAN_LOSSES[settings.gan_loss]
        self.scaler = torch.amp.GradScaler(
            placement.device.type, enabled=placement.dtype == torch.float16
        )

    @property
    def parts(self) -> dict[str, Optimised]:
        """What learns, by the name it is saved under; the teacher does not."""
        return {"generator": self.generator, "discriminator": self.discriminator}

    def _begin_as_teacher(self) -> None:
        """Raises CutError if the teacher has no weights that fit."""
        teacher = self.teacher.generator
        if not isinstance(teacher, ResnetGenerator):
            raise CutError(
                f"setting init=teacher: {self.settings.teacher} has no ResNet generator to take "
                "channels from; choose init=normal"
            )
        try:
            self.generator.load_weights(narrowed(teacher, self.generator.network))
        except ValueError as error:
            raise CutError(
                f"setting init=teacher: {self.settings.teacher} gives no start: {error}; choose "
                "what it has, or init=normal"
            ) from error

    def step(
        self,
        A: Tensor,
        B: Tensor,
        choices: StepRandom,
        rate_factor: float = 1.0,
        guide: tuple[Tensor, ...] = (),
    ) -> Losses:
        """Train on one batch: the discriminator first, then the generator.

        Args:
            A: pictures of the kind that the teacher translates, B x 3 x H x W in [-1, 1].
            B, choices, guide: what other methods need; not looked at.
            rate_factor: what the schedule leaves of the learning rate.

        Returns:
            The losses before this step's update, as 0-d tensors: `distance` is
            lambda_teacher |G(A) - T(A)|, `G_GAN`, `D_real` and `D_fake` are as for CUT. Pictures
            with spots that nothing is learnt from are not shown to the discriminator; without
            others, the last two are missing.
        """
        A = self.placement.batch(A)
        with phase("teacher"):
            wanted = self.teacher(A)
        with phase("G forward"):
            output = self.generator.network(A)[0]
        spots, fake, real = None, output, wanted
        if radius := self.settings.spots:
            spots = black_spots(A.float(), wanted.float(), radius)
            clean = spots.flatten(1).amax(1) == 0
            fake, real = output[clean], wanted[clean]
        losses: Losses = {}
        if self.settings.lambda_gan > 0 and len(real):
            losses |= discriminator_step(
                self.discriminator, self.gan_loss, fake, real, rate_factor, self.scaler
            )
        losses |= self._generator_step(output, wanted, spots, rate_factor)
        self.scaler.update()
        return losses

    def _generator_step(
        self, output: Tensor, wanted: Tensor, spots: Tensor | None, rate_factor: float
    ) -> Losses:
        settings = self.settings
        self.discriminator.freeze(True)
        self.generator.zero_grad()
        losses: Losses = {}
        if settings.lambda_gan > 0:
            with phase("D for G"):
                verdict = self.discriminator.network(output).float()
                losses["G_GAN"] = settings.lambda_gan * self.gan_loss(verdict, True)
        distance = (output.float() - wanted.float()).abs()
        if spots is not None:
            distance = distance * (1 - spots)
        losses["distance"] = settings.lambda_teacher * distance.mean()
        losses["G"] = torch.stack(list(losses.values())).sum()
        with phase("G backward"):
            self.scaler.scale(losses["G"]).backward()
        self.generator.step(rate_factor, self.scaler)
        return {name: loss.detach() for name, loss in losses.items()}

    def translate(self, pictures: Tensor) -> Tensor:
        """Translate with the averaged weights, for previews: B x 3 x H x W in [-1, 1], float32."""
        with self.generator.averaged() as network, torch.inference_mode():
            return network(self.placement.batch(pictures))[0].float()

    def state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = {name: part.state_dict() for name, part in self.parts.items()}
        return state | {"scaler": self.scaler.state_dict(), "teacher": self.teacher.digest}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.teacher.check_same(state["teacher"])
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
        self.scaler.load_state_dict(state["scaler"])
