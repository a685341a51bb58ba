"""ONNX: any size, the same numbers as PyTorch, and nothing in place that differs."""

import builtins
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cut.checkpoints import Checkpoint, Description, write_checkpoint
from cut.config import SinCutSettings
from cut.device import Placement
from cut.errors import CutError
from cut.exports import onnx as exporting
from cut.exports.onnx import TOLERANCE, export_onnx
from cut.networks.stylegan2 import StyleGAN2Generator, fixed_noise
from cut.translate import Translator
from tests.helpers import make_checkpoint

runtime = pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return make_checkpoint(tmp_path_factory.mktemp("made") / "tiny", ngf=4, blocks=1)


@pytest.fixture(scope="module")
def exported(resnet: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One export for all: tracing takes seconds."""
    path = tmp_path_factory.mktemp("onnx") / "tiny.onnx"
    checks = export_onnx(resnet, path)
    assert [(check.height, check.width) for check in checks] == list(exporting.SIZES)
    assert all(check.difference <= TOLERANCE for check in checks)
    return path


def session_of(path: Path) -> Any:
    return runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("size", [(8, 8), (61, 46), (40, 203)])
def test_any_height_and_width(resnet: Checkpoint, exported: Path, size: tuple[int, int]) -> None:
    picture = torch.rand(1, 3, *size) * 2 - 1
    expected = Translator(resnet, Placement(torch.device("cpu"))).run(picture).numpy()
    (got,) = session_of(exported).run(None, {"picture": picture.numpy()})
    assert got.shape == expected.shape == (1, 3, *size)
    assert np.abs(got - expected).max() < 1e-4


def test_the_file_says_what_it_is(exported: Path) -> None:
    known = session_of(exported).get_modelmeta()
    assert known.producer_name == "cut"
    assert known.custom_metadata_map["data"] == "made"
    assert "[-1, 1]" in known.custom_metadata_map["input"]


def test_noise_is_an_input(tmp_path: Path) -> None:
    settings = SinCutSettings(ngf=1, blocks=1, layers=(0, 2))
    torch.manual_seed(0)
    generator = StyleGAN2Generator(settings.channels, settings.blocks)
    state = generator.state_dict()
    (strength,) = (key for key in state if key.endswith("noise.weight"))
    state[strength].fill_(0.5)
    values = Description("one", settings).config()
    model = write_checkpoint(tmp_path / "one", values, state)
    export_onnx(model, tmp_path / "one.onnx")
    session = session_of(tmp_path / "one.onnx")
    picture = torch.rand(1, 3, 30, 41) * 2 - 1
    expected = Translator(model, Placement(torch.device("cpu"))).run(picture).numpy()
    noise = fixed_noise(32, 44).numpy()
    (got,) = session.run(None, {"picture": picture.numpy(), "noise": noise})
    assert np.abs(got - expected).max() < 1e-4
    (other,) = session.run(None, {"picture": picture.numpy(), "noise": -noise})
    assert np.abs(other - expected).max() > 0.01, "the noise matters"


@pytest.fixture
def traced(exported: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What tracing gives, without tracing again."""
    import onnx

    model = onnx.load(exported)
    monkeypatch.setattr(exporting, "_traced", lambda _: model)
    return model


def test_a_file_that_differs_is_not_kept(resnet: Checkpoint, traced: Any, tmp_path: Path) -> None:
    weights = max(traced.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    weights.raw_data = np.frombuffer(weights.raw_data, np.float32)[::-1].tobytes()
    with pytest.raises(CutError, match=r"differs from PyTorch by .*: it was not kept"):
        export_onnx(resnet, tmp_path / "out" / "tiny.onnx")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_that_is_there(resnet: Checkpoint, traced: Any, tmp_path: Path) -> None:
    path = tmp_path / "tiny.onnx"
    path.write_bytes(b"mine")
    with pytest.raises(CutError, match="is there already: add --overwrite"):
        export_onnx(resnet, path)
    assert path.read_bytes() == b"mine"
    export_onnx(resnet, path, overwrite=True)
    assert path.stat().st_size > 1000


@pytest.mark.parametrize("package", exporting.PACKAGES)
def test_a_package_that_is_missing(
    resnet: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **options: Any) -> Any:
        if name.partition(".")[0] == package:
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(CutError, match=f"needs the package {package}: pip install onnx"):
        export_onnx(resnet, tmp_path / "tiny.onnx")
