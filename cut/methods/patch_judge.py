"""What trains a PatchGAN discriminator, for the methods that have one such network."""

import torch
from torch import Tensor

from cut.losses.gan import GanLoss
from cut.methods.optimised import Optimised
from cut.networks.patchgan import PatchDiscriminator
from cut.phases import phase


def discriminator_step(
    D: Optimised[PatchDiscriminator],
    gan_loss: GanLoss,
    fake: Tensor,
    real: Tensor,
    rate_factor: float,
    scaler: torch.amp.GradScaler,
) -> dict[str, Tensor]:
    """Train D to tell `fake` from `real`, each B x 3 x H x W in [-1, 1].

    Returns its losses before this update, 0-d, by their published names.
    """
    D.freeze(False)
    D.zero_grad()
    # Instance norm looks at one picture at a time, so real and fake may share a pass.
    with phase("D forward"):
        verdicts = D.network(torch.cat([fake.detach(), real])).float()
        on_fake, on_real = verdicts.split([len(fake), len(real)])
        loss_fake, loss_real = gan_loss(on_fake, False), gan_loss(on_real, True)
    with phase("D backward"):
        scaler.scale(0.5 * (loss_fake + loss_real)).backward()
    D.step(rate_factor, scaler)
    return {"D_real": loss_real.detach(), "D_fake": loss_fake.detach()}
