"""Saving a run where the disk is full or the folder is gone: one line, and nothing is lost."""

import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from cut.checkpoints import read_checkpoint
from cut.device import Placement
from cut.errors import CutError
from cut.published import export_published, write_pickle
from cut.trainer import Run, Step
from tests.helpers import TINY, make_checkpoint, make_unpaired


@contextmanager
def full_disk(free: int) -> Iterator[None]:
    """Files may grow to `free` bytes and no further, as on a disk with that much left."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def saved_run(folder: Path) -> Run:
    data = make_unpaired(folder / "data", count=2)
    place = Placement(torch.device("cpu"))
    run = Run("model", TINY, data, folder / "run", place, save_every=2, workers=0)
    for event in run.train():
        if isinstance(event, Step) and event.step == 3:
            break
    return run


@pytest.mark.parametrize("free", [20_000, 0])
def test_a_full_disk_leaves_the_save_before(tmp_path: Path, free: int) -> None:
    run = saved_run(tmp_path)
    before = {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
    with full_disk(free), pytest.raises(CutError, match=r"cannot write .*state\.pt") as caught:
        list(run.train(resume=True))
    assert "\n" not in str(caught.value)
    after = {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
    assert before == after, "the save before is untouched, and no part of the new one is left"
    run = Run("model", TINY, run.data, run.folder, run.placement, workers=0)
    assert [e.step for e in run.train(resume=True) if isinstance(e, Step)] == [3, 4, 5, 6]


def test_a_full_disk_while_writing_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = saved_run(tmp_path)
    before = read_checkpoint(run.folder / "last").generator_state()

    def write_state_then_fill(value: object, path: Path) -> None:
        write_pickle(value, path)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    monkeypatch.setattr("cut.trainer.write_pickle", write_state_then_fill)
    try:
        with pytest.raises(CutError, match=r"cannot write .*last: "):
            list(run.train(resume=True))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    after = read_checkpoint(run.folder / "last").generator_state()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert sorted(p.name for p in run.folder.iterdir()) == ["last", "state.pt"]


def test_a_lost_folder(tmp_path: Path) -> None:
    """A file stands where the run's folder was: the save fails in one line."""
    run = saved_run(tmp_path)
    shutil.rmtree(run.folder)
    run.folder.write_text("in the way")
    with pytest.raises(CutError, match="cannot write") as caught:
        write_pickle({"a": torch.zeros(3)}, run.state_file)
    assert "\n" not in str(caught.value)
    with pytest.raises(CutError, match="cannot make"):
        list(run.train())


def test_a_folder_lost_while_training_is_made_again(tmp_path: Path) -> None:
    run = saved_run(tmp_path)
    run = Run("model", TINY, run.data, run.folder, run.placement, workers=0)
    for event in run.train(resume=True):
        if isinstance(event, Step) and event.step == 4:
            shutil.rmtree(run.folder)
    assert read_checkpoint(run.folder / "last").config["steps"] == 6


def test_exporting_to_a_full_disk(tmp_path: Path) -> None:
    model = make_checkpoint(tmp_path / "model", ngf=4, blocks=2)
    with full_disk(1000), pytest.raises(CutError, match=r"cannot write .*latest_net_G\.pth"):
        export_published(model, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def files_of(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_saved_run_is_not_trained_over(tmp_path: Path) -> None:
    run = saved_run(tmp_path)
    before = files_of(run.folder)
    again = Run("model", TINY, run.data, run.folder, run.placement, workers=0)
    with pytest.raises(CutError, match="there is a run 'model' already: resume it or overwrite it"):
        next(again.train())
    assert files_of(run.folder) == before


def test_what_is_overwritten_goes_with_the_first_save_and_not_before(tmp_path: Path) -> None:
    run = saved_run(tmp_path)
    before = files_of(run.folder)
    start = read_checkpoint(run.folder / "last")

    def again(data: Path = tmp_path / "data") -> Run:
        place = run.placement
        new = Run("model", TINY, data, run.folder, place, save_every=2, workers=0, overwrite=True)
        new.start_from = start
        return new

    with pytest.raises(CutError, match="no folder"):
        next(again(tmp_path / "missing").train())
    assert files_of(run.folder) == before
    for event in again().train():
        if isinstance(event, Step):
            break  # nothing was saved yet
    assert files_of(run.folder) == before
    for event in again().train():
        if isinstance(event, Step) and event.step == 3:
            break
    state = torch.load(run.state_file, weights_only=True)
    assert state["step"] == 2
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_resuming_with_a_part_that_was_not_trained(tmp_path: Path) -> None:
    run = saved_run(tmp_path)
    run.overrides = {"lambda_texture": "1"}
    with pytest.raises(CutError, match="holds no texture, as the settings ask for"):
        list(run.train(resume=True))
