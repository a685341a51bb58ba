"""A library of its own for every test, none bundled, and a server of files with faults."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cut import checkpoints
from tests.library.faulty_server import FaultyServer


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CUT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CUT_MODELS_URL", raising=False)
    monkeypatch.setattr(checkpoints, "BUNDLED", tmp_path / "bundled")
    return tmp_path / "home"


@pytest.fixture
def server() -> Iterator[FaultyServer]:
    with FaultyServer() as running:
        yield running
