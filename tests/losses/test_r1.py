"""R1 against a discriminator whose gradient is known."""

import torch

from cut.losses.r1 import r1


def test_half_the_squared_gradient_of_each_picture() -> None:
    torch.manual_seed(0)
    pictures = torch.rand(5, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    weight = torch.rand(3, 4, 4, dtype=torch.float64, requires_grad=True)
    # The gradient of sum(w x^2 / 2) by x is w x; the other pictures do not enter.
    verdicts = (weight * pictures.square() / 2).flatten(1).sum(1, keepdim=True)
    penalty = r1(pictures, verdicts)
    expected = 0.5 * (weight * pictures).square().sum() / 5
    torch.testing.assert_close(penalty, expected.float())
    (by_weight,) = torch.autograd.grad(penalty, weight)
    right = weight * pictures.square().sum(0) / 5
    torch.testing.assert_close(by_weight, right, rtol=1e-6, atol=0)
