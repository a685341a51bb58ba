"""Training in two processes over gloo: the same as in one, and one line when it cannot go on."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cut.config import preset
from cut.device import Placement
from cut.distributed import _device, joined
from cut.errors import CutError
from cut.ranks import Ranks
from cut.trainer import Run, Saved
from tests.helpers import TINY, make_unpaired
from tests.test_trainer import assert_same_bits
from tests.two_ranks import BATCH, CASES, run_in, told

CPU = Placement(torch.device("cpu"))
TWO = Placement(torch.device("cpu"), ranks=Ranks(0, 2))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_unpaired(tmp_path_factory.mktemp("pictures") / "data", count=3)


@pytest.fixture(scope="module")
def two(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that two processes left: see `tests.two_ranks`."""
    out = tmp_path_factory.mktemp("two")
    other = make_unpaired(out / "data", count=2)
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.two_ranks", str(data), str(other), str(out)],
            env=os.environ | shared | {"RANK": str(rank), "OMP_NUM_THREADS": "1"},
            cwd=Path(__file__).parent.parent,
        )
        for rank in range(2)
    ]
    assert [process.wait(timeout=240) for process in processes] == [0, 0]
    return out


def results(out: Path, rank: int) -> dict:
    return json.loads((out / f"rank{rank}.json").read_text())


def networks(out: Path, case: str, rank: int) -> dict:
    return torch.load(out / f"{case}-rank{rank}.pt", weights_only=True)


@pytest.mark.parametrize("case", CASES)
def test_two_processes_make_the_step_of_one_on_the_joined_batch(
    two: Path, data: Path, tmp_path: Path, case: str, one_thread: None
) -> None:
    alone = run_in(tmp_path / "run", data, CPU, settings=CASES[case])
    expected = told(alone)["losses"]
    losses = results(two, 0)[case]["losses"]
    assert len(losses) == 3
    for ours, theirs in zip(losses, expected, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)
    method = torch.load(alone.state_file, weights_only=True)["method"]
    vision = ["vision_heads"] if CASES[case].lambda_vision else []
    for part in ("generator", "patch_heads", "discriminator", *vision):
        assert_near(networks(two, case, 0)[part], method[part])


def assert_near(ours: dict, theirs: dict) -> None:
    """Equal weights but for rounding, and but for biases that a norm takes out again.

    Those have no gradient but what rounding leaves, of which Adam makes steps of full length.
    """
    names = [name for name in theirs["weights"] if not name.endswith(".filt")]
    moments = {
        name: theirs["adam"]["state"][i]["exp_avg"].abs().max() for i, name in enumerate(names)
    }
    for name in names:
        weight = name.replace(".bias", ".weight")
        if name == weight or moments[name] > 1e-4 * moments[weight]:
            difference = ours["weights"][name] - theirs["weights"][name]
            assert difference.abs().max() < 1e-6, name


def test_both_processes_keep_the_same_networks(two: Path) -> None:
    for case in (*CASES, "parts"):
        assert_same_bits(networks(two, case, 0), networks(two, case, 1))
        assert results(two, 0)[case]["losses"] == results(two, 1)[case]["losses"]


def test_the_first_process_alone_saves_and_shows(two: Path) -> None:
    assert {k: results(two, 0)["cut"][k] for k in ("previews", "saves")} == {
        "previews": 2,
        "saves": 3,
    }
    assert {k: results(two, 1)["cut"][k] for k in ("previews", "saves")} == {
        "previews": 0,
        "saves": 0,
    }
    assert not (two / "nowhere").exists()


def test_resuming_is_exact(two: Path) -> None:
    assert_same_bits(networks(two, "parts", 0), networks(two, "fastcut", 0))
    assert results(two, 0)["parts"]["losses"] == results(two, 0)["fastcut"]["losses"][2:]


def test_all_stop_when_one_is_told_to_or_its_time_is_up(two: Path) -> None:
    for rank in range(2):
        assert results(two, rank)["stopped"] == 2
        assert results(two, rank)["hurried"] == 1


def test_a_loss_that_is_no_number_on_one_stops_all(two: Path) -> None:
    for rank in range(2):
        assert results(two, rank)["no number"].startswith("step 2: NCE is no longer a number")
    state = torch.load(two / "no-number" / "state.pt", weights_only=True)
    assert state["step"] == 1


def test_processes_that_see_different_pictures_do_not_begin(two: Path) -> None:
    for rank in range(2):
        assert "the processes see different pictures" in results(two, rank)["other data"]


def test_a_process_that_does_not_answer_is_not_waited_for(two: Path) -> None:
    assert results(two, 0)["silence"].startswith("another process of this training died or does")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (replace(TINY, batch_size=3), "batch_size=3: it is shared by 2 processes, so choose a mul"),
        (replace(BATCH, lambda_texture=1.0), "lambda_texture trains in one process"),
        (preset("cyclegan"), "cyclegan trains in one process alone"),
        (preset("sincut", "quick"), "sincut trains in one process alone"),
        (preset("distill"), "distill trains in one process alone"),
        (replace(BATCH, way_back="b", lambda_cycle=1.0), "lambda_cycle trains in one process"),
    ],
)
def test_what_cannot_be_shared_is_refused(tmp_path: Path, data: Path, settings, message) -> None:
    with pytest.raises(CutError, match=message):
        list(run_in(tmp_path / "run", data, TWO, settings=settings).train())


@pytest.mark.parametrize("device", ["cuda:0", "mps", "gpu"])
def test_one_device_is_not_for_all_processes(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CutError, match=f"--device {device} would be every process's"):
        _device(device, local=1)


def test_each_process_has_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _device("cuda", local=1) == "cuda:1"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert _device("auto", local=3) == "cuda:3"
    assert _device("cpu", local=3) == "cpu"


def test_without_the_others_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with (
        pytest.raises(CutError, match="WORLD_SIZE=2, but the other processes cannot be found"),
        joined("cpu"),
    ):
        pass


TINY_OPTIONS = "ngf=4 blocks=2 ndf=4 patches=16 layers=0,4,8 embedding=16 load_size=40 crop_size=32"


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for a process in /proc")
def test_a_killed_process_ends_the_training_with_one_line(tmp_path: Path, data: Path) -> None:
    options = [part for text in TINY_OPTIONS.split() for part in ("--set", text)]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += ["-m", "cut", "train", "--method", "fastcut", "--data", str(data), "--name", "mine"]
    command += ["--device", "cpu", "--steps", "100000", "--save-every", "1", "--set=batch_size=2"]
    environment = os.environ | {"CUT_HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    log, folder = tmp_path / "log", tmp_path / "runs" / "mine"
    with log.open("w") as output:
        launcher = subprocess.Popen([*command, *options], env=environment, stderr=output)
    try:
        wait_for(lambda: (folder / "last").is_dir(), launcher)
        os.kill(child(launcher.pid, rank=1), signal.SIGKILL)
        assert launcher.wait(timeout=60) != 0
    finally:
        launcher.kill()
    lines = [line for line in log.read_text().splitlines() if line.startswith("cut: ")]
    assert len(lines) == 1, log.read_text()
    assert lines[0].startswith("cut: another process of this training died")
    one = Run("mine", BATCH, data, folder, CPU, workers=0, minutes=1e-9)
    assert isinstance(list(one.train(resume=True))[-1], Saved), "one process may go on with it"


def wait_for(there, launcher: subprocess.Popen) -> None:
    end = time.monotonic() + 120
    while not there():
        assert launcher.poll() is None, "it ended early"
        assert time.monotonic() < end, "it takes too long"
        time.sleep(0.1)


def child(parent: int, rank: int) -> int:
    """The process of that rank among a launcher's children."""
    for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
        if f"RANK={rank}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            return int(pid)
    raise AssertionError(f"no child has rank {rank}")
