"""Training in several processes under `torchrun`: each finds its device and the others.

The one place that chooses a rank's device and the backend: NCCL between GPUs, gloo between CPUs
and for what is said on the side.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import torch
import torch.distributed as dist

from cut.config import CutSettings, Settings
from cut.data.folders import UnpairedFolders
from cut.data.training import TrainingData
from cut.device import Placement, choose
from cut.errors import CutError
from cut.ranks import Ranks

PATIENCE = timedelta(minutes=5)
"""How long a process waits for another: the first one saves and makes previews meanwhile."""


@contextmanager
def joined(
    device: str = "auto", precision: str = "auto", patience: timedelta = PATIENCE
) -> Iterator[Placement]:
    """Where this process computes, and with which others; alone if there are none.

    Of a fault that ends all processes one line is told: the first process to leave the block with
    a `CutError` raises it, the others exit with its status and without a word.

    Args:
        device, precision: as of `cut.device.choose`; the first process's precision is everyone's.
        patience: for which a process waits for the others.

    Raises:
        CutError: there is no such device, or the processes do not find each other.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        yield choose(device, precision)
        return
    store, ranks = _meet(patience)
    try:
        yield _take_place(store, ranks, device, precision, patience)
    except CutError:
        if not _tells_first(store):
            raise SystemExit(2) from None
        raise
    # After a fault this could wait for the dead: the end of the process has to do then.
    dist.destroy_process_group()


def _meet(patience: timedelta) -> tuple[dist.Store, Ranks]:
    try:
        store, rank, size = next(dist.rendezvous("env://", timeout=patience))
    except (RuntimeError, ValueError) as error:
        raise CutError(
            f"WORLD_SIZE={os.environ['WORLD_SIZE']}, but the other processes cannot be found: "
            "start training with torchrun, or unset WORLD_SIZE"
        ) from error
    return store, Ranks(rank, size)


def _take_place(
    store: dist.Store, ranks: Ranks, device: str, precision: str, patience: timedelta
) -> Placement:
    local = int(os.environ.get("LOCAL_RANK", ranks.rank))
    place = _device(device, local)
    # "auto" tries the machine, and may find another answer on each: the first one's counts.
    if ranks.first:
        placement = choose(place, precision)
        store.set("cut/placement", f"{placement.device.type} {placement.precision}")
    kind, agreed = store.get("cut/placement").decode().split()
    placement = replace(choose(place, agreed), ranks=ranks)
    if placement.device.type != kind:
        raise CutError(
            f"rank {ranks.rank} would run on {placement.device.type}, rank 0 on {kind}: choose "
            "--device cpu, or machines that are alike"
        )
    on_gpu = placement.device.type == "cuda"
    if on_gpu:
        torch.cuda.set_device(placement.device)
    dist.init_process_group(
        "cpu:gloo,cuda:nccl" if on_gpu else "gloo",
        store=store,
        rank=ranks.rank,
        world_size=ranks.size,
        timeout=patience,
        device_id=placement.device if on_gpu else None,
    )
    return placement


def _device(name: str, local: int) -> str:
    """The device of the `local`-th process of this machine."""
    if name in ("auto", "cuda"):
        return f"cuda:{local}" if name == "cuda" or torch.cuda.is_available() else "cpu"
    if name != "cpu":
        raise CutError(
            f"--device {name} would be every process's: choose auto, cuda (a GPU each) or cpu"
        )
    return name


def _tells_first(store: dist.Store) -> bool:
    try:
        return store.add("cut/told", 1) == 1
    except RuntimeError:
        return True  # whoever kept the store is gone: better told twice than not at all


def check_shares(settings: Settings, ranks: Ranks) -> None:
    """Raise CutError unless these processes can train with these settings together."""
    if ranks.size == 1:
        return
    what = settings.method if not isinstance(settings, CutSettings) else ""
    # The one compares whole batches, the other reads a model that may differ between machines.
    for name in ("lambda_texture", "lambda_cycle"):
        what = what or (name if getattr(settings, name) else "")
    if what:
        raise CutError(f"{what} trains in one process alone: start it without torchrun")
    if settings.batch_size % ranks.size:
        raise CutError(
            f"setting batch_size={settings.batch_size}: it is shared by {ranks.size} processes, "
            f"so choose a multiple of {ranks.size}"
        )


def check_same_data(data: TrainingData, ranks: Ranks) -> None:
    """Raise CutError unless all processes see the same files (each machine reads its own disk)."""
    if not isinstance(data, UnpairedFolders):
        return  # trained on by one process alone
    names = [[path.name for path in side] for side in (data.sources, data.targets)]
    digest = hashlib.blake2b(repr(names).encode(), digest_size=7).digest()
    if not ranks.agree(int.from_bytes(digest, "big")):
        raise CutError(
            f"the processes see different pictures in {data.root}: copy the same files to each "
            "machine, or share the folder"
        )
