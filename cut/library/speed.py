"""How long a model takes for a picture on this machine: measured when asked, then remembered."""

import json
import platform
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock

from cut.checkpoints import Checkpoint
from cut.device import synchronise
from cut.errors import CutError
from cut.files import write_text
from cut.home import home
from cut.translate import Translator

SIZE = 256
"""px, of both sides of the picture that is measured."""


@dataclass(frozen=True)
class Speed:
    """Seconds a picture of `size` x `size` px, in which precision, and where that was measured."""

    seconds: float
    size: int
    precision: str
    machine: str


def measure(translator: Translator, runs: int = 5) -> Speed:
    """Translate a made picture `runs` times after a first one; the median counts."""
    device = translator.placement.device
    picture = torch.linspace(-1, 1, 3 * SIZE * SIZE).view(1, 3, SIZE, SIZE)
    seconds = []
    for _ in range(1 + runs):
        synchronise(device)
        start = time.perf_counter()
        translator.run(picture)
        synchronise(device)
        seconds.append(time.perf_counter() - start)
    median = round(statistics.median(seconds[1:]), 4)
    return Speed(median, SIZE, translator.placement.precision, machine(device))


def machine(device: torch.device) -> str:
    """What computes there, as people call it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{_processor()}, {threads} thread{'' if threads == 1 else 's'}"


def remember(checkpoint: Checkpoint, speed: Speed) -> None:
    """Keep what was measured in `CUT_HOME/speeds.json`.

    Raises:
        CutError: it cannot be written.
    """
    with FileLock(home() / "speeds.lock"):
        known = _all() | {str(checkpoint.folder): asdict(speed) | {"of": _weights(checkpoint)}}
        write_text(home() / "speeds.json", json.dumps(known, indent=2) + "\n")


def recall(checkpoint: Checkpoint) -> Speed | None:
    """What was measured here of these very weights, else what config.json tells of elsewhere."""
    here = _all().get(str(checkpoint.folder))
    if isinstance(here, dict) and here.pop("of", None) == _weights(checkpoint):
        return _speed(here)
    return _speed(checkpoint.config.get("speed"))


def _speed(values: Any) -> Speed | None:
    try:
        return Speed(**values) if values else None
    except TypeError:
        return None


def _all() -> dict[str, Any]:
    try:
        known = json.loads((home() / "speeds.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _weights(checkpoint: Checkpoint) -> list[int]:
    """What tells these weights from later ones in the same place."""
    try:
        status = checkpoint.files["generator"].stat()
    except OSError as error:
        raise CutError(f"the weights of {checkpoint.name} are gone") from error
    return [status.st_size, status.st_mtime_ns]


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # not Linux
    return platform.processor() or platform.machine()
