"""Fixtures of this folder: a cheap network in place of a real one, and no internet."""

import socket
from pathlib import Path

import pytest

from cut.evaluation import scores
from tests.evaluation.stand_ins import ColourNetwork


@pytest.fixture
def colours(monkeypatch: pytest.MonkeyPatch) -> ColourNetwork:
    network = ColourNetwork()
    monkeypatch.setattr(scores, "lite0", lambda device: network)
    return network


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No network, and an empty cache of weights, whose folder is returned."""

    def refuse(*_: object) -> None:
        raise OSError("Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    weights = tmp_path / "torch" / "hub" / "checkpoints"
    weights.mkdir(parents=True)
    return weights
