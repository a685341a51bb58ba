"""A library of its own for every test."""

from pathlib import Path

import pytest

from cut import checkpoints


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CUT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(checkpoints, "BUNDLED", tmp_path / "bundled")
    return tmp_path / "home"
