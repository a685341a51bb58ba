"""Uploads that the tests make: good pictures, bad ones, zips of both."""

import io
import zipfile
from collections.abc import Mapping
from typing import Any

from PIL import Image

from cut.jobs import Request, Upload
from tests.helpers import make_picture

PAIR = {
    "ngf": "1",
    "ndf": "1",
    "blocks": "2",
    "embedding": "8",
    "batch_size": "2",
    "crop_size": "16",
}
"""Settings of single-image CUT with which a step takes some hundredths of a second."""

SETS = {
    "init": "normal",
    "ngf": "4",
    "ndf": "4",
    "blocks": "1",
    "layers": "0,4,8",
    "patches": "16",
    "embedding": "16",
    "load_size": "36",
    "crop_size": "32",
}
"""The same of CUT."""


CYCLE = {key: SETS[key] for key in ("init", "ngf", "ndf", "blocks", "load_size", "crop_size")}
"""The same of CycleGAN."""

_SMALL = {"sincut": PAIR, "cyclegan": CYCLE}


def request(method: str = "sincut", steps: int = 30, **options: Any) -> Request:
    """A small job on the CPU."""
    overrides = _SMALL.get(method, SETS) | {"steps": str(steps)}
    overrides |= options.pop("overrides", {})
    shared = {"preset": "paper", "device": "cpu", "precision": "fp32"}
    return Request(method, overrides=overrides, **(shared | options))


def packed(picture: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def picture_bytes(seed: int = 0, width: int = 80, height: int = 64) -> bytes:
    return packed(make_picture(width, height, seed))


def upload(name: str = "picture.png", seed: int = 0, width: int = 80, height: int = 64) -> Upload:
    return Upload(name, picture_bytes(seed, width, height))


def pair() -> tuple[list[Upload], list[Upload]]:
    """A painting and a photo, as it were."""
    return [upload("painting.png", 1)], [upload("photo.png", 2, 70, 90)]


def zipped(
    files: Mapping[str, bytes], name: str = "set.zip", method: int = zipfile.ZIP_DEFLATED
) -> Upload:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for path, data in files.items():
            archive.writestr(path, data)
    return Upload(name, buffer.getvalue())


def zip_of_pictures(count: int, first_seed: int = 0, name: str = "set.zip") -> Upload:
    return zipped({f"{k}.png": picture_bytes(first_seed + k) for k in range(count)}, name)
