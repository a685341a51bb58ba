"""Distillation: a step against its formula, what it learns from, and what it refuses."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from cut.checkpoints import find, read_checkpoint
from cut.cli import main
from cut.config import DistillSettings, preset
from cut.data.training import open_data
from cut.device import Placement
from cut.errors import CutError
from cut.methods.distill import Distill
from cut.methods.frozen import FrozenGenerator
from cut.networks.narrowing import narrowed
from cut.networks.resnet import ResnetGenerator
from cut.networks.stylegan2 import StyleGAN2Generator
from cut.randomness import StepRandom
from cut.trainer import Run
from cut.translate import load
from cut.work import step_gflop
from tests.helpers import make_checkpoint, make_unpaired

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = Placement(torch.device("cpu"))
FIELDS = {"ngf": 2, "blocks": 1, "ndf": 2, "load_size": 40, "crop_size": 32, "steps": 4}
TINY = replace(preset("distill"), teacher="large", **FIELDS)


def a_teacher(placement: Placement = CPU) -> ResnetGenerator:
    torch.manual_seed(5)
    return placement.network(ResnetGenerator(4, 2)).eval().requires_grad_(False)


@pytest.fixture
def taught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model `large` at any placement, without a file to read."""

    def named(setting: str, name: str, placement: Placement) -> FrozenGenerator:
        return FrozenGenerator(a_teacher(placement), setting, "digest")

    monkeypatch.setattr(FrozenGenerator, "named", named)


def pictures(seed: int = 0, batch: int = 2) -> Tensor:
    return torch.rand(batch, 3, 32, 32, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_losses_of_a_step(taught: None) -> None:
    settings = replace(TINY, lambda_teacher=7.0, lambda_gan=0.5)
    method, teacher = Distill(settings, CPU), a_teacher()
    network, judge = method.generator.network, method.discriminator.network
    A = pictures()
    wanted, fake = teacher(A)[0], network(A)[0]
    D_real, D_fake = (judge(wanted) - 1).square().mean(), judge(fake.detach()).square().mean()
    losses = method.step(A, pictures(9), StepRandom(0, 0))
    assert losses["D_real"].item() == pytest.approx(D_real.item(), rel=1e-5)
    assert losses["D_fake"].item() == pytest.approx(D_fake.item(), rel=1e-5)
    # The generator is judged by the discriminator that has just learnt.
    distance = 7.0 * (fake - wanted).abs().mean()
    fooled = 0.5 * (judge(fake) - 1).square().mean()
    assert losses["distance"].item() == pytest.approx(distance.item(), rel=1e-5)
    assert losses["G_GAN"].item() == pytest.approx(fooled.item(), rel=1e-5)
    assert losses["G"].item() == pytest.approx((distance + fooled).item(), rel=1e-5)
    both = zip(method.teacher.generator.parameters(), teacher.parameters(), strict=True)
    assert all(torch.equal(now, before) for now, before in both)


def test_gradients_are_those_of_the_loss(taught: None) -> None:
    method = Distill(replace(TINY, lambda_gan=0.0), CPU)
    twin = ResnetGenerator(2, 1, antialias=False)
    twin.load_state_dict(method.generator.weights())
    A = pictures()
    (10.0 * (twin(A)[0] - a_teacher()(A)[0]).abs().mean()).backward()
    losses = method.step(A, A, StepRandom(0, 0))
    assert set(losses) == {"distance", "G"}
    for mine, right in zip(method.generator.network.parameters(), twin.parameters(), strict=True):
        assert mine.grad is not None
        assert right.grad is not None
        assert torch.allclose(mine.grad, right.grad, rtol=1e-3, atol=1e-6)


def test_nothing_is_learnt_from_spots(taught: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the generator gives in them costs nothing; the discriminator sees the other pictures."""
    A = pictures()
    spots = torch.zeros(2, 1, 32, 32)
    spots[1, :, 10:, :20] = 1
    asked = []

    def found(pictures: Tensor, translations: Tensor, radius: int) -> Tensor:
        asked.append(radius)
        return spots

    monkeypatch.setattr("cut.methods.distill.black_spots", found)
    method = Distill(replace(TINY, spots=3), CPU)
    judge = method.discriminator.network
    wanted, fake = a_teacher()(A)[0], method.generator.network(A)[0]
    distance = 10 * ((fake - wanted).abs() * (1 - spots)).mean()
    D_real, D_fake = (judge(wanted[:1]) - 1).square().mean(), judge(fake[:1]).square().mean()
    losses = method.step(A, A, StepRandom(0, 0))
    assert asked == [3]
    assert losses["distance"].item() == pytest.approx(distance.item(), rel=1e-5)
    assert losses["D_real"].item() == pytest.approx(D_real.item(), rel=1e-5)
    assert losses["D_fake"].item() == pytest.approx(D_fake.item(), rel=1e-5)
    spots[0] = 1
    before = method.discriminator.weights()
    assert set(method.step(A, A, StepRandom(0, 1))) == {"distance", "G_GAN", "G"}
    after = method.discriminator.weights()
    assert all(torch.equal(after[name], weight) for name, weight in before.items())


def test_it_begins_with_channels_of_its_teacher(taught: None) -> None:
    method = Distill(TINY, CPU)
    start = narrowed(a_teacher(), ResnetGenerator(2, 1, antialias=False))
    for average in (False, True):
        weights = method.generator.weights(average)
        assert all(torch.equal(weights[name], weight) for name, weight in start.items())
    drawn = Distill(replace(TINY, init="normal"), CPU).generator.weights()
    assert not torch.equal(drawn["model.1.weight"], start["model.1.weight"])


def test_a_teacher_of_another_kind_gives_no_start(monkeypatch: pytest.MonkeyPatch) -> None:
    teacher = FrozenGenerator(StyleGAN2Generator((2, 2), blocks=1), "teacher", "digest")
    monkeypatch.setattr(FrozenGenerator, "named", lambda *_: teacher)
    with pytest.raises(CutError, match="large has no ResNet generator to take channels from"):
        Distill(TINY, CPU)
    Distill(replace(TINY, init="normal"), CPU)


def test_it_comes_nearer_to_its_teacher(taught: None) -> None:
    method = Distill(replace(TINY, ngf=4, learning_rate=3e-3), CPU)
    A = pictures()
    distances = [float(method.step(A, A, StepRandom(0, k))["distance"]) for k in range(60)]
    assert sum(distances[-5:]) / 5 < 0.6 * distances[0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_whole_step_on_meta(taught: None, dtype: torch.dtype) -> None:
    placement = Placement(torch.device("meta"), dtype)
    method = Distill(TINY, placement)
    losses = method.step(torch.empty(1, 3, 32, 32), torch.empty(0), StepRandom(0, 0))
    assert all(loss.device.type == "meta" for loss in losses.values())
    assert method.generator.network.model[1].weight.grad.dtype == dtype


def test_on_a_gpu_that_is_not_there(taught: None, fake_gpu: Placement) -> None:
    with fake_gpu.device:
        method = Distill(TINY, fake_gpu)
    A = fake_gpu.batch(torch.empty(1, 3, 32, 32))
    distance = (method.generator.network(A)[0] - method.teacher(A)).abs().mean()
    assert distance.device.type == "cuda"


def test_the_work_of_a_step() -> None:
    compact = preset("distill", "compact")
    assert isinstance(compact, DistillSettings)
    with_D, alone = step_gflop(compact), step_gflop(replace(compact, lambda_gan=0.0))
    assert 0 < alone < with_D < 0.3 * step_gflop(preset("cut", "compact"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CUT_HOME", str(tmp_path / "home"))
    make_checkpoint(tmp_path / "home" / "checkpoints" / "large")
    return tmp_path / "home"


def call(data: Path, *more: str) -> list[str]:
    settings = [f"--set={key}={value}" for key, value in FIELDS.items() if key != "steps"]
    options = ["--name", "small", "--data", str(data), "--device", "cpu", "--precision", "fp32"]
    return ["train", "--method", "distill", *options, *settings, *more]


def test_from_the_command_line_to_a_translation(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It needs no targets; its model serves as any, and training goes on where it was."""
    data = make_unpaired(tmp_path / "data", count=3)
    (data / "trainB").rename(tmp_path / "elsewhere")
    options = ("--teacher", "large", "--json")
    assert main(call(data, *options, "--steps", "2")) == 0
    assert main(call(data, *options, "--steps", "3", "--resume")) == 0
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (told["steps"], set(told["losses"])) == (
        3,
        {"D_real", "D_fake", "G_GAN", "distance", "G"},
    )
    model = find("small")
    assert model.config["settings"]["teacher"] == "large"
    assert not model.has_patch_heads
    assert "patch_heads" not in model.config
    picture = open_data(TINY, data, CPU.device).sources[0]
    out = tmp_path / "out"
    assert main(["translate", "--checkpoint", "small", "--output", str(out), str(picture)]) == 0
    assert load("small").generator.architecture["ngf"] == 2


def test_what_it_learns_from_is_found_again_or_missed(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its folder from anywhere, which no file tells others; not if it has changed meanwhile."""
    data = make_unpaired(tmp_path / "data", count=3)
    large = home / "checkpoints" / "large"
    elsewhere = tmp_path / "models" / "of" / "mine"
    elsewhere.parent.mkdir(parents=True)
    large.rename(elsewhere)
    monkeypatch.chdir(tmp_path / "models")
    assert main(call(data, "--teacher", "of/mine", "--steps", "2")) == 0
    monkeypatch.chdir(tmp_path)
    assert main(call(data, "--steps", "3", "--resume")) == 0
    assert str(tmp_path) not in (find("small").folder / "config.json").read_text("utf-8")
    assert find("small").config["settings"]["teacher"] == "mine"
    state = (home / "runs" / "small" / "state.pt").read_bytes()
    make_checkpoint(elsewhere, ngf=4)
    assert main(call(data, "--steps", "4", "--resume")) == 2
    assert "the model that teacher names is another than" in capsys.readouterr().err
    assert (home / "runs" / "small" / "state.pt").read_bytes() == state


def test_stopped_and_resumed_it_ends_with_the_same_weights(home: Path, tmp_path: Path) -> None:
    data = make_unpaired(tmp_path / "data", count=3)

    def trained(name: str, *ends: int | None) -> dict[str, Tensor]:
        for k, end in enumerate(ends):
            run = Run(name, TINY, data, tmp_path / name, CPU, workers=0, until=end)
            list(run.train(resume=k > 0))
        return read_checkpoint(tmp_path / name / "last").generator_state()

    whole, parts = trained("whole", None), trained("parts", 2, None)
    assert all(torch.equal(parts[key], value) for key, value in whole.items())


def test_a_teacher_is_the_same_in_any_precision(home: Path) -> None:
    """A run that began on a GPU goes on elsewhere."""
    digests = {
        FrozenGenerator.named("teacher", "large", replace(CPU, dtype=dtype)).digest
        for dtype in (torch.float32, torch.bfloat16)
    }
    assert len(digests) == 1
    make_checkpoint(home / "checkpoints" / "large", ngf=4)
    assert FrozenGenerator.named("teacher", "large", CPU).digest not in digests


def test_pictures_are_shown_at_one_scale_to_the_end(tmp_path: Path) -> None:
    data = make_unpaired(tmp_path / "data", count=2)
    assert open_data(TINY, data, CPU.device).zoom_until is None
    assert preset("distill", "compact").crop_while_decaying


def test_a_teacher_without_bounds_is_held_to_those_of_pictures() -> None:
    class Loud(ResnetGenerator):
        def forward(self, x: Tensor, layers: Sequence[int] = ()) -> tuple[Tensor, list[Tensor]]:
            return 3 * x, []

    A = pictures()
    assert torch.equal(FrozenGenerator(Loud(2, 1), "teacher", "")(A), (3 * A).clamp(-1, 1))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "distill learns from another model: name it with --teacher"),
        (
            ("--teacher", "nobody"),
            "setting teacher=nobody: no checkpoint 'nobody'; there are: large",
        ),
        (
            ("--teacher", "large", "--method", "cut"),
            "--teacher: for --method distill alone, not for cut",
        ),
        (("--teacher", "small", "--overwrite"), "it would be overwritten by the model that learns"),
        (("--teacher", "large", "--set", "init=reproducing"), "choose xavier or normal"),
        (("--teacher", "large", "--set", "blocks=7"), "fewer than the 2 and 7 asked for; choose"),
    ],
)
def test_what_it_refuses(
    home: Path,
    tmp_path: Path,
    options: tuple[str, ...],
    told: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = make_unpaired(tmp_path / "data", count=2)
    assert main(call(data, *options)) == 2
    assert told in capsys.readouterr().err.splitlines()[-1]
    assert not (home / "runs").exists()


def test_without_pictures_to_learn_from(home: Path, tmp_path: Path) -> None:
    with pytest.raises(CutError, match="trainA"):
        open_data(TINY, tmp_path, CPU.device)
    data = make_unpaired(tmp_path / "data", count=2)
    assert open_data(TINY, data, CPU.device).epoch_length == 2
