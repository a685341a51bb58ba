"""The phases of a training step, and the command that tells them."""

import time
from dataclasses import replace

import pytest
import torch

from cut.cli import main
from cut.device import Placement
from cut.phases import listening, phase
from cut.step_profile import profile_steps
from tests.helpers import TINY

CPU = Placement(torch.device("cpu"))


def test_inner_phases_stop_the_outer_ones_clock() -> None:
    with listening(CPU.device) as phases:
        start = time.perf_counter()
        with phase("outer"):
            time.sleep(0.02)
            with phase("inner"):
                time.sleep(0.05)
            time.sleep(0.02)
        with phase("inner"):
            time.sleep(0.03)
        whole = time.perf_counter() - start
    assert phases.seconds["outer"] >= 0.04
    assert phases.seconds["inner"] >= 0.08
    assert sum(phases.seconds.values()) <= whole


def test_nobody_listens_to_the_phases_of_training() -> None:
    with listening(CPU.device) as phases:
        pass
    with phase("later"):
        pass
    assert not phases.seconds


@pytest.mark.parametrize("flips", [False, True])
def test_phases_of_a_step_add_up(flips: bool) -> None:
    settings = replace(TINY, identity=not flips, flip_equivariance=flips)
    settings = replace(settings, lambda_texture=1.0, lambda_vision=1.0)
    start = time.perf_counter()
    told = profile_steps(settings, CPU, runs=2)
    assert 0 < 2 * told["seconds"] < time.perf_counter() - start
    assert sum(told["phases"].values()) <= told["seconds"] * 1.001
    assert 0 <= told["remainder"] < 0.5 * told["seconds"]
    expected = {"data loading", "G forward", "D backward", "G and F backward", "optimisers"}
    assert expected | {"queries", "F and PatchNCE", "texture", "vision"} <= set(told["phases"])
    assert ("keys of the input as it was" in told["phases"]) == flips
    assert list(told["phases"].values()) == sorted(told["phases"].values(), reverse=True)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["train", "--profile", "--only", "sincut"], "nothing called sincut to measure"),
        (["translate", "--profile"], "bench train --profile"),
        (["translate", "--only", "no-such"], "nothing called no-such to measure"),
    ],
)
def test_what_cannot_be_measured_is_refused(arguments, line, capsys) -> None:
    assert main(["bench", *arguments]) == 2
    assert line in capsys.readouterr().err
