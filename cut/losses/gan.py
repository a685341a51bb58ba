"""Adversarial losses (CUT, equation 1, and the variants the published code offers)."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


def lsgan(verdict: Tensor, real: bool) -> Tensor:
    """Least squares (Mao et al. 2017): the verdict's squared distance from 1 (real) or 0 (fake)."""
    return F.mse_loss(verdict, torch.full_like(verdict, float(real)))


def vanilla(verdict: Tensor, real: bool) -> Tensor:
    """Cross-entropy of the verdict as a logit: the paper's equation 1."""
    return F.binary_cross_entropy_with_logits(verdict, torch.full_like(verdict, float(real)))


def nonsaturating(verdict: Tensor, real: bool) -> Tensor:
    """Softplus of the logit (Goodfellow et al. 2014, as in StyleGAN2)."""
    return F.softplus(-verdict if real else verdict).mean()


GanLoss = Callable[[Tensor, bool], Tensor]
"""Of a map of verdicts, and whether they are to hold it for real; 0-d."""

GAN_LOSSES: dict[str, GanLoss] = {
    "lsgan": lsgan,
    "vanilla": vanilla,
    "nonsaturating": nonsaturating,
}
