"""Folders of pictures on a real Ray cluster of two nodes, of which one is killed midway."""

import _thread
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

import cut
from cut.cli import main
from cut.cluster import driver
from tests.helpers import make_checkpoint, make_picture

ray = pytest.importorskip("ray", reason="the package ray is not installed")

PICTURES = 24


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster of two nodes on this machine, each with a processor."""
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        node = {"num_cpus": 1, "object_store_memory": 80_000_000}
        made = Cluster(initialize_head=True, head_node_args=node | {"include_dashboard": False})
        try:
            made.add_node(**node)
            yield made
        finally:
            made.shutdown()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, and pictures of which one is none and two have one stem."""
    folder = tmp_path_factory.mktemp("shared")
    make_checkpoint(folder / "model", ngf=8, blocks=2)
    (folder / "in").mkdir()
    for seed in range(PICTURES):
        make_picture(64, 64, seed=seed).save(folder / "in" / f"{seed:02d}.png")
    make_picture(64, 64, seed=99).save(folder / "in" / "00.jpg")
    (folder / "in" / "none.png").write_bytes(b"no picture")
    return folder


class Watch(threading.Thread):
    """Notes the files of a folder as they come."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder, self.over = folder, False
        self.inodes: dict[str, set[int]] = {}

    def run(self) -> None:
        while not self.over:
            for path in self.folder.glob("*.png"):
                self.inodes.setdefault(path.name, set()).add(path.stat().st_ino)
            time.sleep(0.01)

    def __enter__(self) -> "Watch":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over = True
        self.join()


def call(cluster: Any, folder: Path, out: Path) -> int:
    arguments = ["--checkpoint", folder / "model", "--output", out, folder / "in"]
    arguments += ["--ray", cluster.address, "--device", "cpu", "--precision", "fp32"]
    return main(["translate", *map(str, arguments), "--size", "256"])


def hidden(out: Path) -> list[Path]:
    return [path for path in out.iterdir() if path.name.startswith(".")]


def test_every_picture_is_there_though_a_node_is_killed_midway(
    cluster: Any,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lost, killed, processes = [], [], {}
    lose, hand_out, collect = (
        getattr(driver._Cluster, name) for name in ("_lose", "hand_out", "collect")
    )
    out = folder / "out"
    victim = next(node for node in cluster.list_all_nodes() if node != cluster.head_node)
    watch = Watch(out)

    def noted(self: Any, worker: Any, error: Exception) -> Any:
        # While the loss of the node is not known, another worker is started there and lost too.
        lost.extend(worker.tasks.values())
        return lose(self, worker, error)

    def together(self: Any) -> Any:
        """Begin when both nodes are ready, however busy the machine."""
        ready = [worker for worker in self.workers if worker.loading is None]
        if not killed and len(ready) < 2:
            return iter(())
        for worker in ready:
            if worker not in processes:
                asked = worker.actor.__ray_call__.remote(lambda _: os.getpid())
                processes[worker] = ray.get(asked)
        return hand_out(self)

    def in_hand(worker: Any) -> bool:
        """Hold a worker; whether a picture is left that it has not told us of by then."""
        os.kill(processes[worker], signal.SIGSTOP)
        _, untold = ray.wait(list(worker.tasks), num_returns=len(worker.tasks), timeout=1.0)
        if not untold:
            os.kill(processes[worker], signal.SIGCONT)
        return bool(untold)

    def midway(self: Any) -> Any:
        """Kill the node when there are files and its worker has pictures in hand."""
        for worker in self.workers if len(watch.inodes) >= 3 and not killed else ():
            if worker.node == victim.node_id and worker.tasks and in_hand(worker):
                killed.append(victim)
                cluster.remove_node(victim, allow_graceful=False)
                os.kill(processes[worker], signal.SIGKILL)
        return collect(self)

    for name, act in (("_lose", noted), ("hand_out", together), ("collect", midway)):
        monkeypatch.setattr(driver._Cluster, name, act)
    with watch:
        assert call(cluster, folder, out) == 0
    assert 1 <= len(lost) <= driver.IN_FLIGHT, "what it had in hand"
    expected = {"00-2.png", *(f"{seed:02d}.png" for seed in range(PICTURES))}
    assert {path.name for path in out.iterdir()} == expected
    assert all(len(inodes) == 1 for inodes in watch.inodes.values()), "each was written once"
    model = cut.load(folder / "model", "cpu", "fp32")
    for path, seed in ((out / "01.png", 1), (out / f"{PICTURES - 1}.png", PICTURES - 1)):
        right = model(make_picture(64, 64, seed=seed), size=256)
        assert ImageChops.difference(Image.open(path), right).getextrema() <= ((0, 1),) * 3
    told = capsys.readouterr().err
    assert "none.png" in told
    assert f"1 of {PICTURES + 2} skipped" in told


def test_a_fault_of_ours_is_told_and_costs_no_worker(
    cluster: Any, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(self: Any, *_: object) -> None:
        raise TypeError("no such thing")

    monkeypatch.setattr("cut.cluster.worker.TranslationWorker.translate", faulty)
    out = folder / "faulty"
    assert call(cluster, folder, out) == 2
    told = capsys.readouterr().err
    assert "03.png: TypeError: no such thing" in told
    assert "workers were lost" not in told


def test_an_interrupt_leaves_whole_pictures_and_what_is_there_is_kept(
    cluster: Any, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = folder / "stopped"
    collect = driver._Cluster.collect

    def interrupted(self: Any) -> Any:
        if len(list(out.glob("*.png"))) >= 3:
            _thread.interrupt_main()
        return collect(self)

    # Shells have what they start in the background ignore interrupts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(driver._Cluster, "collect", interrupted)
            assert call(cluster, folder, out) == 130
    finally:
        signal.signal(signal.SIGINT, before)
    there = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    assert 3 <= len(there) < PICTURES
    assert not hidden(out)
    for path in out.iterdir():
        Image.open(path).load()
    assert capsys.readouterr().err.endswith("cut: stopped\n")
    assert call(cluster, folder, out) == 0
    assert len(list(out.iterdir())) == PICTURES + 1
    assert all((out / name).stat().st_mtime_ns == time for name, time in there.items())
    assert capsys.readouterr().err.count("is there already") == len(there)
