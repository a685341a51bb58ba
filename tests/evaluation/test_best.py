"""The best weights of a run are kept, and evaluated apart from the last and their average."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cut import best
from cut.checkpoints import read_checkpoint
from cut.commands.train import run as train_command
from cut.device import Placement
from cut.errors import CutError
from cut.evaluation.weights import find_run, kept, model_of
from cut.events import Scored, Step
from cut.trainer import Run
from tests.evaluation.stand_ins import ColourNetwork
from tests.evaluation.test_evaluate import call
from tests.evaluation.test_report import score
from tests.helpers import TINY, make_picture, make_unpaired

CPU = Placement(torch.device("cpu"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = make_unpaired(tmp_path / "data", count=3)
    for side in "AB":
        (folder / f"test{side}").mkdir()
        for seed in range(3):
            make_picture(48, 40, seed).save(folder / f"test{side}" / f"{seed}.png")
    return folder


@pytest.fixture
def scores_to_come(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """What the scores will be, one after the other, whatever the model."""

    def come(*values: float) -> None:
        left = iter(values)
        monkeypatch.setattr(best, "evaluate", lambda *_, **__: score(next(left)))

    return come


def a_run(folder: Path, data: Path, **changes: object) -> Run:
    made = Run("model", TINY, data, folder, CPU, workers=0, preview_every=None)
    return replace(made, evaluate_every=2, **changes)  # type: ignore[arg-type]


def scored(events: Iterator[object]) -> list[tuple[int, float, bool]]:
    return [(e.step, e.value, e.best) for e in events if isinstance(e, Scored)]


def test_the_least_score_is_kept(
    tmp_path: Path, data: Path, scores_to_come: Callable[..., None]
) -> None:
    scores_to_come(0.5, 0.3, 0.4)
    run = a_run(tmp_path / "run", data)
    assert scored(run.train()) == [(2, 0.5, True), (4, 0.3, True), (6, 0.4, False)]
    kept_model, last = (read_checkpoint(tmp_path / "run" / name) for name in ("best", "last"))
    assert (kept_model.config["steps"], last.config["steps"]) == (4, 6)
    assert kept_model.score is not None
    assert kept_model.score["value"] == 0.3
    assert last.score is None
    assert sorted(path.name for path in run.folder.iterdir()) == ["best", "last", "state.pt"]


def test_a_resumed_run_has_to_surpass_what_was_kept(
    tmp_path: Path, data: Path, scores_to_come: Callable[..., None]
) -> None:
    scores_to_come(0.3, 0.4, 0.2)
    assert scored(a_run(tmp_path / "run", data, until=3).train()) == [(2, 0.3, True)]
    resumed = a_run(tmp_path / "run", data)
    assert scored(resumed.train(resume=True)) == [(4, 0.4, False), (6, 0.2, True)]


def test_scoring_leaves_the_training_alone(
    tmp_path: Path, data: Path, colours: ColourNetwork, one_thread: None
) -> None:
    found = scored(a_run(tmp_path / "scored", data).train())
    assert [step for step, _, _ in found] == [2, 4, 6]
    assert min(value for _, value, _ in found) == next(
        v for _, v, is_best in found[::-1] if is_best
    )
    list(replace(a_run(tmp_path / "plain", data), evaluate_every=None).train())
    one, other = (
        torch.load(tmp_path / name / "state.pt", weights_only=True)["method"]["generator"][
            "weights"
        ]
        for name in ("scored", "plain")
    )
    assert all(torch.equal(one[key], other[key]) for key in other)


def test_data_that_cannot_be_scored_is_refused_before_the_first_step(
    tmp_path: Path, data: Path
) -> None:
    for path in list((data / "testB").iterdir())[1:]:
        path.unlink()
    events: list[object] = []
    with pytest.raises(CutError, match=r"needs two pictures or more in .*testB"):
        events.extend(a_run(tmp_path / "run", data).train())
    assert not [event for event in events if isinstance(event, Step)]
    pair = data / "trainA" / "0.png", data / "trainB" / "0.png"
    with pytest.raises(CutError, match="sincut has no folders"):
        best.Best(pair, tmp_path / "run" / "best", CPU, resume=False)


def test_a_score_that_fails_costs_no_step_and_says_why(
    tmp_path: Path, data: Path, colours: ColourNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = a_run(tmp_path / "run", data, until=2)
    for file in (data / "testA").iterdir():
        file.write_bytes(b"broken")
    with pytest.raises(CutError, match=r"good pictures.*; .*\.png"):
        list(run.train())
    assert torch.load(run.state_file, weights_only=True)["step"] == 2


def test_evaluate_tells_the_weights_of_a_run_apart(
    tmp_path: Path,
    data: Path,
    colours: ColourNetwork,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("CUT_HOME", str(tmp_path))
    list(a_run(tmp_path / "runs" / "mine", data).train())
    places = ("--source", data / "testA", "--target", data / "testB", "--size", "40")
    page = tmp_path / "page.html"
    common = ("--checkpoint", "mine", *places, "--device", "cpu", "--json")
    assert call(*common, "--weights", "all", "--report", page) == 0
    out = capsys.readouterr().out
    results = json.loads(out.splitlines()[-1])["results"]
    assert [result["weights"] for result in results] == ["last", "ema", "best"]
    assert results[0]["value"] != results[1]["value"]
    for result in results:
        assert call(*common, "--weights", result["weights"]) == 0
        assert json.loads(capsys.readouterr().out.splitlines()[-1]) == result
    html = page.read_text()
    assert all(f"mine, {weights}" in html for weights in ("last", "ema", "best"))
    assert "(mine), on " in html, "their steps differ"
    with pytest.raises(CutError, match="--sheet shows one model"):
        call(*common, "--weights", "all", "--sheet", tmp_path / "sheet.png")


def test_the_weights_are_those_that_the_run_saved(tmp_path: Path, data: Path) -> None:
    run = replace(a_run(tmp_path / "run", data), evaluate_every=None, until=3)
    list(run.train())
    saved = torch.load(run.state_file, weights_only=True)["method"]["generator"]
    assert kept(run.folder, "all") == ["last", "ema"]
    with model_of(run.folder, "last") as last, model_of(run.folder, "ema") as ema:
        raw, averaged = last.generator_state(), ema.generator_state()
    assert all(torch.equal(raw[key], saved["weights"][key]) for key in raw)
    assert any(not torch.equal(raw[key], averaged[key]) for key in raw)
    assert not last.folder.exists()
    assert averaged.keys() == raw.keys()
    means = {tuple(value.shape): value for value in saved["average"]}
    assert any(torch.equal(value, means[tuple(value.shape)]) for value in averaged.values())


def test_runs_that_are_not_there(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUT_HOME", str(tmp_path))
    with pytest.raises(CutError, match="no run 'horse2zebra' with a save"):
        find_run("horse2zebra")
    job = "0123456789abcdef01234567"
    run = replace(a_run(tmp_path / "jobs" / job / "run", data), evaluate_every=None, until=1)
    list(run.train())
    assert find_run(job) == find_run(str(run.folder)) == run.folder
    with pytest.raises(CutError, match="keeps no best weights"):
        kept(run.folder, "best")
    run.state_file.write_bytes(b"damaged")
    with pytest.raises(CutError, match=r"state\.pt is damaged"), model_of(run.folder, "last"):
        pass


def test_command_tells_of_scores(
    tmp_path: Path,
    data: Path,
    scores_to_come: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from cut.cli import parser

    monkeypatch.setenv("CUT_HOME", str(tmp_path))
    scores_to_come(0.5, 0.7)
    tiny = [f"--set={key}={getattr(TINY, key)}" for key in ("ngf", "blocks", "ndf", "patches")]
    tiny += ["--set=layers=0,4,8,12", "--set=load_size=40", "--set=crop_size=32"]
    options = ["--data", str(data), "--name", "mine", "--steps", "2", "--evaluate-every", "1"]
    assert train_command(parser().parse_args(["train", *options, *tiny, "--device", "cpu"])) == 0
    err = capsys.readouterr().err
    assert "step 1: KID-lite0 0.5000 (doing nothing 0.2200), the best so far" in err
    assert "step 2: KID-lite0 0.7000 (doing nothing 0.2200)\n" in err
    lines = (tmp_path / "runs" / "mine" / "log.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["kid_lite0"] for row in rows if "kid_lite0" in row] == [0.5, 0.7]
