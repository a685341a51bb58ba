"""The comparison of methods: what is measured, in which process, and what is refused."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cut import comparison
from cut.cli import main
from cut.comparison import Trial, beside_baseline, measure, resident_gb, train
from cut.errors import CutError
from cut.trainer import Run, Step
from tests.helpers import make_unpaired

SMALL = {"ngf": "4", "ndf": "4", "blocks": "5", "load_size": "36", "crop_size": "32"}


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    data = make_unpaired(tmp_path / "data", count=2, size=40)
    return Trial("fastcut", str(data), str(tmp_path / "run"), 3, overrides=SMALL, device="cpu")


def test_a_trial_in_this_process(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds are the mean without the first step; memory is what the steps added."""

    def steps(run: Run) -> object:
        held.append(torch.ones(50_000_000 // 4))  # 50 MB
        for k, seconds in enumerate((9.0, 2.0, 4.0), 1):
            yield Step(k, 3, {}, seconds, 1e-4)
        held.append(torch.ones(100_000_000 // 4))  # after the steps: no part of them

    held: list[torch.Tensor] = []
    monkeypatch.setattr(Run, "train", steps)
    monkeypatch.setattr("cut.bench.peak_memory_gb", lambda placement: resident_gb("cpu"))
    *told, figures = train(trial)
    assert told == [{"step": k, "total": 3} for k in (1, 2, 3)]
    assert figures["seconds"] == 3.0
    assert 0.04 < figures["memory_gb"] < 0.09
    assert figures["idle_gb"] > 0.1
    assert "score" not in figures


def test_what_is_resident_follows_what_is_held() -> None:
    before = resident_gb("cpu")
    held = torch.ones(200_000_000 // 4)
    assert resident_gb("cpu") - before == pytest.approx(0.2, abs=0.05)
    del held
    assert resident_gb("cpu") - before == pytest.approx(0, abs=0.05)


def test_shares_are_of_the_baseline() -> None:
    rows = [
        {"name": "fastcut", "seconds": 0.15, "memory_gb": 2.25},
        {"name": "cyclegan", "seconds": 0.40, "memory_gb": 4.81},
    ]
    fast, cycle = beside_baseline(rows)
    assert {name: round(fast[name], 2) for name in comparison.PAPER} == {
        "faster": 0.62,  # the paper's 63 % is of unrounded seconds
        "lighter": 0.53,
    }
    assert (cycle["faster"], cycle["lighter"]) == (0, 0)


def test_on_the_command_line(
    trial: Trial, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """All three; one of them in a process of its own, as they all are: importing takes long."""
    heard = []

    def shortened(trial: Trial, tell: comparison.Tell) -> dict:
        if trial.method == "cyclegan":
            return measure(trial, lambda *step: heard.append(step) or tell(*step))
        return list(train(trial))[-1]

    monkeypatch.setattr(comparison, "measure", shortened)
    data = Path(trial.data)
    for side in "AB":
        (data / f"test{side}").symlink_to(data / f"train{side}")
    sets = [part for item in SMALL.items() for part in ("--set", "=".join(item))]
    runs = data.parent / "runs"
    call = ["compare-methods", "--data", str(data), "--steps", "2", "--device", "cpu", *sets]
    assert main([*call, "--output", str(runs), "--metric", "kid-lite0", "--json"]) == 0
    out = capfd.readouterr().out.splitlines()
    assert out[0].split() == ["s", "a", "step", "memory", "GFLOP", "faster", "lighter", "kid-lite0"]
    assert out[4].startswith("FastCUT against CycleGAN: ")
    report = json.loads(out[-1])
    assert (report["steps"], report["precision"]) == (2, "fp32")
    assert [row["name"] for row in report["results"]] == ["cut", "fastcut", "cyclegan"]
    assert heard == [(1, 2), (2, 2)]
    for row in report["results"]:
        assert row["seconds"] > 0
        assert row["score"]["images"] == 2
        config = json.loads((runs / row["name"] / "last" / "config.json").read_text())
        assert (config["method"], config["steps"]) == (row["name"], 2)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--steps", "1"], "1 steps: at least 2"),
        (["--set", "layers=0,4"], "no setting 'layers'"),
        (["--set", "ngf"], "--set ngf: write KEY=VALUE"),
        (["--preset", "quick"], "no preset 'quick' for cut"),
        (["--metric", "kid-lite0"], "testA: training pictures are expected"),
        (["--precision", "fp16"], "fp16 is hundreds of times slower"),
    ],
)
def test_bad_input_is_one_line_before_anything_trains(
    trial: Trial, options: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare-methods", "--data", trial.data, "--device", "cpu", *options]) == 2
    error = capsys.readouterr().err
    assert line in error
    assert error.count("\n") == 1


def test_a_fault_in_the_process_is_one_line(trial: Trial) -> None:
    for path in (Path(trial.data) / "trainB").iterdir():
        path.write_bytes(b"not a picture")
    with pytest.raises(CutError, match="none of the 2 pictures") as caught:
        measure(trial)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("raise ValueError('odd')", "training fastcut failed: ValueError: odd"),
        ("import os; os.kill(os.getpid(), 9)", "ended by signal 9; was there enough memory?"),
    ],
)
def test_a_process_that_breaks_off(
    trial: Trial, code: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    popen = subprocess.Popen
    monkeypatch.setattr(
        comparison.subprocess,
        "Popen",
        lambda command, **options: popen([sys.executable, "-c", code], **options),
    )
    with pytest.raises(CutError, match=line.replace("?", r"\?")):
        measure(replace(trial))


def test_an_interrupt_ends_the_process(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    """What trains is not left behind: it would go on for hours."""
    popen, started = subprocess.Popen, []

    def start(command: list[str], **options: object) -> subprocess.Popen[str]:
        code = 'import time; print(\'{"step": 1, "total": 2}\', flush=True); time.sleep(60)'
        started.append(popen([sys.executable, "-c", code], **options))
        return started[0]

    def interrupt(step: int, total: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(comparison.subprocess, "Popen", start)
    before = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        measure(trial, interrupt)
    assert time.monotonic() - before < 30
    assert started[0].returncode == -signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(started[0].pid, 0)
