"""Single-image CUT: what one training step computes (Park et al. 2020, section 4.4).

Trained on two pictures alone: crops of the source, zoomed at random, become crops of the target.
Each crop gives one patch a layer, and the other crops' patches are its negatives. The networks are
StyleGAN2's; R1 steadies the discriminator, and an L1 term keeps target crops as they are.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from cut.config import SinCutSettings
from cut.device import Placement
from cut.losses.colour import colour_distance
from cut.losses.gan import GAN_LOSSES
from cut.losses.r1 import r1
from cut.losses.texture import TextureDistance
from cut.methods.contrast import contrast
from cut.methods.cut import Losses
from cut.methods.optimised import Optimised
from cut.methods.starts import SINGLE_IMAGE, load_start
from cut.networks.generators import head_channels
from cut.networks.layers import initialise, pad_sides
from cut.networks.patch_heads import PatchHeads, sample_places
from cut.networks.stylegan2 import StyleGAN2Discriminator, StyleGAN2Generator

RECOLOUR = 10.0
"""Weight of the L1 terms as long as the generator learns to recolour."""


class Choices(Protocol):
    """The random choices of a step: `cut.randomness.StepRandom`, or a recorded run."""

    def places(self, term: str, i: int, total: int, count: int) -> Tensor: ...
    def noise(self, *shape: int) -> Tensor: ...


class SinCut:
    """The networks of a single-image run and the step that trains them.

    Args:
        settings: of the run.
        placement: where and in which precision to compute; the patch heads always in float32.
    """

    def __init__(self, settings: SinCutSettings, placement: Placement):
        self.settings, self.placement = settings, placement
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            generator = StyleGAN2Generator(settings.channels, settings.blocks)
            discriminator = StyleGAN2Discriminator(settings.discriminator_channels)
            heads = PatchHeads(head_channels(generator, settings.layers), settings.embedding)
            initialise(heads)
        if settings.init == "reproducing":
            load_start(SINGLE_IMAGE, generator=generator, patch_heads=heads)
        betas = (settings.beta1, settings.beta2)
        rate, ema, clip = settings.learning_rate, settings.ema, settings.clip_spikes
        in_full = Placement(placement.device)
        self.generator = Optimised(generator, placement, rate, betas, ema, clip)
        self.patch_heads = Optimised(heads, in_full, rate, betas, ema, clip)
        rate_D = rate * settings.discriminator_rate
        self.discriminator = Optimised(discriminator, placement, rate_D, betas, None, clip)
        self.texture = TextureDistance(settings.seed)
        self.gan_loss = GAN_LOSSES[settings.gan_loss]
        self.scaler = torch.amp.GradScaler(
            placement.device.type, enabled=placement.dtype == torch.float16
        )
        self.last_output: Tensor | None = None

    @property
    def parts(self) -> dict[str, Optimised]:
        """What learns, by the name it is saved under."""
        return {
            "generator": self.generator,
            "patch_heads": self.patch_heads,
            "discriminator": self.discriminator,
        }

    def step(
        self,
        A: Tensor,
        B: Tensor,
        choices: Choices,
        rate_factor: float = 1.0,
        guide: tuple[Tensor, ...] = (),
    ) -> Losses:
        """Train on one batch: the discriminator first, then generator and patch heads.

        Args:
            A, B: crops of the source and of the target, B x 3 x S x S in [-1, 1].
            choices: the step's random choices.
            rate_factor: what the schedule leaves of the learning rate.
            guide: nothing, or A in B's colours, B x 3 x S x S in [-1, 1].

        Returns:
            The losses by their published names, before this step's update, as 0-d tensors.
        """
        A, B = self.placement.batch(A), self.placement.batch(B)
        crops = torch.cat([A, B])
        noise = choices.noise(len(crops), 1, *crops.shape[2:])
        # The keys are features that this pass computes anyway.
        output, features = self.generator.network(crops, self.settings.layers, noise)
        keys = [feature.detach() for feature in features]
        self.last_output = output[: len(A)].detach()
        if self.settings.lambda_texture > 0:
            self.texture.see(B)
        losses = self._discriminator_step(self.last_output, B, rate_factor)
        wanted = guide[0].to(output.device) if guide else None
        losses |= self._generator_step(output, keys, B, wanted, choices, rate_factor)
        self.scaler.update()
        return losses

    def _discriminator_step(self, fake: Tensor, real: Tensor, rate_factor: float) -> Losses:
        D = self.discriminator
        D.freeze(False)
        D.zero_grad()
        real = real.detach().requires_grad_()
        # Apart, since the penalty's gradient of a gradient would run through both.
        on_fake, on_real = D.network(fake).float(), D.network(real).float()
        loss_fake, loss_real = self.gan_loss(on_fake, False), self.gan_loss(on_real, True)
        penalty = self.settings.lambda_r1 * r1(real, on_real)
        self.scaler.scale(0.5 * (loss_fake + loss_real) + penalty).backward()
        D.step(rate_factor, self.scaler)
        losses = {"D_real": loss_real, "D_fake": loss_fake, "D_R1": penalty}
        return {name: loss.detach() for name, loss in losses.items()}

    def _generator_step(
        self,
        output: Tensor,
        keys: list[Tensor],
        B: Tensor,
        wanted: Tensor | None,
        choices: Choices,
        rate_factor: float,
    ) -> Losses:
        settings = self.settings
        self.discriminator.freeze(True)
        self.generator.zero_grad()
        self.patch_heads.zero_grad()
        fake, same = output.split(len(B))
        keys_A, keys_B = zip(*(key.split(len(B)) for key in keys), strict=True)
        identity = settings.lambda_identity * F.l1_loss(same.float(), B.float())
        losses: Losses = {}
        if self.generator.updates < settings.colour_steps and wanted is not None:
            losses["colour"] = RECOLOUR * F.l1_loss(fake.float(), wanted)
            identity = identity * RECOLOUR
        else:
            verdict = self.discriminator.network(fake).float()
            losses["G_GAN"] = settings.lambda_gan * self.gan_loss(verdict, True)
            if settings.lambda_colour and wanted is not None:
                losses["colour"] = settings.lambda_colour * colour_distance(fake.float(), wanted)
            if settings.lambda_texture > 0 and self.texture.ready:
                distance = self.texture(fake.float(), self.generator.updates)
                losses["texture"] = settings.lambda_texture * distance
        losses |= {
            "NCE": self._nce(fake, keys_A, "X", choices),
            "NCE_Y": self._nce(same, keys_B, "Y", choices),
            "idt": identity,
        }
        halved = 0.5 * (losses["NCE"] + losses["NCE_Y"])
        losses["G"] = halved + sum(v for k, v in losses.items() if not k.startswith("NCE"))
        self.scaler.scale(losses["G"]).backward()
        self.generator.step(rate_factor, self.scaler)
        self.patch_heads.step(rate_factor, self.scaler)
        return {name: loss.detach() for name, loss in losses.items()}

    def _nce(self, output: Tensor, keys: Sequence[Tensor], term: str, choices: Choices) -> Tensor:
        """lambda times PatchNCE with the negatives of all crops; 0-d."""
        settings = self.settings
        places = [
            choices.places(term, i, key.shape[2] * key.shape[3], settings.patches).to(key.device)
            for i, key in enumerate(keys)
        ]
        loss = contrast(
            self.patch_heads.network,
            self._queries(output, places),
            [sample_places(*pair) for pair in zip(keys, places, strict=True)],
            settings.temperature,
            across_batch=True,
        )
        return settings.lambda_nce * loss

    def _queries(self, output: Tensor, places: Sequence[Tensor]) -> list[Tensor]:
        """The output's features of each layer at its places, B x N x C."""
        network, layers = self.generator.network, self.settings.layers
        if self.settings.patches == 1:
            # One place sees a sixth of a crop at most; to encode the rest would take a fifth of
            # the whole step.
            return [
                network.encode_at(output, layer, int(place))[:, None]
                for layer, place in zip(layers, places, strict=True)
            ]
        return [
            sample_places(*pair)
            for pair in zip(network.encode(output, layers), places, strict=True)
        ]

    def translate(self, pictures: Tensor) -> Tensor:
        """Translate with the averaged weights, for previews: B x 3 x H x W in [-1, 1], float32."""
        height, width = pictures.shape[2:]
        padded = pad_sides(self.placement.batch(pictures))
        with self.generator.averaged() as network, torch.inference_mode():
            return network(padded)[0][:, :, :height, :width].float()

    def state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = {name: part.state_dict() for name, part in self.parts.items()}
        if self.settings.lambda_texture > 0:
            state["texture"] = self.texture.state_dict()
        return state | {"scaler": self.scaler.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
        if self.settings.lambda_texture > 0:
            self.texture.load_state_dict(state["texture"])
        self.scaler.load_state_dict(state["scaler"])
