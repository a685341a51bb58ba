"""Masks beside training pictures: cut and mirrored with them, and crops that show an object."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from cut.data.folders import LEAST_OF_OBJECT, UnpairedFolders, collate
from cut.errors import CutError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Pictures whose object, the mask's very shape, is white on black, at the left of each."""
    for side in "AB":
        for kind in ("train", "masks"):
            (tmp_path / f"{kind}{side}").mkdir()
        for number in range(3):
            picture = Image.new("L", (64, 64))
            picture.paste(255, (0, 16, 20, 48))
            picture.convert("RGB").save(tmp_path / f"train{side}" / f"{number}.png")
            picture.save(tmp_path / f"masks{side}" / f"{number}.png")
    return tmp_path


def test_a_mask_is_cut_and_mirrored_with_its_picture(root: Path) -> None:
    data = UnpairedFolders(root, load_size=64, crop_size=32, masked=True)
    mirrored = 0
    for k in range(20):
        sample = data[k]
        assert len(sample.guide) == 2
        for picture, mask in zip((sample.A, sample.B), sample.guide, strict=True):
            assert mask.shape == (1, 32, 32)
            assert mask.mean() >= LEAST_OF_OBJECT
            torch.testing.assert_close((picture[:1] + 1) / 2, mask)
            mirrored += int(mask[..., -1].any() and not mask[..., 0].any())
    assert 0 < mirrored < 40


def test_batches_hold_masks_where_there_are_some(root: Path) -> None:
    masked = UnpairedFolders(root, 64, 32, masked=True)
    masks = collate([masked[0], masked[1]]).guide
    assert len(masks) == 2
    assert [mask.shape for mask in masks] == [(2, 1, 32, 32)] * 2
    plain = UnpairedFolders(root, 64, 32)
    assert collate([plain[0], plain[1]]).guide == ()


def test_pictures_without_a_mask_are_left_out(root: Path) -> None:
    (root / "masksA" / "1.png").unlink()
    data = UnpairedFolders(root, 64, 32, masked=True)
    assert [path.stem for path in data.sources] == ["0", "2"]


def test_a_picture_whose_object_is_not_found_makes_room_for_the_next(root: Path) -> None:
    for number in (0, 1):
        Image.new("L", (64, 64)).save(root / "masksA" / f"{number}.png")
    data = UnpairedFolders(root, 64, 32, masked=True)
    assert all(float(data[k].guide[0].mean()) >= LEAST_OF_OBJECT for k in range(6))
    Image.new("L", (64, 64)).save(root / "masksA" / "2.png")
    with pytest.raises(CutError, match=r"none of the 3 pictures in .*trainA can be used"):
        data[0]


def test_no_masks_at_all(root: Path) -> None:
    for path in (root / "masksB").iterdir():
        path.unlink()
    with pytest.raises(CutError, match=r"no masks in .*masksB: put a PNG"):
        UnpairedFolders(root, 64, 32, masked=True)
