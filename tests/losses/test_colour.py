"""Colours and textures of pictures where both are known."""

import torch

from cut.losses.colour import colour_distance, finer


def test_colours_count() -> None:
    a = torch.zeros(2, 3, 32, 48)
    b = torch.full_like(a, 0.5)
    b[1, 0] = -1.0
    torch.testing.assert_close(colour_distance(a, b), torch.tensor((5 * 0.5 + 1.0) / 6))


def test_texture_does_not() -> None:
    fine = torch.ones(1, 3, 32, 32)
    fine[..., ::2] = -1.0
    assert colour_distance(fine, torch.zeros_like(fine)) == 0


def test_pictures_smaller_than_a_square() -> None:
    assert colour_distance(torch.ones(1, 3, 8, 20), torch.zeros(1, 3, 8, 20)) == 1


def test_a_rim_narrower_than_a_square_counts() -> None:
    b = torch.zeros(1, 3, 36, 32)
    b[:, :, 32:] = 3.0
    torch.testing.assert_close(colour_distance(torch.zeros_like(b), b), torch.tensor(1.0))


def test_what_is_finer_has_no_colour() -> None:
    striped, everywhere = torch.full((1, 3, 20, 40), 0.25), torch.ones(1, 1, 20, 40)
    assert finer(striped, everywhere).abs().max() < 1e-6  # up to the edges
    striped[..., ::2] += 0.5
    rest = finer(striped, everywhere)
    assert rest.shape == striped.shape
    torch.testing.assert_close(rest[..., ::2].mean(), torch.tensor(0.25), rtol=0, atol=0.02)
    torch.testing.assert_close(rest[..., 1::2].mean(), torch.tensor(-0.25), rtol=0, atol=0.02)


def test_what_is_beside_the_places_asked_for_does_not_count() -> None:
    x = torch.zeros(1, 3, 32, 64, requires_grad=True)
    with torch.no_grad():
        x[..., :32] = 1.0
    for side in (slice(0, 32), slice(32, 64)):
        where = torch.zeros(1, 1, 32, 64)
        where[..., side] = 1.0
        fine = finer(x, where)
        assert fine.abs().max() < 1e-6
        (gradient,) = torch.autograd.grad(fine.square().sum(), x)
        assert gradient.abs().max() < 1e-6
