"""The cycle of CUT through a trained model of the way back."""

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cut.config import with_overrides
from cut.device import Placement
from cut.errors import CutError
from cut.methods.cut import Cut
from cut.randomness import StepRandom
from cut.translate import load
from tests.helpers import FAST, TINY, make_checkpoint

CPU = torch.device("cpu")


def pictures() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    A, B = (torch.rand(1, 3, 32, 32, generator=generator) * 2 - 1 for _ in "AB")
    return A, B


def test_a_cycle_through_a_model_of_the_way_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUT_HOME", str(tmp_path))
    back = load(make_checkpoint(tmp_path / "checkpoints" / "back"), "cpu", "fp32").generator
    method = Cut(replace(TINY, way_back="back", lambda_cycle=3.0), Placement(CPU))
    A, B = pictures()
    with torch.no_grad():
        again = method.generator.network(back(B)[0])[0]
    losses = method.step(A, B, StepRandom(0, 0))
    torch.testing.assert_close(losses["cycle"], 3 * F.l1_loss(again, B))
    terms = [losses[name] for name in ("NCE", "NCE_Y") if name in losses]
    expected = losses["G_GAN"] + sum(terms) / len(terms) + losses["cycle"]
    torch.testing.assert_close(losses["G"], expected)
    # It is a gradient, too, and all there is without the other terms.
    method = Cut(replace(method.settings, lambda_gan=0.0, lambda_nce=0.0), Placement(CPU))
    twin = copy.deepcopy(method.generator.network)
    (3 * F.l1_loss(twin(back(B)[0])[0], B)).backward()
    method.step(A, B, StepRandom(0, 0))
    for mine, right in zip(method.generator.network.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, right.grad, rtol=1e-3, atol=1e-6)
    assert all(
        torch.equal(now, before)
        for now, before in zip(
            method.way_back.generator.parameters(), back.parameters(), strict=True
        )
    )


def test_a_cycle_needs_a_model() -> None:
    with pytest.raises(CutError, match="goes through a model that way_back has to name"):
        with_overrides(TINY, {"lambda_cycle": "1"})
    with pytest.raises(CutError, match="without lambda_cycle nothing is learnt from it"):
        with_overrides(TINY, {"way_back": "back"})
    with pytest.raises(CutError, match="setting way_back=nobody: no checkpoint 'nobody'"):
        Cut(replace(TINY, way_back="nobody", lambda_cycle=1.0), Placement(CPU))


@pytest.mark.parametrize("base", [TINY, FAST], ids=["cut", "fastcut"])
def test_a_cycle_beside_masks_and_mirrored_inputs(
    base, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes through whole pictures as they are, and a run may take it up midway."""
    monkeypatch.setenv("CUT_HOME", str(tmp_path))
    make_checkpoint(tmp_path / "checkpoints" / "back")
    settings = replace(base, way_back="back", lambda_cycle=3.0, checkpointing=True)
    method, alone = Cut(settings, Placement(CPU)), Cut(settings, Placement(CPU))
    A, B = pictures()
    inside = torch.zeros(1, 1, 32, 32)
    masked = method.step(A, B, StepRandom(0, 1), guide=(inside, inside))
    whole = alone.step(A, B, StepRandom(0, 0))
    torch.testing.assert_close(masked["cycle"], whole["cycle"])
    before = Cut(base, Placement(CPU)).state_dict()
    method.load_state_dict(before)
    with pytest.raises(CutError, match="the model that way_back names is another than before"):
        method.load_state_dict(before | {"way_back": "another"})
