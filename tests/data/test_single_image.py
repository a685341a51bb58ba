"""Crops of two pictures: resampled as Pillow would, drawn as the published loader means to."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from cut.data.single_image import SingleImage, resample
from cut.errors import CutError
from tests.helpers import make_picture

SIZE = 16


def ramp(width: int, height: int) -> Image.Image:
    """Red tells the column, green the row: a pixel's colour is its place."""
    red = np.broadcast_to(np.arange(width, dtype=np.uint8), (height, width))
    green = np.broadcast_to(np.arange(height, dtype=np.uint8)[:, None], (height, width))
    return Image.fromarray(np.stack([red, green, red * 0], 2))


@pytest.fixture
def data(tmp_path: Path) -> SingleImage:
    ramp(200, 150).save(tmp_path / "painting.png")
    ramp(120, 180).save(tmp_path / "photo.png")
    files = tmp_path / "painting.png", tmp_path / "photo.png"
    return SingleImage(*files, crop_size=SIZE, batch_size=8, seed=3)


def levels(crops: Tensor) -> Tensor:
    """From [-1, 1] back to 0..255."""
    return (crops + 1) * 127.5


@pytest.mark.parametrize("sides", [(50, 67), (97, 131), (150, 200), (230, 300)])
def test_resampled_as_pillow_does(sides: tuple[int, int]) -> None:
    picture = make_picture(200, 150, seed=1)
    height, width = sides
    whole = np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))
    source = torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1)
    for top, left in ((0, 0), (height - SIZE, width - SIZE), (11, 23)):
        rows = top + torch.arange(SIZE)[None]
        columns = left + torch.arange(SIZE)[None]
        mine = resample(source, [height, width], rows, columns)[0]
        theirs = whole[top : top + SIZE, left : left + SIZE].transpose(2, 0, 1)
        # Pillow rounds to whole levels twice, once in each direction.
        assert np.abs(mine.numpy() - theirs).max() <= 1.01
        backwards = resample(source, [height, width], rows, columns.flip(1))[0]
        torch.testing.assert_close(backwards, mine.flip(2))


def test_the_same_seed_and_step_give_the_same_crops(data: SingleImage) -> None:
    again = SingleImage(data.source, data.target, crop_size=SIZE, batch_size=8, seed=3)
    other = SingleImage(data.source, data.target, crop_size=SIZE, batch_size=8, seed=4)
    later = again.batch(7)
    assert torch.equal(data.batch(7).A, later.A)
    assert torch.equal(data.batch(7).B, later.B)
    assert not torch.equal(data.batch(8).A, later.A)
    assert not torch.equal(other.batch(7).A, later.A)


def test_one_zoom_a_batch_and_side_between_the_bounds(data: SingleImage) -> None:
    seen = []
    for k in range(30):
        for crops in (data.batch(k).A, data.batch(k).B):
            assert crops.shape == (8, 3, SIZE, SIZE)
            inner = levels(crops)[:, :, 3:-3, 3:-3]
            # Pixels of the picture that one pixel of the crop spans: 1 / zoom.
            across = (inner[:, 0, :, -1] - inner[:, 0, :, 0]).abs().mean(1) / (SIZE - 7)
            down = (inner[:, 1, -1] - inner[:, 1, 0]).abs().mean(1) / (SIZE - 7)
            for steps in (across, down):
                assert steps.max() - steps.min() < 0.08
                seen.append(steps.mean().item())
    assert min(seen) >= 0.99
    assert max(seen) <= 3.05
    assert np.quantile(seen, 0.1) < 1.3
    assert np.quantile(seen, 0.9) > 2.2


def test_no_place_twice_in_a_batch_while_others_are_free(tmp_path: Path) -> None:
    """The other crops' patches are negatives: one of the same place would be a false one."""
    for name in ("a.png", "b.png"):
        ramp(4 * SIZE, 3 * SIZE).save(tmp_path / name)
    files = tmp_path / "a.png", tmp_path / "b.png"
    data = SingleImage(*files, crop_size=SIZE, batch_size=18, zoom=1)
    for k in range(10):
        corners = levels(data.batch(k).A)[:, :2].amin((2, 3)).round().int().tolist()
        assert all(column % SIZE == row % SIZE == 0 for column, row in corners)
        assert len({tuple(corner) for corner in corners[:12]}) == 12
        assert corners[12:] == corners[:6]


def test_half_are_mirrored(data: SingleImage) -> None:
    mirrored = [
        (crop[0, :, 0] > crop[0, :, -1]).all().item() for k in range(25) for crop in data.batch(k).A
    ]
    assert 70 <= sum(mirrored) <= 130


def test_fewer_places_than_crops(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        make_picture(SIZE, SIZE).save(tmp_path / name)
    files = tmp_path / "a.png", tmp_path / "b.png"
    data = SingleImage(*files, crop_size=SIZE, batch_size=8)
    A = data.batch(0).A
    whole = data.whole_source()[0]
    for crop in A:
        assert torch.allclose(crop, whole, atol=1e-5) or torch.allclose(
            crop, whole.flip(2), atol=1e-5
        )


def test_a_picture_smaller_than_a_crop_is_refused(tmp_path: Path) -> None:
    make_picture(64, 64).save(tmp_path / "large.png")
    make_picture(90, 40).save(tmp_path / "small.png")
    with pytest.raises(CutError, match=r"small\.png is 90 x 40 px: .* at least 64 px"):
        SingleImage(tmp_path / "large.png", tmp_path / "small.png")
    with pytest.raises(CutError, match=r"missing\.png"):
        SingleImage(tmp_path / "missing.png", tmp_path / "large.png")


def test_the_whole_source_is_the_picture(data: SingleImage) -> None:
    whole = levels(data.whole_source())[0].round().byte()
    assert np.array_equal(whole.permute(1, 2, 0).numpy(), np.asarray(ramp(200, 150)))


def test_the_guide_is_the_source_in_the_targets_colours(data: SingleImage) -> None:
    guided = SingleImage(
        data.source, data.target, crop_size=SIZE, batch_size=8, seed=3, recolour=True
    )
    assert data.batch(0).guide == ()
    sample = guided.batch(0)
    assert torch.equal(sample.A, data.batch(0).A)
    assert guided.colours is not None
    torch.testing.assert_close(sample.guide[0], guided.colours(sample.A))


def test_larger_pictures_are_scaled_down_and_smaller_ones_kept(data: SingleImage) -> None:
    scaled = SingleImage(data.source, data.target, crop_size=SIZE, load_size=125)
    assert min(scaled.A.shape[1:]) == 125
    assert scaled.B.shape == data.B.shape
