"""The training loop: its events, and runs that stop and go on as if they had not."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cut import checkpoints, trainer
from cut.checkpoints import read_checkpoint
from cut.config import Settings
from cut.device import Placement
from cut.errors import CutError
from cut.methods.cut import Cut
from cut.trainer import Preview, Run, Saved, Skipped, Step
from cut.translate import load
from tests.helpers import FAST, TINY, TINY_CYCLE, make_checkpoint, make_picture, make_unpaired

CPU = Placement(torch.device("cpu"))
BF16 = Placement(torch.device("cpu"), torch.bfloat16)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make_unpaired(tmp_path / "data", count=3)


def run_in(folder: Path, data: Path, **changes) -> Run:
    values = {"settings": TINY, "placement": CPU, "workers": 0, "preview_every": 100}
    return Run("model", data=data, folder=folder, **(values | changes))


def state_of(run: Run) -> dict:
    return torch.load(run.state_file, weights_only=True)


def assert_same_bits(a: object, b: object, path: str = "") -> None:
    if isinstance(a, dict):
        assert a.keys() == b.keys(), path
        for key in a:
            assert_same_bits(a[key], b[key], f"{path}.{key}")
    elif isinstance(a, list | tuple):
        for i, (one, other) in enumerate(zip(a, b, strict=True)):
            assert_same_bits(one, other, f"{path}.{i}")
    elif isinstance(a, torch.Tensor):
        assert torch.equal(a, b), path
    else:
        assert a == b, path


def test_events_of_a_run(tmp_path: Path, data: Path) -> None:
    run = run_in(tmp_path / "run", data, preview_every=2, save_every=4)
    events = list(run.train())
    steps = [event for event in events if isinstance(event, Step)]
    assert [event.step for event in steps] == [1, 2, 3, 4, 5, 6]
    assert {event.total for event in steps} == {6}
    assert {"G", "NCE", "NCE_Y", "G_GAN", "D_real", "D_fake"} == set(steps[0].losses)
    assert all(event.seconds > 0 for event in steps)
    # The second half of the schedule falls to zero.
    assert [event.learning_rate / 2e-4 for event in steps] == pytest.approx(
        [1, 1, 1, 1, 2 / 3, 1 / 3]
    )
    assert [event.step for event in events if isinstance(event, Preview)] == [0, 2, 4, 6]
    assert [event.step for event in events if isinstance(event, Saved)] == [4, 6]
    preview = next(event for event in events if isinstance(event, Preview)).picture
    assert preview.size == (3 * 40, 2 * 40)  # three sources over their translations


def test_what_is_saved_translates(tmp_path: Path, data: Path) -> None:
    run = run_in(tmp_path / "run", data)
    saved = list(run.train())[-1]
    assert saved == Saved(6, tmp_path / "run" / "last")
    model = load(saved.folder, device="cpu", precision="fp32")
    assert model(make_picture(48, 40)).size == (48, 40)
    assert model.checkpoint.config["steps"] == 6
    assert model.checkpoint.config["data"]["name"] == "data"
    average = dict(
        zip(
            [name for name, _ in model.generator.named_parameters()],
            state_of(run)["method"]["generator"]["average"],
            strict=True,
        )
    )
    for name, parameter in model.generator.named_parameters():
        assert torch.equal(parameter, average[name]), "translating takes the averaged weights"


@pytest.mark.parametrize(
    ("settings", "placement"),
    [
        (TINY, CPU),
        (TINY, BF16),
        (replace(FAST, batch_size=2, clip_spikes=1.5), CPU),
        (TINY_CYCLE, CPU),
    ],
    ids=["cut", "cut-bf16", "fastcut-batch2", "cyclegan"],
)
def test_stopping_and_resuming_is_as_never_having_stopped(
    tmp_path: Path, data: Path, settings, placement: Placement
) -> None:
    shared = {"settings": settings, "placement": placement}
    whole = run_in(tmp_path / "whole", data, **shared)
    list(whole.train())
    torch.manual_seed(123)  # whatever was drawn in between must not matter
    for until in (1, 4, None):
        part = run_in(tmp_path / "parts", data, until=until, preview_every=1, **shared)
        list(part.train(resume=until != 1))
        torch.rand(7)
    a, b = state_of(whole), state_of(part)
    assert a.pop("seconds") > 0
    assert b.pop("seconds") > 0
    assert_same_bits(a, b)
    ours, theirs = (read_checkpoint(run.folder / "last") for run in (whole, part))
    assert set(ours.files) == set(whole_parts(settings))
    for name in ours.files:
        assert_same_bits(ours.weights(name), theirs.weights(name), name)


def whole_parts(settings: Settings) -> list[str]:
    heads = [] if settings.method == "cyclegan" else ["patch_heads"]
    return ["generator", "discriminator", *heads]


def test_reading_in_other_processes_changes_nothing(tmp_path: Path, data: Path) -> None:
    here = run_in(tmp_path / "here", data, until=3)
    there = run_in(tmp_path / "there", data, until=3, workers=2)
    list(here.train())
    list(there.train())
    assert_same_bits(state_of(here)["method"], state_of(there)["method"])


def test_leaving_the_loop_loses_no_save(tmp_path: Path, data: Path) -> None:
    run = run_in(tmp_path / "run", data, save_every=2)
    for event in run.train():
        if isinstance(event, Step) and event.step == 3:
            break
    assert state_of(run)["step"] == 2
    resumed = run_in(tmp_path / "run", data)
    steps = [event.step for event in resumed.train(resume=True) if isinstance(event, Step)]
    assert steps == [3, 4, 5, 6]


def test_stop_saves_after_the_step_that_is_being_made(tmp_path: Path, data: Path) -> None:
    run = run_in(tmp_path / "run", data)
    events = []
    for event in run.train():
        events.append(event)
        if isinstance(event, Step) and event.step == 2:
            run.stop()
    assert events[-1] == Saved(2, tmp_path / "run" / "last")


def test_minutes_end_a_run_with_a_save(tmp_path: Path, data: Path) -> None:
    run = run_in(tmp_path / "run", data, minutes=1e-9)
    assert list(run.train())[-1] == Saved(1, tmp_path / "run" / "last")


def test_minutes_in_all_count_what_was_trained_before(tmp_path: Path, data: Path) -> None:
    list(run_in(tmp_path / "run", data, until=2).train())
    enough = run_in(tmp_path / "run", data, minutes_in_all=60)
    steps = [event.step for event in enough.train(resume=True) if isinstance(event, Step)]
    assert steps == [3, 4, 5, 6]
    list(run_in(tmp_path / "more", data, until=2).train())
    used_up = run_in(tmp_path / "more", data, minutes_in_all=1e-9)
    assert list(used_up.train(resume=True))[-1] == Saved(3, tmp_path / "more" / "last")


def test_saves_and_previews_by_time(tmp_path: Path, data: Path) -> None:
    shared = {"preview_every": None, "save_every": None}
    often = run_in(tmp_path / "often", data, preview_seconds=0.0, save_seconds=0.0, **shared)
    events = list(often.train())
    assert [event.step for event in events if isinstance(event, Saved)] == [1, 2, 3, 4, 5, 6]
    seldom = run_in(tmp_path / "seldom", data, preview_seconds=1e6, save_seconds=1e6, **shared)
    events = list(seldom.train())
    assert [event.step for event in events if isinstance(event, Saved)] == [6]
    assert [event.step for event in events if isinstance(event, Preview)] == [0, 6]


def test_saving_by_time_changes_nothing_of_the_training(tmp_path: Path, data: Path) -> None:
    plain = run_in(tmp_path / "plain", data)
    often = run_in(tmp_path / "often", data, preview_seconds=0.0, save_seconds=0.0)
    list(plain.train())
    list(often.train())
    assert_same_bits(state_of(plain)["method"], state_of(often)["method"])


def test_a_title_for_people(tmp_path: Path, data: Path) -> None:
    list(run_in(tmp_path / "run", data, until=1, title="Étretat, as a photo").train())
    assert read_checkpoint(tmp_path / "run" / "last").title == "Étretat, as a photo"


def test_overrides_lengthen_a_schedule(tmp_path: Path, data: Path) -> None:
    list(run_in(tmp_path / "run", data).train())
    again = run_in(tmp_path / "run", data, overrides={"steps": "8"})
    steps = [event for event in again.train(resume=True) if isinstance(event, Step)]
    assert [(event.step, event.total) for event in steps] == [(7, 8), (8, 8)]
    assert state_of(again)["settings"]["steps"] == 8


def test_a_finished_run_resumes_to_its_end(tmp_path: Path, data: Path) -> None:
    list(run_in(tmp_path / "run", data).train())
    events = list(run_in(tmp_path / "run", data).train(resume=True))
    assert not any(isinstance(event, Step) for event in events)


def test_overrides_cannot_change_the_networks(tmp_path: Path, data: Path) -> None:
    list(run_in(tmp_path / "run", data, until=1).train())
    with pytest.raises(CutError, match=r"cannot resume: .*other widths or layers"):
        list(run_in(tmp_path / "run", data, overrides={"ngf": "6"}).train(resume=True))


@pytest.mark.parametrize("fault", ["missing", "damaged", "another"])
def test_nothing_to_resume(tmp_path: Path, data: Path, fault: str) -> None:
    run = run_in(tmp_path / "run", data)
    run.folder.mkdir()
    expected = {"missing": "nothing to resume", "damaged": "is damaged", "another": "version"}
    if fault == "damaged":
        run.state_file.write_bytes(b"PK\x03\x04 and then nothing")
    elif fault == "another":
        torch.save({"format": 99}, run.state_file)
    with pytest.raises(CutError, match=expected[fault]):
        list(run.train(resume=True))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_stops_the_run(
    tmp_path: Path, data: Path, value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Cut.step

    def step(self, A, B, choices, rate_factor=1.0, guide=()):
        losses = made(self, A, B, choices, rate_factor)
        return losses | {"NCE": torch.tensor(value)} if choices.step == 3 else losses

    monkeypatch.setattr(Cut, "step", step)
    run = run_in(tmp_path / "run", data, save_every=2)
    with pytest.raises(CutError, match="step 4: NCE is no longer a number"):
        list(run.train())
    saved = state_of(run)
    assert saved["step"] == 2
    for part in ("generator", "discriminator", "patch_heads"):
        assert all(v.isfinite().all() for v in saved["method"][part]["weights"].values())


@pytest.mark.parametrize("workers", [0, 2])
def test_a_broken_picture_is_named_and_counted(tmp_path: Path, data: Path, workers: int) -> None:
    (data / "trainA" / "1.png").write_bytes(b"not a picture")
    run = run_in(tmp_path / "run", data, workers=workers)
    skipped = [event for event in run.train() if isinstance(event, Skipped)]
    assert [event.total for event in skipped] == [1, 2]  # twice in six draws of three pictures
    assert all("1.png" in event.message for event in skipped)
    assert run.step == 6


@pytest.mark.parametrize("workers", [0, 2])
def test_no_readable_picture_is_one_line(tmp_path: Path, data: Path, workers: int) -> None:
    for path in (data / "trainB").iterdir():
        path.write_bytes(b"not a picture")
    with pytest.raises(CutError) as caught:
        list(run_in(tmp_path / "run", data, workers=workers).train())
    expected = f"none of the 3 pictures in {data / 'trainB'} can be read"
    assert str(caught.value) == expected


def test_a_run_may_start_from_another_model(tmp_path: Path, data: Path) -> None:
    model = make_checkpoint(tmp_path / "model", ngf=4, blocks=2)
    run = run_in(tmp_path / "run", data, start_from=model, settings=replace(TINY, seed=9), until=1)
    list(run.train())
    saved, before = state_of(run)["method"]["generator"]["weights"], model.generator_state()
    for key, value in before.items():
        assert (saved[key] - value).abs().max() <= 2.1e-4, "one step of Adam away at most"
    other = make_checkpoint(tmp_path / "other", ngf=6, blocks=2)
    with pytest.raises(CutError, match="cannot start from other: its generator has other widths"):
        list(run_in(tmp_path / "run2", data, start_from=other).train())


def test_previews_prefer_test_pictures(tmp_path: Path, data: Path) -> None:
    (data / "testA").mkdir()
    make_picture(40, 40, seed=77).save(data / "testA" / "only.png")
    (data / "testA" / "broken.png").write_bytes(b"")
    run = run_in(tmp_path / "run", data, until=1)
    *_, preview = [event for event in run.train() if isinstance(event, Preview)]
    assert preview.picture.size == (40, 80)
    assert preview.picture.crop((0, 0, 40, 40)).tobytes() == make_picture(40, 40, 77).tobytes()
    (data / "testA" / "only.png").unlink()
    run = run_in(tmp_path / "run2", data, until=1)
    *_, preview = [event for event in run.train() if isinstance(event, Preview)]
    assert preview.picture.size == (3 * 40, 80), "none of testA can be read: trainA serves"


def test_train_keeps_runs_at_home(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUT_HOME", str(tmp_path / "home"))
    settings = replace(TINY, steps=1)
    events = list(trainer.train(settings, data, "mine", device="cpu", precision="fp32"))
    assert events[-1].folder == checkpoints.home() / "runs" / "mine" / "last"
    with pytest.raises(CutError, match="there is a run 'mine' already"):
        next(trainer.train(settings, data, "mine", device="cpu", precision="fp32"))
    with pytest.raises(CutError, match="use letters, digits"):
        trainer.train(settings, data, "../../mine", device="cpu", precision="fp32")
