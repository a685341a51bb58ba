"""Single-image CUT's step: against a plain second flow in float64, and what it promises besides."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from cut.config import SinCutSettings, preset
from cut.data.folders import to_tensor
from cut.device import Placement
from cut.losses.texture import TextureDistance
from cut.methods.contrast import contrast
from cut.methods.sincut import SinCut
from cut.networks.patch_heads import PatchHeads, sample_places
from cut.randomness import StepRandom
from cut.web import examples
from tests.published_stylegan2 import State, discriminate, encode, generate

CPU = torch.device("cpu")
EXAMPLES = Path(examples.__file__).with_name("examples")
TINY = SinCutSettings(ngf=1, blocks=1, ndf=1, layers=(0, 2, 3), embedding=8, crop_size=32,
                      batch_size=3, steps=6)  # fmt: skip


def crops(seed: int, count: int = 3, size: int = 32) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, size // 4, size // 4, generator=generator) * 2 - 1
    return F.interpolate(coarse, size=(size, size), mode="bicubic").clamp(-1, 1)


def train(method: SinCut, first: int = 0, steps: int = 2) -> list[dict[str, Tensor]]:
    return [
        method.step(crops(2 * k), crops(2 * k + 1), StepRandom(0, k))
        for k in range(first, first + steps)
    ]


class PlainFlow:
    """The step from its formulas: every loss by autograd, every update by Adam's definition."""

    def __init__(self, settings: SinCutSettings, weights: dict[str, State]):
        self.settings = settings
        self.weights = {
            part: {key: value.double() for key, value in state.items()}
            for part, state in weights.items()
        }
        self.second: State = {}
        self.updates: dict[str, int] = dict.fromkeys(weights, 0)

    def step(self, A: Tensor, B: Tensor, choices: StepRandom) -> dict[str, Tensor]:
        A, B = A.double(), B.double()
        G, D, heads = (self.learning(part) for part in ("generator", "discriminator", "heads"))
        noise = choices.noise(2 * len(A), 1, *A.shape[2:]).double()
        output = generate(G, torch.cat([A, B]), noise, self.settings.blocks)
        fake, same = output.split(len(A))
        losses = {
            "D_fake": F.softplus(discriminate(D, fake.detach())).mean(),
            "D_real": F.softplus(-discriminate(D, B)).mean(),
            "D_R1": self.r1(D, B),
        }
        loss_D = (losses["D_fake"] + losses["D_real"]) / 2 + losses["D_R1"]
        self.update("discriminator", D, loss_D)
        losses |= {
            "G_GAN": F.softplus(-discriminate(self.weights["discriminator"], fake)).mean(),
            "NCE": self.nce(G, heads, fake, A, "X", choices),
            "NCE_Y": self.nce(G, heads, same, B, "Y", choices),
            "idt": (same - B).abs().mean(),
        }
        total = losses["G_GAN"] + (losses["NCE"] + losses["NCE_Y"]) / 2 + losses["idt"]
        self.update("generator", G, total, retain=True)
        self.update("heads", heads, total)
        return {name: loss.detach() for name, loss in losses.items()} | {"G": total.detach()}

    def learning(self, part: str) -> State:
        state = self.weights[part]
        return {
            key: value.requires_grad_() if not key.endswith("kernel") else value
            for key, value in state.items()
        }

    @staticmethod
    def r1(D: State, real: Tensor) -> Tensor:
        real = real.clone().requires_grad_()
        verdicts = discriminate(D, real)
        (gradient,) = torch.autograd.grad(verdicts.sum(), real, create_graph=True)
        return gradient.square().sum() / len(real) / 2

    def nce(
        self, G: State, heads: State, output: Tensor, source: Tensor, term: str, choices: StepRandom
    ) -> Tensor:
        last = max(self.settings.layers)
        queries, keys = encode(G, output, last), encode(G, source, last)
        losses = []
        for i, layer in enumerate(self.settings.layers):
            q, k = queries[layer].flatten(2), keys[layer].detach().flatten(2)
            place = choices.places(term, i, q.shape[2], 1)
            q, k = self.embed(heads, i, q[:, :, place[0]]), self.embed(heads, i, k[:, :, place[0]])
            logits = q @ k.detach().T / 0.07
            losses.append((logits.logsumexp(1) - logits.diagonal()).mean())
        return self.settings.lambda_nce * sum(losses) / len(losses)

    @staticmethod
    def embed(heads: State, i: int, features: Tensor) -> Tensor:
        w, b, w2, b2 = (heads[f"mlp_{i}.{n}"] for n in ("0.weight", "0.bias", "2.weight", "2.bias"))
        vectors = (features @ w.T + b).relu() @ w2.T + b2
        return vectors / (vectors.norm(dim=1, keepdim=True) + 1e-7)

    def update(self, part: str, state: State, loss: Tensor, retain: bool = False) -> None:
        """Adam with beta1 = 0: the gradient over the root of its running square."""
        keys = [key for key, value in state.items() if value.requires_grad]
        gradients = torch.autograd.grad(loss, [state[key] for key in keys], retain_graph=retain)
        self.updates[part] += 1
        beta2 = self.settings.beta2
        for key, gradient in zip(keys, gradients, strict=True):
            name = f"{part}.{key}"
            running = self.second.get(name, torch.zeros_like(gradient))
            self.second[name] = running = beta2 * running + (1 - beta2) * gradient.square()
            length = (running / (1 - beta2 ** self.updates[part])).sqrt() + 1e-8
            old = self.weights[part][key].detach()
            self.weights[part][key] = old - self.settings.learning_rate * gradient / length
        for key in state.keys() - set(keys):
            self.weights[part][key] = state[key]


def parts_of(method: SinCut) -> dict[str, Any]:
    return {
        "generator": method.generator,
        "discriminator": method.discriminator,
        "heads": method.patch_heads,
    }


def test_steps_are_the_published_flow(one_thread: None) -> None:
    method = SinCut(TINY, Placement(CPU))
    start = {name: part.weights() for name, part in parts_of(method).items()}
    flow = PlainFlow(TINY, start)
    for k in range(2):
        A, B = crops(2 * k), crops(2 * k + 1)
        expected = flow.step(A, B, StepRandom(0, k))
        losses = method.step(A, B, StepRandom(0, k))
        assert set(losses) == set(expected)
        for name, loss in losses.items():
            assert float(loss) == pytest.approx(float(expected[name]), rel=1e-3), (k, name)
    for name, part in parts_of(method).items():
        difference = change = 0.0
        for key, value in part.weights().items():
            difference += (value - flow.weights[name][key]).square().sum().item()
            change += (flow.weights[name][key] - start[name][key]).square().sum().item()
        assert change > 0
        assert (difference / change) ** 0.5 < 0.02, name


def test_negatives_come_from_all_crops() -> None:
    torch.manual_seed(0)
    heads = PatchHeads([5], 4)
    query, key = torch.randn(3, 2, 5), torch.randn(3, 2, 5)
    q, k = (heads.embed(0, side).flatten(0, 1) for side in (query, key))
    logits = q @ k.T / 0.07
    expected = F.cross_entropy(logits, torch.arange(6))
    torch.testing.assert_close(contrast(heads, [query], [key], 0.07, across_batch=True), expected)
    assert contrast(heads, [query], [key], 0.07) < expected, "fewer negatives are easier"


def test_no_gradient_flows_to_the_keys() -> None:
    heads = PatchHeads([5], 4)
    query, key = (torch.randn(3, 1, 5, requires_grad=True) for _ in range(2))
    contrast(heads, [query], [key], 0.07, across_batch=True).backward()
    assert query.grad is not None
    assert key.grad is None


@pytest.mark.parametrize("patches", [1, 3])
def test_queries_are_the_features_at_the_places(patches: int) -> None:
    method = SinCut(replace(TINY, patches=patches), Placement(CPU))
    output = crops(5)
    places = [torch.arange(patches) * 7 + i for i in range(3)]
    features = method.generator.network.encode(output, TINY.layers)
    for mine, feature, place in zip(method._queries(output, places), features, places, strict=True):
        torch.testing.assert_close(mine, sample_places(feature, place))


def test_several_patches_a_crop_train() -> None:
    method = SinCut(replace(TINY, patches=4), Placement(CPU))
    assert all(torch.isfinite(loss) for losses in train(method) for loss in losses.values())


def test_resumed_is_as_never_stopped() -> None:
    whole, first, second = (SinCut(TINY, Placement(CPU)) for _ in range(3))
    train(whole, steps=4)
    train(first, steps=2)
    second.load_state_dict(first.state_dict())
    train(second, first=2, steps=2)
    for name, part in whole.parts.items():
        for average in (False, True):
            resumed = second.parts[name].weights(average)
            for key, value in part.weights(average).items():
                assert torch.equal(value, resumed[key]), (name, key)


def test_the_seed_decides_the_first_weights() -> None:
    first, again, other = (
        SinCut(replace(TINY, seed=seed), Placement(CPU)).generator.weights() for seed in (1, 1, 2)
    )
    assert all(torch.equal(value, again[key]) for key, value in first.items())
    key = "encoder.convs.1.0.weight"
    assert not torch.equal(first[key], other[key])


def test_the_average_translates_at_any_size() -> None:
    method = SinCut(TINY, Placement(CPU))
    train(method, steps=3)
    picture = crops(9, count=1)[:, :, :27, :31]
    before = method.generator.weights()
    output = method.translate(picture)
    assert output.shape == picture.shape
    assert torch.equal(output, method.translate(picture)), "the noise must stay the same"
    assert all(torch.equal(v, before[k]) for k, v in method.generator.weights().items())
    method.generator.load_weights(method.generator.weights(average=True))
    padded = F.pad(picture, (0, 1, 0, 1), mode="reflect")
    with torch.no_grad():
        expected = method.generator.network(padded)[0][:, :, :27, :31]
    torch.testing.assert_close(output, expected)


def test_low_precision_computes_nearly_the_same() -> None:
    settings = replace(TINY, ngf=4, ndf=4)
    exact = train(SinCut(settings, Placement(CPU)), steps=1)[0]
    method = SinCut(settings, Placement(CPU, torch.bfloat16))
    for name, loss in train(method, steps=1)[0].items():
        assert float(loss) == pytest.approx(float(exact[name]), rel=0.1, abs=0.02), name
    later = train(method, first=1)[-1]
    assert all(torch.isfinite(loss) for loss in later.values())


def test_at_first_the_generator_learns_to_recolour() -> None:
    """Without the discriminator's verdict, which comes once that many steps are made."""
    method = SinCut(replace(TINY, colour_steps=1, lambda_colour=2.0), Placement(CPU))
    A, B = crops(0), crops(1)
    wanted = crops(2)
    first = method.step(A, B, StepRandom(0, 0), guide=(wanted,))
    assert "G_GAN" not in first
    torch.testing.assert_close(first["colour"], 10 * (method.last_output - wanted).abs().mean())
    second = method.step(A, B, StepRandom(0, 1), guide=(wanted,))
    coarse = [F.avg_pool2d(x, 16) for x in (method.last_output, wanted)]
    torch.testing.assert_close(second["colour"], 2 * (coarse[0] - coarse[1]).abs().mean())
    parts = second["G_GAN"] + second["colour"] + second["idt"]
    torch.testing.assert_close(second["G"], parts + (second["NCE"] + second["NCE_Y"]) / 2)


def test_a_resumed_run_knows_how_far_recolouring_is() -> None:
    settings = replace(TINY, colour_steps=2)
    first, second = (SinCut(settings, Placement(CPU)) for _ in range(2))
    for k in range(2):
        first.step(crops(2 * k), crops(2 * k + 1), StepRandom(0, k), guide=(crops(9),))
    second.load_state_dict(first.state_dict())
    losses = second.step(crops(4), crops(5), StepRandom(0, 2), guide=(crops(9),))
    assert "G_GAN" in losses


def test_the_reproducing_start_gives_back_a_picture() -> None:
    quick = preset("sincut", "quick")
    assert isinstance(quick, SinCutSettings)
    photo = Image.open(EXAMPLES / "chestnut_horse.jpg").resize((128, 96))
    picture = to_tensor(photo)[None]
    near, far = (
        SinCut(replace(quick, init=init), Placement(CPU)).translate(picture)
        for init in ("reproducing", "random")
    )
    assert (near - picture).abs().mean() < 0.06
    assert (far - picture).abs().mean() > 0.2


def test_texture_joins_in_once_enough_of_the_target_was_seen() -> None:
    method = SinCut(replace(TINY, lambda_texture=3.0), Placement(CPU))
    method.texture.batches = 2
    first, second = train(method)
    assert "texture" not in first
    seen = TextureDistance(TINY.seed, batches=2)
    for k in range(2):
        seen.see(crops(2 * k + 1))
    assert method.last_output is not None
    torch.testing.assert_close(second["texture"], 3 * seen(method.last_output, 1))
    parts = second["G_GAN"] + second["texture"] + second["idt"]
    torch.testing.assert_close(second["G"], parts + (second["NCE"] + second["NCE_Y"]) / 2)


@pytest.mark.parametrize("before", [1, 3])
def test_a_resumed_run_knows_the_texture(before: int) -> None:
    whole, second = (SinCut(replace(TINY, lambda_texture=3.0), Placement(CPU)) for _ in range(2))
    whole.texture.batches = second.texture.batches = 2
    train(whole, steps=before)
    second.load_state_dict(deepcopy(whole.state_dict()))
    expected, resumed = (train(m, first=before)[-1] for m in (whole, second))
    assert "texture" in expected
    assert expected == resumed
