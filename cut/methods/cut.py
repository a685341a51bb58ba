"""CUT and FastCUT: what one training step computes (Park et al. 2020, section 3).

Both ask that an output look like the target set (an adversarial loss) while each of its patches
stays closer to the input's patch at its place than to the input's other patches (PatchNCE). CUT
adds PatchNCE between a target picture and its own translation, the identity term; FastCUT leaves
it out, weighs PatchNCE tenfold and mirrors its inputs half of the time.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from cut.config import CutSettings
from cut.device import Placement
from cut.losses.colour import colour_distance, finer
from cut.losses.gan import GAN_LOSSES
from cut.losses.texture import TextureDistance
from cut.methods.contrast import contrast
from cut.methods.frozen import FrozenGenerator
from cut.methods.optimised import Optimised
from cut.methods.patch_judge import discriminator_step
from cut.methods.starts import COMPACT, load_start
from cut.methods.vision import VisionDiscriminator
from cut.networks.generators import head_channels
from cut.networks.layers import initialise
from cut.networks.patch_heads import PatchHeads, sample_places
from cut.networks.patchgan import PatchDiscriminator
from cut.networks.resnet import ResnetGenerator
from cut.phases import phase

Losses = dict[str, Tensor]

TEXTURE_PICTURES = 256
"""Of the target set, from which its texture is learnt: it takes many to have the set's colours."""

TEXTURE_WINDOW = 50
"""Translations that make up most of what is held against it."""


class Choices(Protocol):
    """The random choices of a step: `cut.randomness.StepRandom`, or a recorded run."""

    def places(self, term: str, i: int, total: int, count: int) -> Tensor: ...
    def flip(self) -> bool: ...


class Cut:
    """The networks of a CUT or FastCUT run and the step that trains them.

    Args:
        settings: of the run.
        placement: where and in which precision to compute; the patch heads, a five-hundredth of
            the work, always compute in float32.
    """

    def __init__(self, settings: CutSettings, placement: Placement):
        self.settings, self.placement = settings, placement
        generator = ResnetGenerator(
            settings.ngf, settings.blocks, settings.antialias, settings.antialias_up
        )
        generator.checkpointing = settings.checkpointing
        discriminator = PatchDiscriminator(
            settings.ndf, settings.discriminator_layers, settings.antialias
        )
        heads = PatchHeads(head_channels(generator, settings.layers), settings.embedding)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            for network in (generator, discriminator, heads):
                initialise(network, settings.drawn)
        if settings.reproducing:
            load_start(COMPACT, generator=generator, patch_heads=heads)
        betas = (settings.beta1, settings.beta2)
        rate, ema, clip = settings.learning_rate, settings.ema, settings.clip_spikes
        in_full = replace(placement, dtype=torch.float32)
        self.generator = Optimised(generator, placement, rate, betas, ema, clip)
        self.patch_heads = Optimised(heads, in_full, rate, betas, ema, clip)
        rate_D = rate * settings.discriminator_rate
        self.discriminator = Optimised(discriminator, placement, rate_D, betas, None, clip)
        self.vision = VisionDiscriminator(settings, placement) if settings.lambda_vision else None
        self.way_back = (
            FrozenGenerator.named("way_back", settings.way_back, placement)
            if settings.lambda_cycle
            else None
        )
        batches, window = (-(-n // settings.batch_size) for n in (TEXTURE_PICTURES, TEXTURE_WINDOW))
        self.texture = TextureDistance(settings.seed, batches, window)
        self.gan_loss = GAN_LOSSES[settings.gan_loss]
        self.scaler = torch.amp.GradScaler(
            placement.device.type, enabled=placement.dtype == torch.float16
        )
        self.last_output: Tensor | None = None

    @property
    def parts(self) -> dict[str, Optimised]:
        """What learns, by the name it is saved under."""
        parts: dict[str, Optimised] = {
            "generator": self.generator,
            "patch_heads": self.patch_heads,
            "discriminator": self.discriminator,
        }
        return parts | ({"vision_heads": self.vision.heads} if self.vision else {})

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
            A, B: source and target pictures, B x 3 x H x W in [-1, 1].
            choices: the step's random choices.
            rate_factor: what the schedule leaves of the learning rate.
            guide: nothing, or masks of A and of B, B x 1 x H x W in [0, 1]: where the objects
                are. The discriminator sees the objects on grey (the one on a vision network's
                features, which tells objects from what is around them, all), and the rest of A
                is to stay as it is. Not in the paper.

        Returns:
            The losses by their published names, before this step's update, as 0-d tensors.
        """
        A, B = self.placement.batch(A), self.placement.batch(B)
        flipped = self.settings.flip_equivariance and choices.flip()
        output, keys = self._translate(A, B, flipped)
        fake = output[: len(A)]
        self.last_output, whole_B = fake.detach(), B
        shown = A.flip(3) if flipped else A
        staying: Losses = {}
        if self.settings.lambda_colour > 0:
            distance = colour_distance(fake.float(), shown.float())
            staying["colour_kept"] = self.settings.lambda_colour * distance
        if self.way_back:
            staying["cycle"] = self._cycle(B, self.way_back)
        if guide:
            inside_A, inside_B = map(self.placement.batch, guide)
            if flipped:
                inside_A = inside_A.flip(3)
            staying |= self._background(fake, shown, inside_A)
            fake, B = fake * inside_A, B * inside_B
        if self.settings.lambda_texture > 0:
            with phase("texture"):
                self.texture.see(B)
        losses = discriminator_step(
            self.discriminator, self.gan_loss, fake, B, rate_factor, self.scaler
        )
        if self.vision:
            losses |= self.vision.step(self.last_output, whole_B, rate_factor, self.scaler)
        losses |= self._generator_step(output, fake, keys, staying, flipped, choices, rate_factor)
        self.scaler.update()
        return losses

    def _translate(self, A: Tensor, B: Tensor, flipped: bool) -> tuple[Tensor, list[Tensor]]:
        """G of A, and of B with the identity term, with the keys' features of both, detached.

        The keys are the features that this forward pass computes anyway. A mirrored input is the
        exception: a convolution's features of it are not the mirrored features of the input as it
        was, which the published loss compares with, so those are encoded apart.
        """
        layers = self.settings.layers
        inputs = torch.cat([A, B]) if self.settings.identity else A
        with phase("G forward"):
            output, features = self.generator.network(inputs.flip(3) if flipped else inputs, layers)
        if flipped:
            with phase("keys of the input as it was"), torch.no_grad():
                features = self.generator.network.encode(inputs, layers)
        return output, [feature.detach() for feature in features]

    def _cycle(self, B: Tensor, way_back: FrozenGenerator) -> Tensor:
        """lambda times the L1 between B and what it is after going to A and coming back; 0-d."""
        with phase("way back"):
            there = way_back(B)
        with phase("G forward"):
            again = self.generator.network(there)[0]
        return self.settings.lambda_cycle * F.l1_loss(again.float(), B.float())

    def _background(self, fake: Tensor, source: Tensor, inside: Tensor) -> Losses:
        """lambda times what changed outside the masks, the mean over the whole picture; 0-d."""
        settings, outside = self.settings, 1 - inside
        change = (fake - source).float()
        losses = {"background": settings.lambda_background * (change.abs() * outside).mean()}
        if settings.lambda_background_texture > 0:
            fine = finer(change, outside.float()).abs().mean()
            losses["background_texture"] = settings.lambda_background_texture * fine
        return losses

    def _generator_step(
        self,
        output: Tensor,
        fake: Tensor,
        keys: list[Tensor],
        staying: Losses,
        flipped: bool,
        choices: Choices,
        rate_factor: float,
    ) -> Losses:
        settings = self.settings
        self.discriminator.freeze(True)
        self.generator.zero_grad()
        self.patch_heads.zero_grad()
        losses: Losses = {}
        total = torch.zeros((), device=output.device)
        if settings.lambda_gan > 0:
            with phase("D for G"):
                verdict = self.discriminator.network(fake).float()
                losses["G_GAN"] = settings.lambda_gan * self.gan_loss(verdict, True)
            total = total + losses["G_GAN"]
        if self.vision:
            losses["G_vision"] = settings.lambda_vision * self.vision.loss(output[: len(fake)])
            total = total + losses["G_vision"]
        if settings.lambda_nce > 0:
            terms = self._nce_terms(output, keys, len(fake), flipped, choices)
            losses |= terms
            total = total + sum(terms.values()) / len(terms)
        if settings.lambda_texture > 0 and self.texture.ready:
            with phase("texture"):
                distance = self.texture(fake.float(), self.generator.updates)
            losses["texture"] = settings.lambda_texture * distance
            total = total + losses["texture"]
        losses |= staying
        losses["G"] = total + sum(staying.values())
        with phase("G and F backward"):
            self.scaler.scale(losses["G"]).backward()
        self.generator.step(rate_factor, self.scaler)
        if settings.lambda_nce > 0:
            self.patch_heads.step(rate_factor, self.scaler)
        return {name: loss.detach() for name, loss in losses.items()}

    def _nce_terms(
        self,
        output: Tensor,
        keys: list[Tensor],
        sources: int,
        flipped: bool,
        choices: Choices,
    ) -> Losses:
        """PatchNCE of the source pictures (NCE) and of the target pictures (NCE_Y, identity)."""
        with phase("queries"):
            queries = self.generator.network.encode(output, self.settings.layers)
        if flipped:
            queries = [query.flip(3) for query in queries]
        losses: Losses = {}
        by_term = (zip(*(f.split(sources) for f in side), strict=True) for side in (queries, keys))
        for (name, term), q, k in zip((("NCE", "X"), ("NCE_Y", "Y")), *by_term, strict=False):
            with phase("F and PatchNCE"):
                losses[name] = self._nce(q, k, term, choices)
        return losses

    def _nce(
        self,
        queries: Sequence[Tensor],
        keys: Sequence[Tensor],
        term: str,
        choices: Choices,
    ) -> Tensor:
        """lambda times the mean of PatchNCE over patches and layers (equation 3); 0-d."""
        settings = self.settings
        sampled_queries, sampled_keys = [], []
        for i, (query, key) in enumerate(zip(queries, keys, strict=True)):
            places = choices.places(term, i, query.shape[2] * query.shape[3], settings.patches)
            places = places.to(query.device)
            sampled_queries.append(sample_places(query, places))
            sampled_keys.append(sample_places(key, places))
        heads, temperature = self.patch_heads.network, settings.temperature
        return settings.lambda_nce * contrast(heads, sampled_queries, sampled_keys, temperature)

    def translate(self, pictures: Tensor) -> Tensor:
        """Translate with the averaged weights, for previews: B x 3 x H x W in [-1, 1], float32."""
        with self.generator.averaged() as network, torch.inference_mode():
            return network(self.placement.batch(pictures))[0].float()

    def state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = {name: part.state_dict() for name, part in self.parts.items()}
        if self.settings.lambda_texture > 0:
            state["texture"] = self.texture.state_dict()
        if self.way_back:
            state["way_back"] = self.way_back.digest
        return state | {"scaler": self.scaler.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if self.way_back and "way_back" in state:  # a run may begin to learn from it midway
            self.way_back.check_same(state["way_back"])
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
        if self.settings.lambda_texture > 0:
            self.texture.load_state_dict(state["texture"])
        self.scaler.load_state_dict(state["scaler"])
