"""Zips that come from anywhere: what is taken out of them, and what is refused in one line."""

import struct
import zipfile

import pytest

from cut import archives
from cut.errors import CutError
from cut.jobs import LIMITS, Upload
from cut.jobs.archives import is_zip, pictures_listed, read_pictures
from tests.jobs.made import picture_bytes, zipped


def names_in(upload: Upload) -> list[str]:
    return [info.filename for info in pictures_listed(upload)]


def refused(upload: Upload) -> str:
    with pytest.raises(CutError) as caught:
        pictures_listed(upload)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_pictures_at_any_depth_and_nothing_else() -> None:
    upload = zipped(
        {
            "set/deep/er/one.JPG": b"1",
            "two.png": b"2",
            "__MACOSX/set/deep/er/._one.JPG": b"shadow",
            "set/.hidden.png": b"hidden",
            ".git/three.png": b"hidden",
            "set/Thumbs.db": b"x",
            "notes.txt": b"x",
            "inner.zip": b"x",
        }
    )
    assert is_zip(upload)
    assert names_in(upload) == ["set/deep/er/one.JPG", "two.png"]
    contents = list(read_pictures(upload, pictures_listed(upload)))
    assert contents == [("one.JPG", b"1"), ("two.png", b"2")]


@pytest.mark.parametrize(
    "path", ["../up.png", "set/../../up.png", "/etc/up.png", "..\\up.png", "C:\\up.png"]
)
def test_paths_that_climb(path: str) -> None:
    line = refused(zipped({"good.png": b"x", path: b"x"}))
    assert "a path out of the zip" in line
    assert "zip the pictures again" in line


def test_a_bomb_by_its_ratio() -> None:
    line = refused(zipped({"bomb.bmp": bytes(40_000_000)}))
    assert "bomb.bmp would unpack to 40 MB from 0.0 MB, as a zip bomb does" in line


def test_a_password() -> None:
    upload = zipped({"a.png": b"x"})
    data = bytearray(upload.data)
    for signature, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + at] |= 1
    assert "protected by a password" in refused(Upload("set.zip", bytes(data)))


def test_none_inside() -> None:
    assert "set.zip holds no pictures" in refused(zipped({"a.txt": b"x"}))
    assert "set.zip holds no pictures" in refused(zipped({}))


def test_ten_thousand_files() -> None:
    upload = zipped({f"{k}.png": b"" for k in range(10_000)}, method=zipfile.ZIP_STORED)
    assert refused(upload) == "set.zip holds 10,000 pictures: at most 5,000 a side are taken"


@pytest.mark.parametrize("field", ["files", "bytes"])
def test_an_endless_directory_is_not_read(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = bytearray(zipped({"a.png": b"x"}).data)
    monkeypatch.setattr(archives.zipfile, "ZipFile", None)
    end = data.rindex(b"PK\x05\x06")
    if field == "files":
        struct.pack_into("<H", data, end + 10, 0xFFFF)
    else:
        struct.pack_into("<L", data, end + 12, archives.DIRECTORY_BYTES + 1)
    assert f"at most {LIMITS.pictures:,} pictures" in refused(Upload("set.zip", bytes(data)))


@pytest.mark.parametrize("between", [0, 12])
@pytest.mark.parametrize(("files", "size"), [(70_000, 50), (1, 17_000_000)])
def test_the_numbers_of_a_second_record_count(
    between: int, files: int, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A zip64's record goes before the usual one, from right before the locator or from afar."""
    data = zipped({"a.png": b"x"}).data
    end = data.rindex(b"PK\x05\x06")
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, files, files, size, 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    monkeypatch.setattr(archives.zipfile, "ZipFile", None)
    upload = Upload("set.zip", data[:end] + record + bytes(between) + locator + data[end:])
    assert f"at most {LIMITS.pictures:,} pictures" in refused(upload)


def test_a_place_beyond_all_files() -> None:
    data = zipped({"a.png": b"x"}).data
    at, end = data.index(b"PK\x01\x02"), data.rindex(b"PK\x05\x06")
    entry, closing = bytearray(data[at:end]), bytearray(data[end:])
    extra = struct.pack("<HHQ", 1, 8, 2**63 + 5)
    struct.pack_into("<H", entry, 30, len(extra))
    struct.pack_into("<L", entry, 42, 0xFFFFFFFF)
    struct.pack_into("<L", closing, 12, len(entry) + len(extra))
    upload = Upload("set.zip", data[:at] + bytes(entry) + extra + bytes(closing))
    ((name, content),) = read_pictures(upload, pictures_listed(upload))
    assert (name, str(content)) == ("a.png", "a.png is damaged inside set.zip: zip it again")


@pytest.mark.parametrize("keep", [0, 3, 60, -5])
def test_a_damaged_zip(keep: int) -> None:
    data = zipped({"a.png": b"some bytes"}).data
    upload = Upload("set.zip", data[:keep])
    assert is_zip(upload)
    assert "set.zip is damaged, or no zip" in refused(upload)


def test_a_size_that_lies() -> None:
    """More follows than is listed: only what is listed is unpacked, and found to be wrong."""
    upload = zipped({"lie.png": bytes(9_000_000), "good.png": b"good"})
    data = bytearray(upload.data)
    struct.pack_into("<L", data, data.index(b"PK\x01\x02") + 24, 1000)
    lying = Upload("set.zip", bytes(data))
    infos = pictures_listed(lying)
    assert infos[0].file_size == 1000
    (name, content), good = read_pictures(lying, infos)
    assert name == "lie.png"
    assert str(content) == "lie.png is damaged inside set.zip: zip it again"
    assert good == ("good.png", b"good")


def test_a_damaged_picture_inside() -> None:
    upload = zipped({"a.png": picture_bytes(1), "b.png": picture_bytes(2)})
    data = bytearray(upload.data)
    data[60:90] = bytes(30)
    results = dict(read_pictures(Upload("set.zip", bytes(data)), pictures_listed(upload)))
    assert isinstance(results["a.png"], CutError)
    assert results["b.png"] == picture_bytes(2)


def test_an_unusual_packing_is_not_unpacked() -> None:
    upload = zipped({"a.png": b"x" * 100}, method=zipfile.ZIP_BZIP2)
    [(_, content)] = read_pictures(upload, pictures_listed(upload))
    assert "packed in an unusual way" in str(content)
