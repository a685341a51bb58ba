"""Time convolutions: PyTorch's passes, and those of `cut.networks.convolution`.

    OMP_NUM_THREADS=1 python -m benchmarks.convolutions [--rounds 5]

Shapes of the generator and the discriminator, `compact` and 64 wide, float32, channels-last. Told
are the best of the rounds, both timed in turn in processor seconds, memory kept as in training.
"""

import argparse
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from cut.memory import freed_memory_kept
from cut.networks.convolution import Conv2d, weight_gradient

# Pictures, channels in and out, kernel, side and padding.
SHAPES = [
    (2, 128, 128, 3, 34, 0),
    (1, 128, 128, 3, 66, 0),
    (2, 32, 64, 3, 128, 1),
    (2, 64, 32, 3, 128, 1),
    (2, 64, 128, 3, 64, 1),
    (1, 128, 64, 3, 128, 1),
    (2, 32, 3, 7, 134, 0),
    (2, 64, 128, 4, 32, 1),
    (1, 256, 256, 3, 66, 0),
    (1, 64, 128, 3, 256, 1),
]


def measure(shape: tuple[int, ...], rounds: int) -> list[float]:
    """Seconds of the forward pass and of the weight gradient: PyTorch's, ours, PyTorch's, ours."""
    pictures, channels, outputs, kernel, side, padding = shape
    x = torch.randn(pictures, channels, side, side).to(memory_format=torch.channels_last)
    layer = Conv2d(channels, outputs, kernel, padding=padding, bias=False)
    layer = layer.to(memory_format=torch.channels_last).requires_grad_(False)
    weight = layer.weight
    grad = torch.randn_like(layer(x))

    def theirs() -> Tensor:
        return torch.nn.grad.conv2d_weight(x, weight.shape, grad, padding=padding)

    calls: list[Callable[[], Tensor]] = [
        lambda: F.conv2d(x, weight, padding=padding),
        lambda: layer(x),
        theirs,
        lambda: weight_gradient(x, grad, (padding, padding)),
    ]
    best = [float("inf")] * len(calls)
    with freed_memory_kept(), torch.no_grad():
        for _ in range(1 + rounds):
            for i, call in enumerate(calls):
                start = time.process_time()
                call()
                best[i] = min(best[i], time.process_time() - start)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    print(f"{'':35}   forward, ms            weight gradient, ms")
    print("pictures, channels, kernel, side     PyTorch    ours  ratio  PyTorch    ours  ratio")
    for shape in SHAPES:
        forward, our_forward, gradient, our_gradient = measure(shape, args.rounds)
        pictures, channels, outputs, kernel, side, _ = shape
        name = f"{pictures} x {channels} to {outputs}, {kernel} x {kernel}, {side} px"
        columns = "".join(
            f" {1e3 * theirs:8.1f} {1e3 * ours:7.1f} {ours / theirs:6.2f}"
            for theirs, ours in ((forward, our_forward), (gradient, our_gradient))
        )
        print(f"{name:35}{columns}", flush=True)


if __name__ == "__main__":
    main()
