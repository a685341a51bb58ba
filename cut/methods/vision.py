"""What trains the second discriminator, and what it asks of a generator (`cut.networks.vision`)."""

from dataclasses import replace

import torch
from torch import Tensor

from cut.config import CutSettings
from cut.device import Placement
from cut.losses.gan import GAN_LOSSES
from cut.methods.optimised import Optimised
from cut.networks.vision import VisionFeatures, VisionHeads
from cut.phases import phase


class VisionDiscriminator:
    """Heads that learn on the features of a network that does not.

    Args:
        settings: of the run.
        placement: where to compute, and in which precision the features are; the heads, next to
            no work, always compute in float32.

    Raises CutError where the packages with the network are not installed.
    """

    def __init__(self, settings: CutSettings, placement: Placement):
        self.features = placement.network(VisionFeatures())
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            heads = VisionHeads()
        rate = settings.learning_rate * settings.discriminator_rate
        betas = (settings.beta1, settings.beta2)
        in_full = replace(placement, dtype=torch.float32)
        self.heads = Optimised(heads, in_full, rate, betas, None, settings.clip_spikes)
        self.gan_loss = GAN_LOSSES[settings.gan_loss]

    def step(
        self, fake: Tensor, real: Tensor, rate_factor: float, scaler: torch.amp.GradScaler
    ) -> dict[str, Tensor]:
        """Train the heads to tell `fake` from `real`, each B x 3 x H x W in [-1, 1].

        Returns their losses before this update, 0-d.
        """
        self.heads.freeze(False)
        self.heads.zero_grad()
        with phase("vision"):
            with torch.no_grad():
                scales = self.features(torch.cat([fake, real]))
            sizes = [len(fake), len(real)]
            on_fake, on_real = zip(*(v.split(sizes) for v in self._verdicts(scales)), strict=True)
            loss_fake, loss_real = self._loss(on_fake, False), self._loss(on_real, True)
            scaler.scale(0.5 * (loss_fake + loss_real)).backward()
        self.heads.step(rate_factor, scaler)
        return {"V_real": loss_real.detach(), "V_fake": loss_fake.detach()}

    def loss(self, fake: Tensor) -> Tensor:
        """What keeps `fake` from being held for real: the mean over scales; 0-d."""
        self.heads.freeze(True)
        with phase("vision"):
            return self._loss(self._verdicts(self.features(fake)), True)

    def _verdicts(self, scales: list[Tensor]) -> list[Tensor]:
        return self.heads.network([maps.float() for maps in scales])

    def _loss(self, verdicts: list[Tensor] | tuple[Tensor, ...], real: bool) -> Tensor:
        return torch.stack([self.gan_loss(verdict, real) for verdict in verdicts]).mean()
