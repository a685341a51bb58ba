"""Style transfer by optimisation: its loss, what it descends to, and a network that is not there.

The network is a narrow VGG-19 with random weights: nothing is downloaded.
"""

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torchvision.models import vgg19
from torchvision.models.vgg import cfgs, make_layers

from cut import stylise
from cut.cli import main
from cut.device import Placement
from cut.errors import CutError
from cut.stylise import CONTENT_LAYER, STYLE_LAYERS, Objective, gram
from tests.helpers import make_picture

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = Placement(torch.device("cpu"))


def small_vgg(width: int = 16) -> nn.Sequential:
    """The layers of VGG-19 at a sixteenth of its channels, or otherwise narrower, random."""
    narrow = [n if isinstance(n, str) else max(2, n // width) for n in cfgs["E"]]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = make_layers(narrow)[: STYLE_LAYERS[-1] + 1]
        for layer in layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight)
                nn.init.normal_(layer.bias, std=0.1)
    return layers


def test_the_layers_are_the_papers() -> None:
    """Counted through torchvision's network: relu{block}_{convolution in the block}."""
    with torch.device("meta"):
        layers = vgg19().features
    names, block, within = {}, 1, 0
    for number, layer in enumerate(layers):
        if isinstance(layer, nn.MaxPool2d):
            block, within = block + 1, 0
        elif isinstance(layer, nn.Conv2d):
            within += 1
        else:
            names[number] = f"relu{block}_{within}"
    assert names[CONTENT_LAYER] == "relu4_2"
    assert [names[k] for k in STYLE_LAYERS] == [f"relu{k}_1" for k in range(1, 6)]


def features_of(vgg: nn.Sequential, x: Tensor) -> dict[int, Tensor]:
    """By number, of every layer, with average pooling written down."""
    found = {}
    for number, layer in enumerate(vgg):
        if isinstance(layer, nn.MaxPool2d):
            corners = [x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]
            x = sum(corners) / 4
        elif isinstance(layer, nn.Conv2d):
            x = nn.functional.conv2d(x, layer.weight, layer.bias, padding=1)
        else:
            x = x.clamp(min=0)
        found[number] = x
    return found


def naive_loss(vgg: nn.Sequential, output: Tensor, content: Tensor, style: Tensor) -> float:
    """The loss by loops over channels and places, in float64."""
    seen = [features_of(vgg, picture) for picture in (output, content, style)]
    total = 0.0
    for layer in (CONTENT_LAYER, *STYLE_LAYERS):
        scale = sum(float(one[layer].sum()) / one[layer].numel() for one in seen[1:]) / 2
        got, of_content, of_style = ((one[layer][0] / scale).flatten(1).tolist() for one in seen)
        channels = len(got)
        if layer == CONTENT_LAYER:
            squares = [
                (a - b) ** 2
                for row, other in zip(got, of_content, strict=True)
                for a, b in zip(row, other, strict=True)
            ]
            total += sum(squares) / len(squares)
            continue
        squares = []
        for i in range(channels):
            for j in range(channels):
                pair = [
                    sum(a * b for a, b in zip(f[i], f[j], strict=True)) / len(f[i])
                    for f in (got, of_style)
                ]
                squares.append((pair[0] - pair[1]) ** 2)
        total += 1000 / channels**2 * sum(squares) / len(squares)
    return total


def test_the_loss_against_loops() -> None:
    vgg = small_vgg(32).double().requires_grad_(False)
    generator = torch.Generator().manual_seed(1)
    output, content, style = (
        torch.randn(1, 3, 32, side, generator=generator, dtype=torch.float64)
        for side in (32, 32, 48)  # the style picture may have another shape
    )
    in_full = Placement(torch.device("cpu"), torch.float64)
    objective = Objective(stylise._averaging(vgg), content, style, in_full, 1e3)
    expected = naive_loss(vgg, output, content, style)
    assert float(objective(output)) == pytest.approx(expected, rel=1e-5)
    # Of the content picture itself only the style term is left.
    expected = naive_loss(vgg, content, content, style)
    assert float(objective(content)) == pytest.approx(expected, rel=1e-5)


def test_scaling_the_networks_weights_changes_nothing() -> None:
    """Each layer's features are divided by their mean, so that one weight suits any network."""
    generator = torch.Generator().manual_seed(2)
    pictures = [torch.randn(1, 3, 32, 32, generator=generator) for _ in range(3)]
    losses = []
    for scale in (1.0, 7.0):
        vgg = small_vgg(32)
        for layer in vgg:
            if isinstance(layer, nn.Conv2d):
                nn.init.zeros_(layer.bias)
        vgg[0].weight.data *= scale
        losses.append(
            Objective(stylise._averaging(vgg), *pictures[1:], CPU, 1e3)(pictures[0]).item()
        )
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_gram_of_a_picture_by_hand() -> None:
    features = torch.tensor([[[[1.0, 2.0]], [[3.0, 0.0]]]])
    assert gram(features).tolist() == [[2.5, 1.5], [1.5, 4.5]]


@pytest.mark.parametrize("noise", [False, True])
def test_it_descends_and_takes_the_style_over(noise: bool) -> None:
    content = make_picture(48, 40, 1).point(lambda level: level // 4)
    style = make_picture(64, 40, 2).point(lambda level: 128 + level // 2)
    heard: list[float] = []
    made = stylise.stylise(
        content,
        style,
        small_vgg(),
        CPU,
        size=64,
        steps=40,
        noise=noise,
        tell=lambda step, loss: heard.append(loss),
    )
    assert made.picture.size == (48, 40)
    assert heard[0] == made.first_loss
    assert made.evaluations == len(heard) <= 65
    assert made.last_loss <= min(heard) * (1 + 1e-5), "the best that was found is kept"
    assert made.last_loss < 0.1 * made.first_loss
    means = [
        torch.tensor(list(p.getdata())).float().mean(0) for p in (content, made.picture, style)
    ]
    before, after = (float((m - means[2]).norm()) for m in means[:2])
    assert after < 0.7 * before, "it is as bright as the style picture"


def test_without_style_the_content_stays() -> None:
    content = make_picture(48, 40, 1)
    made = stylise.stylise(
        content, make_picture(40, 40, 2), small_vgg(), CPU, size=64, steps=5, style_weight=0
    )
    assert made.first_loss == made.last_loss == 0
    assert made.picture.tobytes() == content.tobytes()


def test_one_seed_one_result() -> None:
    def once(seed: int) -> bytes:
        pictures = make_picture(40, 40, 1), make_picture(40, 40, 2)
        made = stylise.stylise(*pictures, small_vgg(), CPU, size=64, steps=3, noise=True, seed=seed)
        return made.picture.tobytes()

    assert once(1) == once(1) != once(2)


def test_sizes_are_bounded_by_the_longer_side() -> None:
    made = stylise.stylise(
        make_picture(160, 80), make_picture(200, 400, 1), small_vgg(), CPU, size=80, steps=1
    )
    assert made.picture.size == (80, 40)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"size": 1025}, "size 1025: from 64 to 1024 px"),
        ({"size": 63}, "size 63: from 64"),
        ({"steps": 0}, "0 steps: at least 1"),
        ({"style_weight": -1.0}, "style weight -1: a number from 0"),
        ({"style_weight": float("nan")}, "style weight nan"),
        ({"placement": Placement(torch.device("cpu"), torch.float16)}, "choose fp32 or bf16"),
        ({"content": make_picture(400, 40)}, "400 x 40 px is 64 x 6 at size 64"),
    ],
)
def test_what_is_out_of_bounds(options: dict, line: str) -> None:
    values = {"content": make_picture(40, 40), "placement": CPU, "size": 64, "steps": 2} | options
    with pytest.raises(CutError, match=line) as caught:
        stylise.stylise(style=make_picture(40, 40, 1), vgg=small_vgg(), **values)
    assert "\n" not in str(caught.value)


def test_a_loss_that_is_no_number() -> None:
    vgg = small_vgg()
    vgg[0].weight.data *= 1e38
    pictures = make_picture(40, 40, 1), make_picture(40, 40, 2)
    with pytest.raises(CutError, match="no longer a number in fp32: choose fp32, or a smaller"):
        stylise.stylise(*pictures, vgg, CPU, size=64, steps=2)


def test_bfloat16_descends_too() -> None:
    pictures = make_picture(40, 40, 1), make_picture(40, 40, 2)
    place = Placement(torch.device("cpu"), torch.bfloat16)
    made = stylise.stylise(*pictures, small_vgg(), place, size=64, steps=20)
    assert made.last_loss < 0.3 * made.first_loss


def test_on_a_gpu_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn.Module, "_apply", lambda self, fn, recurse=True: self)
    with FakeTensorMode():
        place = Placement(torch.device("cuda"))
        with place.device:
            network = stylise._averaging(make_layers([4, "M", 4, "M"]))
        objective = Objective.__new__(Objective)
        objective.network, objective.placement, objective.layers = network, place, [1]
        [found] = objective._features(torch.empty(1, 3, 32, 32)).values()
        assert found.device.type == "cuda"
        assert stylise.style_loss(found, gram(found)).device.type == "cuda"


@pytest.fixture
def no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of weights, and a dead address on the way to all others."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    # urlopen reads the addresses above once a process: whoever came first has settled them.
    monkeypatch.setattr("urllib.request._opener", None)
    return tmp_path / "torch" / "hub" / "checkpoints" / "vgg19-dcbb9e9d.pth"


def call(folder: Path, *options: str) -> list[str]:
    for seed, name in enumerate(("content", "style")):
        make_picture(60, 40, seed).save(folder / f"{name}.png")
    files = ["--content", str(folder / "content.png"), "--style", str(folder / "style.png")]
    return ["stylise", *files, "--output", str(folder / "out.png"), "--device", "cpu", *options]


def test_without_a_network_it_is_refused_in_one_line(
    tmp_path: Path, no_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(call(tmp_path)) == 2
    error = capsys.readouterr().err.strip()
    assert "\n" not in error
    assert "stylise needs VGG-19's weights, which could not be loaded" in error
    assert "refused" in error
    assert f"save https://download.pytorch.org/models/vgg19-dcbb9e9d.pth as {no_weights}" in error
    assert not (tmp_path / "out.png").exists()


def test_weights_that_are_damaged_or_of_another_network(no_weights: Path) -> None:
    no_weights.parent.mkdir(parents=True)
    no_weights.write_bytes(b"half a file")
    with pytest.raises(CutError, match="VGG-19's weights"):
        stylise.vgg19()
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, no_weights)
    with pytest.raises(CutError, match="VGG-19's weights"):
        stylise.vgg19()


def test_the_weights_reach_their_layers(no_weights: Path) -> None:
    """A file as torchvision's, in the cache: every layer gets its own."""
    with torch.device("meta"):
        shapes = {k: v.shape for k, v in vgg19().features.state_dict().items()}
    # Views of one number: the real file has 548 MB.
    number = iter(range(100))
    state = {
        f"features.{k}": torch.full((), float(next(number))).expand(s) for k, s in shapes.items()
    }
    no_weights.parent.mkdir(parents=True)
    torch.save(state | {"classifier.0.bias": torch.zeros(4096)}, no_weights)
    layers = stylise.vgg19()
    assert len(layers) == 30
    for k, value in layers.state_dict().items():
        assert torch.equal(value, state[f"features.{k}"])


def test_on_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stylise, "vgg19", small_vgg)
    options = ["--size", "64", "--steps", "3", "--score", "--json"]
    assert main(call(tmp_path, *options)) == 0
    report = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (report["width"], report["height"]) == (60, 40)
    assert report["last_loss"] < report["first_loss"]
    assert report["score"]["metric"] == "sifid-lite0"
    assert Image.open(report["output"]).size == (60, 40)
    assert main(call(tmp_path, *options)) == 2
    assert "is there already: add --overwrite" in capsys.readouterr().err
    assert main([*call(tmp_path, *options), "--overwrite", "--size", "2000"]) == 2
    assert "size 2000: from 64 to 1024 px" in capsys.readouterr().err
    assert main([*call(tmp_path), "--output", str(tmp_path / "out.jpg")]) == 2
    assert "name a .png file" in capsys.readouterr().err
