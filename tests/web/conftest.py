"""Fixtures with running servers, shared by all tests of a session since starting takes seconds."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.helpers import make_checkpoint
from tests.web.serving import PASSWORD, RunningServer, running_server


@pytest.fixture(scope="session")
def web_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CUT_HOME with one tiny random checkpoint called `tiny`."""
    home = tmp_path_factory.mktemp("home")
    make_checkpoint(home / "checkpoints" / "tiny")
    return home


@pytest.fixture(scope="session")
def server(web_home: Path) -> Iterator[RunningServer]:
    """A server without a password."""
    with running_server(web_home) as running:
        yield running


@pytest.fixture(scope="session")
def locked_server(web_home: Path) -> Iterator[RunningServer]:
    """A server that asks for PASSWORD."""
    with running_server(web_home, CUT_PASSWORD=PASSWORD) as running:
        yield running


@pytest.fixture(scope="session")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A JPEG of 67 x 45 stored pixels, to be shown turned, with a place and a camera in it."""
    path = tmp_path_factory.mktemp("pictures") / "my photo.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees
    exif[0x010F] = "SecretCamera"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 30.0), 3: "E", 4: (2.0, 17.0, 40.0)})
    Image.linear_gradient("L").resize((67, 45)).convert("RGB").save(path, exif=exif)
    return path
