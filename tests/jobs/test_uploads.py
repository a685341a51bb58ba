"""Pictures for training: the bad ones are refused in one line, the good ones stored as they are."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cut.errors import CutError
from cut.jobs import LIMITS, Upload, uploads
from cut.jobs.uploads import Stored, store_pair, store_sets
from cut.pictures import read_picture
from tests.helpers import make_picture
from tests.jobs.made import packed, pair, picture_bytes, upload, zip_of_pictures, zipped

PHOTO = upload("photo.png", 2, 70, 90)


def store(source: Upload, target: Upload, folder: Path, least: int = 64) -> Stored:
    return store_pair([source], [target], folder, least)


def refused_pair(source: Upload, folder: Path, target: Upload = PHOTO) -> str:
    with pytest.raises(CutError) as caught:
        store(source, target, folder)
    assert "\n" not in str(caught.value)
    assert list(folder.iterdir()) == []
    return str(caught.value)


def refused_sets(sources: list[Upload], targets: list[Upload], folder: Path) -> str:
    with pytest.raises(CutError) as caught:
        store_sets(sources, targets, folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_pair(tmp_path: Path) -> None:
    source, target = pair()
    assert store_pair(source, target, tmp_path, 64) == Stored(1, 1, [])
    for name, one in (("source.png", source[0]), ("target.png", target[0])):
        assert read_picture(tmp_path / name).tobytes() == read_picture(one.data).tobytes()


def test_a_pair_of_one_size_or_very_different_sizes(tmp_path: Path) -> None:
    store(upload("a.png", 1, 64, 64), upload("b.png", 2, 64, 64), tmp_path)
    store(upload("a.png", 1, 64, 64), upload("b.png", 2, 3000, 70), tmp_path)


@pytest.mark.parametrize(
    ("kind", "mode"), [("PNG", "L"), ("PNG", "RGBA"), ("PNG", "P"), ("JPEG", "CMYK"), ("PNG", "LA")]
)
def test_any_mode_is_stored_as_rgb(tmp_path: Path, kind: str, mode: str) -> None:
    odd = Upload(f"odd.{kind.lower()}", packed(make_picture(80, 64).convert(mode), kind))
    store(odd, PHOTO, tmp_path)
    stored = Image.open(tmp_path / "source.png")
    assert stored.mode == "RGB"
    assert stored.tobytes() == read_picture(odd.data).tobytes()


def test_a_picture_is_stored_upright_and_bare(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    store(Upload("a.jpg", packed(make_picture(90, 70), "JPEG", exif=exif)), PHOTO, tmp_path)
    stored = Image.open(tmp_path / "source.png")
    assert stored.size == (70, 90)
    assert not stored.getexif()


def test_not_a_picture(tmp_path: Path) -> None:
    line = refused_pair(Upload("notes.png", b"some words"), tmp_path)
    assert line.startswith("notes.png is not a picture")
    assert "notes.png is empty" in refused_pair(Upload("notes.png", b""), tmp_path)


def test_a_picture_cut_short(tmp_path: Path) -> None:
    half = picture_bytes()[:2000]
    assert "half.png is damaged or cut short" in refused_pair(Upload("half.png", half), tmp_path)


def test_a_tiny_picture(tmp_path: Path) -> None:
    line = refused_pair(upload("tiny.png", 1, 63, 200), tmp_path)
    assert line == "tiny.png has 63 x 200 px: training needs at least 64 px on each side"
    with pytest.raises(CutError, match="needs at least 128 px"):
        store(upload("a.png", 1, 100, 200), PHOTO, tmp_path, least=128)


def test_a_huge_picture_is_scaled_down_and_that_is_said(tmp_path: Path) -> None:
    stored = store(upload("huge.png", 1, 5000, 200), PHOTO, tmp_path)
    assert stored.notes == ["huge.png was scaled down from 5000 x 200 px to 4096 x 164 px"]
    assert Image.open(tmp_path / "source.png").size == (4096, 164)


def test_a_picture_too_narrow_at_the_limit(tmp_path: Path) -> None:
    line = refused_pair(upload("ribbon.png", 1, 9000, 64), tmp_path)
    assert line == "ribbon.png has 9000 x 64 px, which is too narrow: cut out a part of it"


def test_a_picture_beyond_what_is_decoded(tmp_path: Path) -> None:
    vast = packed(Image.new("L", (9000, 9000)), "PNG")
    assert "81 megapixels" in refused_pair(Upload("vast.png", vast), tmp_path)


@pytest.mark.parametrize("noise", [0, 3])
def test_a_flat_picture(tmp_path: Path, noise: int) -> None:
    levels = np.random.default_rng(0).integers(120, 121 + noise, (64, 64, 3), dtype=np.uint8)
    flat = Upload("flat.png", packed(Image.fromarray(levels)))
    expected = "flat.png is one flat colour: there is nothing to learn from it"
    assert refused_pair(flat, tmp_path) == expected
    clear = Upload("flat.png", packed(Image.new("RGBA", (64, 64), (9, 9, 9, 0))))
    assert refused_pair(clear, tmp_path) == expected, "wholly transparent"


def test_the_same_picture_twice(tmp_path: Path) -> None:
    picture = make_picture(200, 160, 5)
    again = {
        "same bytes": packed(picture),
        "as JPEG": packed(picture, "JPEG", quality=80),
        "smaller": packed(picture.resize((100, 80)), "JPEG"),
    }
    for data in again.values():
        line = refused_pair(Upload("a.png", packed(picture)), tmp_path, Upload("b.jpg", data))
        assert line.startswith("source and target are the same picture: training would learn")
    mirrored = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    store(Upload("a.png", packed(picture)), Upload("b.png", packed(mirrored)), tmp_path)


@pytest.mark.parametrize("sources", [[], pair()[0] * 2, [zip_of_pictures(1)]])
def test_a_pair_is_one_picture_a_side(tmp_path: Path, sources: list[Upload]) -> None:
    with pytest.raises(CutError, match="takes one source picture"):
        store_pair(sources, [PHOTO], tmp_path, 64)


def test_sets_of_files_and_zips(tmp_path: Path) -> None:
    sources = [upload("a.png", 1), upload("b.webp-or-so", 2), zip_of_pictures(3, 10)]
    assert store_sets(sources, [zip_of_pictures(2, 20)], tmp_path) == Stored(5, 2, [])
    names = sorted(path.name for path in (tmp_path / "trainA").iterdir())
    assert names == ["00001.png", "00002.png", "00003.png", "00004.png", "00005.png"]
    assert (tmp_path / "trainA" / "00001.png").read_bytes() == sources[0].data


def test_broken_pictures_of_a_set_are_named_and_counted(tmp_path: Path) -> None:
    good = {f"{k}.png": picture_bytes(k) for k in range(3)}
    bad = {"words.png": b"words", "flat.png": packed(Image.new("RGB", (64, 64)))}
    tiny = {"tiny.png": picture_bytes(1, 20, 20), "cut.png": picture_bytes(9)[:900]}
    stored = store_sets([zipped(good | bad | tiny)], [zip_of_pictures(2, 50)], tmp_path)
    assert (stored.sources, stored.targets) == (3, 2)
    [note] = stored.notes
    assert note.startswith("4 of 7 source pictures were left out: words.png, flat.png, tiny.png")
    assert "and 1 more (words.png is not a picture" in note
    assert len(list((tmp_path / "trainA").iterdir())) == 3


def test_large_pictures_of_a_set_are_scaled_down(tmp_path: Path) -> None:
    large = [upload("a.jpg", 1, 4200, 70), upload("b.jpg", 2)]
    stored = store_sets(large, [zip_of_pictures(2, 50)], tmp_path)
    assert stored.notes == ["1 source picture scaled down to 4096 px"]
    assert Image.open(tmp_path / "trainA" / "00001.png").size == (4096, 68)


def test_too_few_good_pictures(tmp_path: Path) -> None:
    line = refused_sets([upload("a.png"), Upload("b.png", b"x")], [], tmp_path)
    assert line.startswith("1 of 2 source pictures can be used, and at least 2 are needed: b.png")
    folder = tmp_path / "other"
    line = refused_sets([zip_of_pictures(2)], [upload("only.png")], folder)
    assert line == "1 target pictures can be used, and at least 2 are needed"


def test_no_pictures(tmp_path: Path) -> None:
    assert refused_sets([], [], tmp_path).startswith("no source pictures: choose pictures")


def test_both_sides_alike(tmp_path: Path) -> None:
    line = refused_sets([zip_of_pictures(3)], [zip_of_pictures(3)], tmp_path)
    assert line.startswith("both sides hold the same pictures")


def test_limits_of_a_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "LIMITS", replace(LIMITS, pictures=3))
    line = refused_sets([zip_of_pictures(2), zip_of_pictures(2, 9)], [], tmp_path / "many")
    assert line == "4 source pictures: at most 3 a side are taken"
    monkeypatch.setattr(uploads, "LIMITS", replace(LIMITS, upload_bytes=30_000))
    line = refused_sets([zip_of_pictures(4)], [], tmp_path / "much")
    assert "the source pictures take 0.0 GB: at most 3e-05 GB a side" in line


def test_a_bomb_of_many_small_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each picture is below what a single one may be; unpacked together they are too much."""
    monkeypatch.setattr(uploads, "LIMITS", replace(LIMITS, upload_bytes=10_000_000))
    bomb = zipped({f"{k}.bmp": bytes(3_000_000) for k in range(4)})
    assert len(bomb.data) < 100_000
    assert "take 0.0 GB: at most 0.01 GB" in refused_sets([bomb], [], tmp_path)


def test_what_is_shown_of_a_name(tmp_path: Path) -> None:
    line = refused_pair(Upload("../../etc/pass\nwd\x1b[31m" + "x" * 99 + ".png", b""), tmp_path)
    assert "etc" not in line
    assert "\x1b" not in line
    assert len(line) < 120
