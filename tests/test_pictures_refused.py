"""What cannot be read is refused in one line, quietly, and without being decoded."""

import io
import os
import struct
import subprocess
import sys
import textwrap
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cut import pictures
from cut.errors import CutError
from cut.pictures import read_picture
from tests.pictures_made import (
    HEIGHT,
    RED,
    WIDTH,
    assert_quarters,
    encoded,
    error_of,
    png_of,
    quarters,
    wide_profile,
)

# pytest undoes the filters that cut.pictures sets; TestQuiet shows that they are there.
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:PIL"),
    pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning"),
]


class TestBadInput:
    def test_missing(self, tmp_path: Path) -> None:
        line = error_of(tmp_path / "absent.jpg")
        assert "absent.jpg" in line and "does not exist" in line

    def test_folder(self, tmp_path: Path) -> None:
        line = error_of(tmp_path)
        assert str(tmp_path) in line and "is a folder" in line

    def test_below_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"x")
        assert "photo.jpg" in error_of(tmp_path / "file" / "photo.jpg")

    def test_no_permission(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "locked.png"
        quarters().save(path)

        def refuse(*_: object, **__: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", refuse)  # root may read everything: chmod shows nothing
        line = error_of(path)
        assert "locked.png" in line and "may not be read" in line

    @pytest.mark.parametrize("name", ["nul\0.png", "n" * 5000])
    def test_impossible_names(self, name: str) -> None:
        assert "cannot be opened" in error_of(name)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this platform")
    def test_a_pipe_is_refused_instead_of_waited_for(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.png")
        assert "not an ordinary file" in error_of(tmp_path / "pipe.png")

    @pytest.mark.parametrize("kind", [bytes, io.BytesIO])
    def test_empty(self, kind: type) -> None:
        line = error_of(kind(b""), "nothing.jpg")
        assert "nothing.jpg" in line and "empty" in line

    def test_empty_path(self, tmp_path: Path) -> None:
        (tmp_path / "nothing.jpg").touch()
        assert "empty" in error_of(tmp_path / "nothing.jpg")

    @pytest.mark.parametrize(
        "content", [b"hello world\n" * 50, b"\0" * 4096, b"%PDF-1.7\n", b"<svg/>", b"\xff\xd8\xff"]
    )
    def test_not_a_picture(self, content: bytes) -> None:
        line = error_of(content, "letter.jpg")
        assert "letter.jpg" in line and "not a picture" in line and "JPEG" in line

    def test_postscript_is_never_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def started(*_: object, **__: object) -> None:
            raise AssertionError("a program was started to read a picture")

        monkeypatch.setattr(subprocess, "Popen", started)
        assert "not a picture" in error_of(encoded(quarters(), "EPS"), "drawing.eps")

    @pytest.mark.parametrize(
        "file_format", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "JPEG2000", "AVIF", "HEIF"]
    )
    @pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
    def test_truncated(self, file_format: str, share: float) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
        content = encoded(Image.fromarray(noise), file_format)
        line = error_of(content[: int(share * len(content))], "half.jpg")
        assert "half.jpg" in line and ("cut short" in line or "damaged" in line)

    @pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF", "HEIF"])
    def test_flipped_bytes_give_a_picture_or_one_line(self, file_format: str) -> None:
        generator = np.random.default_rng(1)
        noise = generator.integers(0, 256, (40, 40, 3), np.uint8)
        whole = np.frombuffer(encoded(Image.fromarray(noise), file_format), np.uint8)
        outcomes = set()
        for _ in range(60):
            damaged = whole.copy()
            places = generator.integers(0, min(len(whole), 600), 6)
            damaged[places] = generator.integers(0, 256, 6)
            try:
                outcomes.add(read_picture(damaged.tobytes(), "damaged").mode)
            except CutError as error:
                assert "damaged" in str(error) and "\n" not in str(error)
                outcomes.add("refused")
        assert "refused" in outcomes and outcomes <= {"refused", "RGB"}

    def test_one_pixel_is_read_but_too_small_to_translate(self) -> None:
        picture = read_picture(encoded(Image.new("RGB", (1, 1), RED), "PNG"))
        assert picture.size == (1, 1)
        with pytest.raises(CutError, match=r"dot\.png has 1 x 1 pixels.*at least 8 x 8"):
            pictures.check_sides(picture, "dot.png")
        pictures.check_sides(Image.new("RGB", (pictures.MIN_SIDE, 900)))


class TestBombs:
    @pytest.mark.parametrize("side", [7_100, 9_600, 12_000, 13_500, 60_000])
    def test_the_header_decides_before_anything_is_decoded(
        self, side: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def decoded(*_: object) -> None:
            raise AssertionError("the picture was decoded")

        monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decoded)
        line = error_of(png_of(side, side, 8, 2, b"\0" * 100), "bomb.png")
        assert "bomb.png" in line and "50 megapixels" in line

    def test_its_size_is_named(self) -> None:
        line = error_of(png_of(8_000, 7_000, 8, 2, b"\0" * 100), "big.png")
        assert "8000 x 7000 pixels (56 megapixels)" in line

    def test_the_limit_itself_is_let_through(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pictures, "MAX_PIXELS", WIDTH * HEIGHT)
        assert_quarters(read_picture(encoded(quarters(), "PNG")))
        monkeypatch.setattr(pictures, "MAX_PIXELS", WIDTH * HEIGHT - 1)
        assert "megapixels" in error_of(encoded(quarters(), "PNG"))

    def test_a_text_that_unpacks_without_end(self) -> None:
        content = encoded(quarters(), "PNG")
        text = b"Comment\0\0" + zlib.compress(bytes(80_000_000), 9)
        chunk = b"zTXt" + text
        packed = struct.pack(">I", len(text)) + chunk + struct.pack(">I", zlib.crc32(chunk))
        assert "damaged" in error_of(content[:33] + packed + content[33:], "text.png")


class TestQuiet:
    def test_nothing_is_printed_or_warned(self, tmp_path: Path) -> None:
        """In a process of its own, where pytest does not swallow what is printed."""
        (tmp_path / "bomb.png").write_bytes(png_of(9_600, 9_600, 8, 2, b"\0" * 100))
        tiff = encoded(quarters(), "TIFF", compression="tiff_lzw")
        (tmp_path / "cut.tif").write_bytes(tiff[: len(tiff) - 30])
        samples = struct.pack("<HHIH", 277, 3, 1, 3)  # three samples a pixel; Pillow logs of 99
        assert samples in tiff
        (tmp_path / "samples.tif").write_bytes(tiff.replace(samples, samples[:8] + b"\x63\0"))
        (tmp_path / "exif.jpg").write_bytes(
            encoded(quarters(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\0\x12\x01")
        )
        palette = quarters().quantize(4)
        palette.save(tmp_path / "palette.png", transparency=b"\0\x80\xff\xff")
        script = """
            import sys
            from pathlib import Path
            from cut.errors import CutError
            from cut.pictures import read_picture
            for path in sorted(Path(sys.argv[1]).iterdir()):
                try:
                    print(path.name, read_picture(path).size)
                except CutError as error:
                    print(path.name, "refused")
        """
        done = subprocess.run(
            [sys.executable, "-W", "default", "-c", textwrap.dedent(script), str(tmp_path)],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=Path(__file__).parents[1],
        )
        assert done.stdout.splitlines() == [
            "bomb.png refused",
            "cut.tif refused",
            "exif.jpg (48, 32)",
            "palette.png (48, 32)",
            "samples.tif refused",
        ]
        assert done.stderr == ""

    def test_pillows_own_limits_are_left_alone(self) -> None:
        before = Image.MAX_IMAGE_PIXELS
        read_picture(encoded(quarters(), "PNG"))
        assert before == Image.MAX_IMAGE_PIXELS == 89_478_485

    def test_threads_get_their_own_pictures(self) -> None:
        colours = [(index * 7, 255 - index * 7, index) for index in range(32)]
        contents = [
            encoded(Image.new("RGB", (200, 200), colour), "PNG", icc_profile=profile)
            for colour in colours
            for profile in (None, wide_profile())
        ]
        start = threading.Barrier(8)

        def read_all(_: int) -> list[tuple[int, ...]]:
            start.wait(timeout=30)
            return [read_picture(content).getpixel((9, 9)) for content in contents]

        alone = [read_picture(content).getpixel((9, 9)) for content in contents]
        assert alone[::2] == colours
        with ThreadPoolExecutor(8) as pool:
            assert all(together == alone for together in pool.map(read_all, range(8)))
