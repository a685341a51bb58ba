"""The one place that chooses device, precision and memory format."""

import threading
import time
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import torch
from torch import Tensor, nn

from cut.errors import CutError
from cut.ranks import ALONE, Ranks

Network = TypeVar("Network", bound=nn.Module)

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Placement:
    """Where to compute and how: the device, the working precision, and why it is not a GPU.

    `ranks` are the processes that compute together, each at a placement of its own.
    """

    device: torch.device
    dtype: torch.dtype = torch.float32
    reason: str = ""
    ranks: Ranks = ALONE

    @property
    def precision(self) -> str:
        return next(name for name, dtype in PRECISIONS.items() if dtype == self.dtype)

    @property
    def memory_format(self) -> torch.memory_format:
        # Convolutions of every backend but Apple's are fastest with the channels innermost.
        return torch.contiguous_format if self.device.type == "mps" else torch.channels_last

    def network(self, module: Network) -> Network:
        """Bring a network to this device, precision and layout, in place."""
        module.to(device=self.device, dtype=self.dtype)
        for weight in (*module.parameters(), *module.buffers()):
            # Module.to would try it on five dimensions, too, and fail.
            if weight.ndim == 4:
                weight.data = weight.data.to(memory_format=self.memory_format)
        return module

    def batch(self, pictures: Tensor) -> Tensor:
        """Bring pictures (B x 3 x H x W) to this device, precision and layout."""
        return pictures.to(
            device=self.device,
            dtype=self.dtype,
            memory_format=self.memory_format,
            non_blocking=True,
        )

    def describe(self) -> str:
        """One line for people: the device, its precision, and why not a GPU."""
        together = f" {self.ranks.size} processes train together." if self.ranks.size > 1 else ""
        return self._describe_device() + together

    def _describe_device(self) -> str:
        if self.device.type == "cuda":
            return f"Runs on {torch.cuda.get_device_name(self.device)} ({self.precision})."
        if self.device.type == "mps":
            return f"Runs on Apple's GPU ({self.precision})."
        threads = torch.get_num_threads()
        plural = "" if threads == 1 else "s"
        return f"Runs on the CPU ({threads} thread{plural}, {self.precision}): {self.reason}."


def choose(device: str = "auto", precision: str = "auto") -> Placement:
    """Choose where and in which precision to compute.

    Args:
        device: `auto` (the best there is), `cpu`, `cuda`, `cuda:N` or `mps`.
        precision: `auto` (the fastest that is accurate enough), `fp32`, `bf16` or `fp16`.

    Raises:
        CutError: there is no such device or precision, or the two do not go together.
    """
    place, reason = _device(device)
    if precision == "auto":
        return Placement(place, _fastest(place), reason)
    if precision not in PRECISIONS:
        raise CutError(f"no precision {precision!r}: choose auto, {', '.join(PRECISIONS)}")
    if precision == "fp16" and place.type == "cpu":
        raise CutError("fp16 is hundreds of times slower on a CPU: choose bf16 or fp32")
    return Placement(place, PRECISIONS[precision], reason)


def _device(name: str) -> tuple[torch.device, str]:
    has_mps = torch.backends.mps.is_available()
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda"), ""
        if has_mps:
            return torch.device("mps"), ""
        return torch.device("cpu"), _why_no_gpu()
    if name == "cpu":
        return torch.device("cpu"), "the CPU was asked for"
    if name == "mps":
        if not has_mps:
            raise CutError("no Apple GPU (mps) here: choose --device auto or cpu")
        return torch.device("mps"), ""
    return _cuda_device(name), ""


def _cuda_device(name: str) -> torch.device:
    family, _, number = name.partition(":")
    if family != "cuda" or (number and not number.isdigit()) or name.endswith(":"):
        raise CutError(f"no device {name!r}: choose auto, cpu, cuda, cuda:N or mps")
    if not torch.cuda.is_available():
        raise CutError(f"no {name} here, {_why_no_gpu()}: choose --device auto or cpu")
    if number and int(number) >= torch.cuda.device_count():
        raise CutError(f"no {name}: this machine has {torch.cuda.device_count()} CUDA device(s)")
    return torch.device(name)


def _why_no_gpu() -> str:
    if torch.version.cuda is None and torch.version.hip is None:
        return "this PyTorch was built without CUDA"
    return "PyTorch finds no CUDA GPU"


def _fastest(device: torch.device) -> torch.dtype:
    if device.type == "cuda":
        native = torch.cuda.get_device_capability(device) >= (8, 0)
        return torch.bfloat16 if native else torch.float16
    if device.type == "cpu" and bf16_pays_on_cpu():
        return torch.bfloat16
    return torch.float32


_measuring = threading.Lock()


def bf16_pays_on_cpu() -> bool:
    """Whether this CPU convolves at least a quarter faster in bfloat16 than in float32, by trying.

    Processors without such instructions emulate it, many times slower; flags of the processor
    do not tell whether the build of PyTorch at hand uses them.
    """
    # One at a time: two that both set the number of threads and put back what they found would
    # leave the process with one thread.
    with _measuring:
        return _bf16_pays()


@cache
def _bf16_pays() -> bool:
    return _conv_seconds(torch.float32) > 1.25 * _conv_seconds(torch.bfloat16)


@torch.inference_mode()
def _conv_seconds(dtype: torch.dtype, runs: int = 10) -> float:
    # On one thread, and shorter than a slice of the processor's time: where other programs run,
    # several threads would wait for each other, and the best of all runs tell of that alone.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        conv = Placement(torch.device("cpu"), dtype).network(nn.Conv2d(64, 64, 3))
        x = torch.ones(1, 64, 64, 64, dtype=dtype).to(memory_format=torch.channels_last)
        best = float("inf")
        for _ in range(runs):
            start = time.perf_counter()
            conv(x)
            best = min(best, time.perf_counter() - start)
        return best
    finally:
        torch.set_num_threads(threads)


def synchronise(device: torch.device) -> None:
    """Wait until the device has done all it was given, so that a clock read next is true."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
