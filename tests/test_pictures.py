"""Every kind of file that people drop on the page is read upright; results are saved whole."""

import io
import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from cut import pictures
from cut.errors import CutError
from cut.pictures import read_picture
from tests.pictures_made import (
    HEIGHT,
    LOSSY,
    WIDTH,
    assert_quarters,
    encoded,
    quarters,
)

# pytest undoes the filters that cut.pictures sets; TestQuiet shows that they are there.
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:PIL"),
    pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning"),
]


class TestFormats:
    @pytest.mark.parametrize("file_format", ["PNG", "BMP", "TIFF", "PPM", "JPEG2000"])
    def test_lossless_formats_keep_every_pixel(self, file_format: str) -> None:
        read = read_picture(encoded(quarters(), file_format))
        assert read.mode == "RGB"
        assert np.array_equal(np.asarray(read), np.asarray(quarters()))

    @pytest.mark.parametrize("file_format", ["JPEG", "WEBP", "AVIF", "HEIF", "GIF"])
    def test_lossy_formats_keep_the_colours(self, file_format: str) -> None:
        assert_quarters(read_picture(encoded(quarters(), file_format, quality=95)), LOSSY)

    def test_every_suffix_belongs_to_a_format_that_is_read(self) -> None:
        known = Image.registered_extensions()
        assert {known[suffix] for suffix in pictures.SUFFIXES} <= set(pictures.FORMATS)

    @pytest.mark.parametrize("kind", [str, Path, bytes, io.BytesIO])
    def test_path_text_bytes_and_open_file_are_the_same(self, kind: type, tmp_path: Path) -> None:
        path = tmp_path / "quarters.png"
        quarters().save(path)
        source = kind(path) if kind in (str, Path) else kind(path.read_bytes())
        assert_quarters(read_picture(source))

    def test_an_open_file_is_read_from_its_start_and_stays_open(self) -> None:
        file = io.BytesIO(encoded(quarters(), "PNG"))
        file.seek(0, os.SEEK_END)
        assert_quarters(read_picture(file))
        assert not file.closed
        assert_quarters(read_picture(file))

    def test_a_path_is_closed_again(self, tmp_path: Path) -> None:
        path = tmp_path / "quarters.tif"
        quarters().save(path)
        before = len(list(Path("/proc/self/fd").iterdir())) if sys.platform == "linux" else 0
        with warnings.catch_warnings():
            warnings.simplefilter("error", ResourceWarning)
            read_picture(path)
        after = len(list(Path("/proc/self/fd").iterdir())) if sys.platform == "linux" else 0
        assert after == before

    @pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG", "TIFF", "AVIF", "HEIF"])
    def test_the_first_frame_of_several_is_taken(self, file_format: str) -> None:
        black = Image.new("RGB", (WIDTH, HEIGHT))
        content = encoded(quarters(), file_format, save_all=True, append_images=[black, black])
        assert_quarters(read_picture(content), 0 if file_format in ("PNG", "TIFF") else 20)


# How a camera that writes this orientation has stored an upright scene.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


class TestUpright:
    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF", "HEIF", "AVIF"])
    def test_all_eight_orientations(self, file_format: str, orientation: int) -> None:
        method = STORED[orientation]
        stored = quarters() if method is None else quarters().transpose(method)
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        content = encoded(stored, file_format, exif=exif.tobytes())
        if file_format == "HEIF" and orientation > 1:
            # As phones write it: EXIF says it, and the container's own boxes, which are obeyed.
            assert b"irot" in content or b"imir" in content
        assert_quarters(read_picture(content), LOSSY)

    def test_sixteen_bit_grey_is_turned_too(self) -> None:
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = 6
        ramp = np.tile(np.linspace(0, 65535, 8).astype(np.uint16), (4, 1))
        read = read_picture(encoded(Image.fromarray(ramp), "PNG", exif=exif))
        assert read.size == (4, 8)
        assert read.getpixel((0, 0)) == (0, 0, 0)
        assert read.getpixel((0, 7)) == (255, 255, 255)

    @pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b""])
    def test_broken_exif_is_ignored(self, exif: bytes) -> None:
        assert_quarters(read_picture(encoded(quarters(), "JPEG", quality=95, exif=exif)), LOSSY)

    @pytest.mark.parametrize("orientation", [0, 9, 65535])
    def test_unknown_orientation_is_ignored(self, orientation: int) -> None:
        exif = Image.Exif()
        exif[ExifTags.Base.Orientation] = orientation
        assert_quarters(read_picture(encoded(quarters(), "PNG", exif=exif)))


class TestSaving:
    def test_the_file_is_whole_and_alone(self, tmp_path: Path) -> None:
        pictures.save_png(quarters(), tmp_path / "out.png")
        assert_quarters(read_picture(tmp_path / "out.png"))
        assert [path.name for path in tmp_path.iterdir()] == ["out.png"]

    def test_any_mode_is_written_as_rgb(self, tmp_path: Path) -> None:
        pictures.save_png(Image.new("L", (8, 8), 90), tmp_path / "grey.png")
        assert read_picture(tmp_path / "grey.png").getpixel((0, 0)) == (90, 90, 90)

    def test_a_lost_folder(self, tmp_path: Path) -> None:
        (tmp_path / "folder").write_bytes(b"a file has taken its place")
        with pytest.raises(CutError, match=r"out\.png") as caught:
            pictures.save_png(quarters(), tmp_path / "folder" / "out.png")
        assert "\n" not in str(caught.value)

    def test_a_full_disk_leaves_the_old_file(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "out.png"
        pictures.save_png(quarters(), path)
        before = path.read_bytes()

        class Full(io.BytesIO):
            def write(self, _: object) -> int:
                raise OSError(28, "No space left on device")

        def full(target: Path, mode: str) -> Full:
            target.touch()
            return Full()

        with monkeypatch.context() as patch:
            patch.setattr(Path, "open", full)
            with pytest.raises(CutError, match="No space left on device"):
                pictures.save_png(Image.new("RGB", (8, 8)), path)
        assert path.read_bytes() == before
        assert [entry.name for entry in tmp_path.iterdir()] == ["out.png"]


class TestSizes:
    @pytest.mark.parametrize(
        ("size", "short", "expected"),
        [
            ((640, 480), 240, (320, 240)),
            ((480, 640), 240, (240, 320)),
            ((100, 100), 256, (256, 256)),
            ((333, 500), 333, (333, 500)),
            ((1001, 500), 250, (500, 250)),
        ],
    )
    def test_short_side(self, size: tuple[int, int], short: int, expected: tuple[int, int]) -> None:
        assert pictures.resize_short_side(Image.new("RGB", size), short).size == expected

    def test_fit_within_only_shrinks(self) -> None:
        assert pictures.fit_within(Image.new("RGB", (4000, 3000)), 1024).size == (1024, 768)
        assert pictures.fit_within(Image.new("RGB", (400, 300)), 1024).size == (400, 300)
        assert pictures.fit_within(Image.new("RGB", (5000, 1)), 100).size == (100, 1)

    def test_shrinking_averages_instead_of_skipping(self) -> None:
        stripes = np.zeros((64, 64, 3), np.uint8)
        stripes[:, ::2] = 255
        small = np.asarray(pictures.resize_short_side(Image.fromarray(stripes), 16))
        assert np.abs(small.astype(int) - 127).max() <= 12
