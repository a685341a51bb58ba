"""Pictures in, pictures out: any sides, working sizes, strength, memory, several at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cut.checkpoints import Checkpoint
from cut.device import Placement
from cut.errors import CutError
from cut.memory import memory_limit
from cut.pictures import read_picture
from cut.translate import Translator, load
from tests.helpers import make_checkpoint, make_picture
from tests.published_flow import PublishedFlow


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """Random weights, enlarged so that the output depends on the picture."""
    folder = tmp_path_factory.mktemp("models") / "model"
    return make_checkpoint(folder, ngf=4, blocks=2)


@pytest.fixture
def model(checkpoint: Checkpoint) -> Translator:
    return load(checkpoint, device="cpu", precision="fp32")


def levels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture).astype(float)


@pytest.mark.parametrize("height", [8, 9, 10, 11, 30, 67])
@pytest.mark.parametrize("width", [8, 13, 31, 66])
def test_any_sides_come_back(model: Translator, width: int, height: int) -> None:
    out = model(make_picture(width, height))
    assert out.size == (width, height)
    assert out.mode == "RGB"


def test_padding_is_by_reflection(model: Translator) -> None:
    """An odd picture gives what its reflection to full sides gives, cut back."""
    picture = make_picture(30, 21)
    padded = np.pad(np.asarray(picture), ((0, 3), (0, 2), (0, 0)), mode="reflect")
    whole = model(Image.fromarray(padded))
    assert np.array_equal(levels(model(picture)), levels(whole.crop((0, 0, 30, 21))))


def test_equals_the_published_flow(model: Translator, checkpoint: Checkpoint) -> None:
    flow = PublishedFlow({"G": checkpoint.generator_state()}, layers=(0, 4, 8, 12))
    picture = make_picture(40, 32)
    x = torch.from_numpy(levels(picture)).permute(2, 0, 1)[None] / 127.5 - 1
    right = (flow.generator(x)[0].detach() + 1).permute(1, 2, 0).numpy() * 127.5
    assert np.abs(levels(model(picture)) - right).max() <= 1


def test_bf16_is_close_to_fp32(model: Translator, checkpoint: Checkpoint) -> None:
    half = Translator(checkpoint, Placement(torch.device("cpu"), torch.bfloat16))
    assert {p.dtype for p in half.generator.parameters()} == {torch.bfloat16}
    picture = make_picture(64, 64)
    difference = np.abs(levels(half(picture)) - levels(model(picture)))
    assert difference.mean() < 1
    assert difference.max() < 12


@pytest.mark.parametrize("size", [(64, 40), (33, 70)])
def test_a_working_size_is_scaled_back(model: Translator, size: tuple[int, int]) -> None:
    seen = []
    model.generator.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[2:]))
    assert model(make_picture(*size), size=32).size == size
    assert min(seen[0]) == 32
    assert model(make_picture(9, 9), size=64).size == (9, 9), "a small picture is worked on larger"


def test_strength_blends(model: Translator) -> None:
    picture = make_picture(32, 32)
    full = levels(model(picture))
    assert np.array_equal(levels(model(picture, strength=0)), levels(picture))
    half = levels(model(picture, strength=0.5))
    assert np.abs(half - (full + levels(picture)) / 2).max() <= 1


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_strength_out_of_range(model: Translator, strength: float) -> None:
    with pytest.raises(CutError, match="strength"):
        model(make_picture(), strength=strength)


@pytest.mark.parametrize("size", [0, 31, 8193, -5])
def test_size_out_of_range(model: Translator, size: int) -> None:
    with pytest.raises(CutError, match=f"size {size}: a short side from 32"):
        model(make_picture(), size=size)


@pytest.mark.parametrize("size", [(1, 1), (7, 100), (100, 7)])
def test_too_small_a_picture(model: Translator, size: tuple[int, int]) -> None:
    with pytest.raises(CutError, match="a side needs at least 8 px"):
        model(Image.new("RGB", size))


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK", "1", "I;16"])
def test_any_mode(model: Translator, mode: str) -> None:
    assert model(Image.new(mode, (16, 12))).mode == "RGB"


def test_location_does_not_travel(model: Translator) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    file = BytesIO()
    make_picture().save(file, "JPEG", exif=exif, comment=b"by me")
    assert Image.open(file).getexif().get_ifd(0x8825), "the picture has a location to lose"
    for picture in (read_picture(file.getvalue()), Image.open(file)):
        out = model(picture, strength=0.5)
        assert not out.getexif()
        assert not out.info


@pytest.mark.parametrize("size", [(300, 200), (201, 303), (1000, 10), (10, 1001)])
def test_a_picture_over_the_limit_goes_in_bands_and_looks_the_same(
    model: Translator, size: tuple[int, int]
) -> None:
    picture = make_picture(*size)
    assert model.plan(*size) is None
    limit = model.estimate_bytes(*size) // 3
    way = model.plan(*size, limit)
    assert way is not None and way.memory <= limit
    told: list[tuple[int, int]] = []
    out = model(picture, progress=lambda *parts: told.append(parts), limit=limit)
    assert len(told) > 10, "it went in bands"
    assert np.abs(levels(out) - levels(model(picture))).max() <= 1


def test_too_small_a_limit_says_the_least_that_would_do(
    model: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = make_picture(300, 200)
    monkeypatch.setenv("CUT_MEMORY_LIMIT_GB", "0.0001")
    with pytest.raises(CutError, match=r"300 x 200 px need at least 0\.\d+ GB of") as caught:
        model(picture)
    assert "\n" not in str(caught.value)
    least = str(caught.value).split("at least ")[1].split(" GB")[0]
    monkeypatch.setenv("CUT_MEMORY_LIMIT_GB", least)
    assert model(picture).size == (300, 200), "what the message says will do does"


def test_a_working_size_is_bounded_by_the_pixels_it_makes(model: Translator) -> None:
    with pytest.raises(CutError, match="2000 x 1 at size 256 would have 512000 x 256 px"):
        model(Image.new("RGB", (2000, 1)), size=256)
    assert model(Image.new("RGB", (50, 1)), size=32).size == (50, 1)


def test_memory_grows_with_pixels_and_precision(checkpoint: Checkpoint) -> None:
    full, half = (
        Translator(checkpoint, Placement(torch.device("cpu"), dtype))
        for dtype in (torch.float32, torch.bfloat16)
    )
    assert full.estimate_bytes(200, 100) == 2 * full.estimate_bytes(100, 100)
    assert half.estimate_bytes(100, 100) < full.estimate_bytes(100, 100)


def test_memory_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUT_MEMORY_LIMIT_GB", "1.5")
    assert memory_limit() == 1_500_000_000
    for wrong in ("much", "0", "-1", "nan", "inf"):
        monkeypatch.setenv("CUT_MEMORY_LIMIT_GB", wrong)
        with pytest.raises(CutError, match=f"CUT_MEMORY_LIMIT_GB={wrong}: a positive number"):
            memory_limit()
    monkeypatch.delenv("CUT_MEMORY_LIMIT_GB")
    assert memory_limit() > 1e8


def test_requests_take_turns(model: Translator) -> None:
    inside, most, guard = 0, 0, threading.Lock()
    forward = model.generator.forward

    def counted(*arguments):
        nonlocal inside, most
        with guard:
            inside += 1
            most = max(most, inside)
        try:
            return forward(*arguments)
        finally:
            with guard:
                inside -= 1

    model.generator.forward = counted
    pictures = [make_picture(40, 32, seed=i) for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(model, pictures))
    assert most == 1
    for picture, out in zip(pictures, together, strict=True):
        assert np.array_equal(levels(out), levels(model(picture)))


def test_a_failed_request_frees_the_line(
    model: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in ("forward", "encode"):  # the patch view encodes the output, too
        monkeypatch.setattr(model.generator, part, out_of_memory)
        with pytest.raises(CutError, match="CPU's memory is not enough") as caught:
            model.correspondence(make_picture())
        assert "\n" not in str(caught.value)
        monkeypatch.undo()
    assert model(make_picture()).size == (64, 48)


def test_out_of_memory_in_one_piece_goes_on_in_bands(
    model: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = model(make_picture())
    monkeypatch.setattr(model.generator, "forward", out_of_memory)
    assert np.abs(levels(model(make_picture())) - levels(expected)).max() <= 1


def out_of_memory(*_: object) -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3 GB\nand so on")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "transformer"}, "unknown kind of generator 'transformer'"),
        ({"ngf": 8}, "the weights are not those of the generator"),
        ({"blocks": 3}, "the weights are not those of the generator"),
        ({"depth": 3}, "the weights are not those of the generator"),
    ],
)
def test_a_config_that_does_not_fit(tmp_path: Path, change: dict, message: str) -> None:
    made = make_checkpoint(tmp_path / "model", ngf=4, blocks=2)
    made.config["generator"] |= change
    with pytest.raises(CutError, match=message) as caught:
        load(made, device="cpu")
    assert "\n" not in str(caught.value)


def test_damaged_weights(tmp_path: Path) -> None:
    made = make_checkpoint(tmp_path / "model", ngf=4, blocks=2)
    path = made.files["generator"]
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CutError, match=r"generator\.safetensors is damaged"):
        load(made.folder)


def test_an_unknown_checkpoint_lists_those_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUT_HOME", str(tmp_path))
    make_checkpoint(tmp_path / "checkpoints" / "horses", ngf=4, blocks=2)
    with pytest.raises(CutError, match=r"no checkpoint 'unicorns'; there are: .*horses"):
        load("unicorns")


def test_models_without_heads(tmp_path: Path) -> None:
    model = load(make_checkpoint(tmp_path / "bare", ngf=4, heads=False), device="cpu")
    assert model.patch_heads is None
    model = load(make_checkpoint(tmp_path / "full", ngf=4), device="cpu")
    assert model.patch_heads is not None
    assert not any(p.requires_grad for p in model.patch_heads.parameters())
