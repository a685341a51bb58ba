"""Device and precision: what is chosen, what is refused, what is said about it."""

import threading
import time

import pytest
import torch

from cut import device
from cut.device import Placement, choose
from cut.errors import CutError


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)


def pretend_gpu(monkeypatch: pytest.MonkeyPatch, capability: tuple[int, int], count: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Tesla T4")


@pytest.mark.parametrize("pays", [True, False])
def test_bf16_on_the_cpu_only_where_it_pays(
    no_gpu: None, pays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "bf16_pays_on_cpu", lambda: pays)
    placement = choose()
    assert placement.device.type == "cpu"
    assert placement.dtype == (torch.bfloat16 if pays else torch.float32)


@pytest.mark.parametrize(("seconds", "pays"), [((1.0, 0.5), True), ((1.0, 0.9), False)])
def test_paying_is_measured(
    seconds: tuple[float, float], pays: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = dict(zip((torch.float32, torch.bfloat16), seconds, strict=True))
    monkeypatch.setattr(device, "_conv_seconds", lambda dtype: times[dtype])
    device._bf16_pays.cache_clear()
    assert device.bf16_pays_on_cpu() is pays
    device._bf16_pays.cache_clear()


def test_two_who_ask_first_leave_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """What both set and put back is the process's: they take turns, and the second only reads."""
    at_work: list[int] = []
    together: list[int] = []

    def measured(dtype: torch.dtype) -> float:
        at_work.append(1)
        time.sleep(0.05)
        together.append(len(at_work))
        at_work.pop()
        return 1.0

    monkeypatch.setattr(device, "_conv_seconds", measured)
    device._bf16_pays.cache_clear()
    askers = [threading.Thread(target=device.bf16_pays_on_cpu) for _ in range(3)]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    device._bf16_pays.cache_clear()
    assert together == [1, 1]


def test_the_number_of_threads_comes_back_after_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("no such instruction")

    threads = torch.get_num_threads()
    monkeypatch.setattr(Placement, "network", fails)
    with pytest.raises(RuntimeError):
        device._conv_seconds(torch.float32)
    assert torch.get_num_threads() == threads


def test_a_convolution_is_timed() -> None:
    threads = torch.get_num_threads()
    assert 0 < device._conv_seconds(torch.float32) < 60
    assert torch.get_num_threads() == threads


def test_fp16_is_refused_on_the_cpu(no_gpu: None) -> None:
    for name in ("auto", "cpu"):
        with pytest.raises(CutError, match="fp16 is hundreds of times slower on a CPU"):
            choose(name, "fp16")


@pytest.mark.parametrize(
    ("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)]
)
def test_a_precision_asked_for(precision: str, dtype: torch.dtype) -> None:
    placement = choose("cpu", precision)
    assert placement.dtype == dtype
    assert placement.precision == precision


@pytest.mark.parametrize("name", ["tpu", "cuda:", "cuda:x", "cuda:-1", "gpu", ""])
def test_unknown_devices(name: str) -> None:
    with pytest.raises(CutError, match=r"no device .*: choose auto, cpu, cuda, cuda:N or mps"):
        choose(name)


@pytest.mark.parametrize("name", ["cuda", "cuda:1", "mps"])
def test_devices_that_are_not_here(no_gpu: None, name: str) -> None:
    with pytest.raises(CutError, match="choose --device auto or cpu"):
        choose(name)


def test_an_unknown_precision() -> None:
    with pytest.raises(CutError, match="no precision 'int8': choose auto, fp32, bf16, fp16"):
        choose("cpu", "int8")


@pytest.mark.parametrize(
    ("capability", "dtype"), [((7, 5), torch.float16), ((8, 0), torch.bfloat16)]
)
def test_a_gpu_is_taken_with_what_it_is_fast_in(
    capability: tuple[int, int], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend_gpu(monkeypatch, capability, count=2)
    for name in ("auto", "cuda", "cuda:1"):
        placement = choose(name)
        assert placement.device.type == "cuda"
        assert placement.dtype == dtype
    assert "Tesla T4" in placement.describe()
    with pytest.raises(CutError, match=r"no cuda:2: this machine has 2 CUDA device\(s\)"):
        choose("cuda:2")


def test_one_line_says_where_and_why(no_gpu: None) -> None:
    line = choose("auto", "fp32").describe()
    assert line.startswith("Runs on the CPU (")
    assert "thread" in line
    assert "fp32" in line
    assert "CUDA" in line, "and why not on a GPU"
    assert "\n" not in line
    assert choose("cpu", "fp32").describe().endswith("the CPU was asked for.")


def test_placing() -> None:
    placement = Placement(torch.device("cpu"), torch.bfloat16)
    network = placement.network(torch.nn.Conv2d(4, 4, 3))
    assert network.weight.dtype == torch.bfloat16
    assert network.weight.is_contiguous(memory_format=torch.channels_last)
    batch = placement.batch(torch.zeros(2, 3, 8, 8))
    assert batch.dtype == torch.bfloat16
    assert batch.is_contiguous(memory_format=torch.channels_last)
    # Apple's convolutions are faster plane by plane.
    assert Placement(torch.device("mps")).memory_format == torch.contiguous_format
