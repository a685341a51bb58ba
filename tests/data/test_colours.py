"""The linear map between two pictures' colours."""

import torch

from cut.data.colours import Recolouring


def picture(seed: int, mean: tuple[int, int, int], spread: float) -> torch.Tensor:
    """3 x 40 x 50 bytes with colours that vary together."""
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn(3, 3, generator=generator) @ torch.randn(3, 2000, generator=generator)
    levels = torch.tensor(mean)[:, None] + spread * mixed
    return levels.clamp(0, 255).round().byte().reshape(3, 40, 50)


def as_batch(levels: torch.Tensor) -> torch.Tensor:
    return levels[None].float() / 127.5 - 1


def test_the_recoloured_source_has_the_targets_mean_and_covariance() -> None:
    source, target = picture(1, (140, 110, 90), 8), picture(2, (90, 130, 150), 12)
    moved = Recolouring.between(source, target)(as_batch(source))[0].flatten(1)
    wanted = as_batch(target)[0].flatten(1)
    torch.testing.assert_close(moved.mean(1), wanted.mean(1), atol=2e-3, rtol=0)
    torch.testing.assert_close(torch.cov(moved), torch.cov(wanted), atol=2e-3, rtol=0.02)


def test_a_picture_stays_in_its_own_colours() -> None:
    source = picture(3, (120, 120, 120), 10)
    moved = Recolouring.between(source, source)(as_batch(source))
    torch.testing.assert_close(moved, as_batch(source), atol=1e-4, rtol=0)


def test_the_map_moves_colours_as_little_as_it_can() -> None:
    """Which a symmetric positive matrix does: no turn of the colours would do."""
    matrix = Recolouring.between(
        picture(1, (140, 110, 90), 8), picture(2, (90, 130, 150), 12)
    ).matrix
    torch.testing.assert_close(matrix, matrix.T)
    assert torch.linalg.eigvalsh(matrix.double()).min() > 0


def test_one_flat_colour_is_brought_to_the_targets_mean() -> None:
    flat = torch.full((3, 40, 50), 77, dtype=torch.uint8)
    target = picture(2, (90, 130, 150), 12)
    moved = Recolouring.between(flat, target)(as_batch(flat))
    torch.testing.assert_close(
        moved.mean((0, 2, 3)), as_batch(target).mean((0, 2, 3)), atol=2e-3, rtol=0
    )
