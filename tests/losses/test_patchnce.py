"""PatchNCE against a loop over patches, the published diagonal of -10 included."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cut.losses.patchnce import patchnce
from tests.published_flow import cross_entropy_of_patches


def unit_vectors(*shape: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(*shape, generator=generator, dtype=torch.float64), dim=-1)


@pytest.mark.parametrize("temperature", [0.07, 0.5])
@pytest.mark.parametrize("shape", [(1, 9, 5), (3, 16, 4), (2, 1, 3)])
def test_equals_the_loop(shape: tuple[int, ...], temperature: float) -> None:
    queries = unit_vectors(*shape, seed=0).requires_grad_()
    keys = unit_vectors(*shape, seed=1)
    ours = patchnce(queries, keys, temperature)
    theirs = cross_entropy_of_patches(queries, keys, temperature)
    assert ours.shape == shape[:2]
    tolerance = {"rtol": 1e-7, "atol": 1e-8}  # exp(-9 / 0.5) of the diagonal remains
    torch.testing.assert_close(ours, theirs, **tolerance)
    gradients = [torch.autograd.grad(loss.sum(), queries)[0] for loss in (ours, theirs)]
    torch.testing.assert_close(*gradients, **tolerance)


def test_no_gradient_reaches_the_keys() -> None:
    queries, keys = (unit_vectors(1, 4, 3, seed=s).requires_grad_() for s in (0, 1))
    patchnce(queries, keys).sum().backward()
    assert queries.grad is not None
    assert keys.grad is None


def test_negatives_are_of_the_own_picture_only() -> None:
    queries, keys = unit_vectors(2, 6, 4, seed=0), unit_vectors(2, 6, 4, seed=1)
    apart = [patchnce(q[None], k[None]) for q, k in zip(queries, keys, strict=True)]
    torch.testing.assert_close(patchnce(queries, keys), torch.cat(apart))


def test_by_hand() -> None:
    """Orthogonal patches that are all in place: log(1 + (N - 1) exp(-1 / temperature))."""
    corners = torch.eye(4, dtype=torch.float64)[None]
    expected = torch.log1p(3 * torch.exp(torch.tensor(-1 / 0.5, dtype=torch.float64)))
    torch.testing.assert_close(patchnce(corners, corners, 0.5), expected.expand(1, 4))
