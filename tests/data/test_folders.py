"""Unpaired folders: the published resizing, crops and flips, in an order that can be repeated."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from cut.data.folders import UnpairedFolders, collate, pictures_in, to_tensor
from cut.errors import CutError
from tests.helpers import make_picture, make_unpaired


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_unpaired(tmp_path / "data", count=4)


def test_samples_are_pictures_in_range(root: Path) -> None:
    sample = UnpairedFolders(root, load_size=40, crop_size=32)[0]
    for tensor in (sample.A, sample.B):
        assert tensor.shape == (3, 32, 32)
        assert tensor.dtype == torch.float32
        assert -1 <= tensor.min() < tensor.max() <= 1
    assert sample.skipped == ()


def test_levels_map_onto_minus_one_to_one() -> None:
    picture = Image.new("RGB", (2, 1))
    picture.putpixel((1, 0), (255, 0, 51))
    expected = torch.tensor([[-1.0, 1.0], [-1.0, -1.0], [-1.0, -0.6]])
    torch.testing.assert_close(to_tensor(picture)[:, 0], expected)


def test_an_item_depends_on_seed_and_number_alone(root: Path) -> None:
    first, again = (UnpairedFolders(root, 40, 32, seed=3) for _ in range(2))
    _ = [first[k] for k in range(5)]
    assert torch.equal(first[9].A, again[9].A)
    assert torch.equal(first[9].B, again[9].B)
    other = UnpairedFolders(root, 40, 32, seed=4)
    assert any(not torch.equal(again[k].A, other[k].A) for k in range(4))


def plain_pictures(root: Path, side: str, values: list[int]) -> None:
    """Pictures of one grey each, so that a sample tells which it is."""
    folder = root / side
    folder.mkdir(parents=True)
    for i, value in enumerate(values):
        Image.new("RGB", (40, 40), (value,) * 3).save(folder / f"{i}.png")


def grey(tensor: torch.Tensor) -> int:
    return round((tensor.mean().item() + 1) * 127.5)


def test_an_epoch_takes_every_source_once_and_targets_at_random(tmp_path: Path) -> None:
    plain_pictures(tmp_path, "trainA", [10, 20, 30, 40, 50])
    plain_pictures(tmp_path, "trainB", [100, 200])
    data = UnpairedFolders(tmp_path, 40, 32)
    assert data.epoch_length == 5
    epochs = [[grey(data[5 * e + i].A) for i in range(5)] for e in range(3)]
    assert all(sorted(epoch) == [10, 20, 30, 40, 50] for epoch in epochs)
    assert epochs[0] != epochs[1] or epochs[1] != epochs[2], "each epoch has an order of its own"
    partners = {(grey(data[k].A), grey(data[k].B)) for k in range(60)}
    assert len(partners) == 10, "every source meets every target"


def test_an_epoch_is_as_long_as_the_larger_set(tmp_path: Path) -> None:
    plain_pictures(tmp_path, "trainA", [10, 20])
    plain_pictures(tmp_path, "trainB", [100, 110, 120, 130, 140])
    data = UnpairedFolders(tmp_path, 40, 32)
    assert data.epoch_length == 5
    assert {grey(data[k].A) for k in range(5)} == {10, 20}


def ramp(folder: Path, width: int, height: int) -> None:
    """Red rises from left to right, green from top to bottom."""
    folder.mkdir(parents=True)
    row = Image.linear_gradient("L").rotate(90).resize((width, height))
    column = Image.linear_gradient("L").resize((width, height))
    Image.merge("RGB", (row, column, column)).save(folder / "ramp.png")


def samples_of_a_ramp(root: Path, width: int = 80, height: int = 80, **values) -> list:
    for side in ("trainA", "trainB"):
        ramp(root / side, width, height)
    data = UnpairedFolders(root, **({"load_size": 64, "crop_size": 32} | values))
    return [data[k].A for k in range(80)]


def test_crops_and_flips_are_random(tmp_path: Path) -> None:
    pictures = samples_of_a_ramp(tmp_path)
    mirrored = [picture[0, 0, 0] > picture[0, 0, -1] for picture in pictures]
    assert 20 < sum(mirrored) < 60, "about half are mirrored"
    upside_down = [picture[1, 0, 0] > picture[1, -1, 0] for picture in pictures]
    assert not any(upside_down)
    # A crop of half the side holds half of the ramp, wherever it lies.
    spans = [picture[1].max() - picture[1].min() for picture in pictures]
    assert all(0.9 < span < 1.1 for span in spans)
    tops = torch.stack([picture[1].min() for picture in pictures])
    assert tops.min() < -0.95
    assert tops.max() > -0.1
    lefts = torch.stack([picture[0].min() for picture in pictures])
    assert lefts.min() < -0.95
    assert lefts.max() > -0.1
    assert torch.corrcoef(torch.stack([tops, lefts]))[0, 1].abs() < 0.5


def test_pictures_of_any_shape_are_squeezed_to_a_square(tmp_path: Path) -> None:
    """As published: resized to load_size x load_size, whatever the aspect."""
    for picture in samples_of_a_ramp(tmp_path, width=120, height=50, crop_size=64)[:4]:
        assert picture.shape == (3, 64, 64)
        for channel in (0, 1):
            assert picture[channel].min() < -0.95
            assert picture[channel].max() > 0.95


def test_no_zoom_once_the_rate_falls(tmp_path: Path) -> None:
    """In the decaying half the published loader resizes straight to the crop size."""
    pictures = samples_of_a_ramp(tmp_path, zoom_until=10)
    spans = [(picture[1].max() - picture[1].min()).item() for picture in pictures]
    assert all(span < 1.1 for span in spans[:10])
    assert all(span > 1.9 for span in spans[10:])


def test_resizing_is_bicubic(tmp_path: Path) -> None:
    for side in ("trainA", "trainB"):
        (tmp_path / side).mkdir()
        make_picture(50, 50, seed=3).save(tmp_path / side / "a.png")
    expected = to_tensor(make_picture(50, 50, seed=3).resize((32, 32), Image.Resampling.BICUBIC))
    got = UnpairedFolders(tmp_path, load_size=32, crop_size=32)[0].A
    assert torch.equal(got, expected) or torch.equal(got, expected.flip(2))


def test_one_broken_file_among_many_is_named_and_replaced(root: Path) -> None:
    (root / "trainA" / "2.png").write_bytes((root / "trainA" / "2.png").read_bytes()[:60])
    data = UnpairedFolders(root, 40, 32)
    samples = [data[k] for k in range(8)]
    skipped = [line for sample in samples for line in sample.skipped]
    assert len(skipped) == 2, "once an epoch"
    assert all("2.png" in line and "\n" not in line for line in skipped)
    assert all(sample.A.shape == (3, 32, 32) for sample in samples)


def test_no_readable_picture(root: Path) -> None:
    for path in (root / "trainB").iterdir():
        path.write_bytes(b"")
    with pytest.raises(CutError, match=r"none of the 4 pictures in .*trainB can be read"):
        UnpairedFolders(root, 40, 32)[0]


def test_a_missing_and_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(CutError, match=r"no folder .*trainA"):
        UnpairedFolders(tmp_path, 40, 32)
    plain_pictures(tmp_path, "trainA", [1])
    (tmp_path / "trainB").mkdir()
    (tmp_path / "trainB" / "notes.txt").write_text("no picture")
    with pytest.raises(CutError, match=r"no pictures in .*trainB"):
        UnpairedFolders(tmp_path, 40, 32)


def test_pictures_are_sorted_and_other_files_left_out(tmp_path: Path) -> None:
    for name in ("b.JPG", "a.png", ".hidden.txt", "c.webp"):
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert [path.name for path in pictures_in(tmp_path)] == ["a.png", "b.JPG", "c.webp"]


def test_collating_keeps_what_was_skipped(root: Path) -> None:
    (root / "trainA" / "0.png").write_bytes(b"")
    data = UnpairedFolders(root, 40, 32)
    batch = collate([data[k] for k in range(4)])
    assert batch.A.shape == batch.B.shape == (4, 3, 32, 32)
    assert len(batch.skipped) == 1
