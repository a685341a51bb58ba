"""R1, the gradient penalty on real pictures (Mescheder et al. 2018, as in StyleGAN2)."""

import torch
from torch import Tensor


def r1(pictures: Tensor, verdicts: Tensor) -> Tensor:
    """Half the squared length of a verdict's gradient by its picture, mean over the batch; 0-d.

    Args:
        pictures: B x 3 x H x W, requiring gradients.
        verdicts: the discriminator's logits of these pictures, B x 1.
    """
    (gradient,) = torch.autograd.grad(verdicts.sum(), pictures, create_graph=True)
    return 0.5 * gradient.float().square().flatten(1).sum(1).mean()
