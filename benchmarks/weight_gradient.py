"""Time the gradient of a convolution's weights: PyTorch's, and that of `cut.networks.convolution`.

    OMP_NUM_THREADS=1 python -m benchmarks.weight_gradient [--rounds 5]

Shapes of the generator and the discriminator, `compact` and 64 wide, float32, channels-last. Both
are timed in turn, in processor seconds of one thread; told is the best of the rounds, beside the
forward pass, which takes as many operations.
"""

import argparse
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from cut.networks.convolution import weight_gradient

# Pictures, channels in and out, kernel, side and padding.
SHAPES = [
    (2, 128, 128, 3, 34, 0),
    (2, 32, 64, 3, 128, 1),
    (2, 64, 32, 3, 128, 1),
    (2, 32, 3, 7, 134, 0),
    (2, 64, 128, 4, 32, 1),
    (1, 256, 256, 3, 66, 0),
    (1, 64, 128, 3, 256, 1),
]


def measure(shape: tuple[int, ...], rounds: int) -> list[float]:
    """Seconds of the forward pass, of PyTorch's gradient and of ours."""
    pictures, channels, outputs, kernel, side, padding = shape
    x = torch.randn(pictures, channels, side, side).to(memory_format=torch.channels_last)
    weight = torch.randn(outputs, channels, kernel, kernel)
    weight = weight.to(memory_format=torch.channels_last)
    grad = torch.randn_like(F.conv2d(x, weight, padding=padding))

    def theirs() -> Tensor:
        return torch.nn.grad.conv2d_weight(x, weight.shape, grad, padding=padding)

    calls: list[Callable[[], Tensor]] = [
        lambda: F.conv2d(x, weight, padding=padding),
        theirs,
        lambda: weight_gradient(x, grad, (padding, padding)),
    ]
    best = [float("inf")] * len(calls)
    for _ in range(1 + rounds):
        for i, call in enumerate(calls):
            start = time.thread_time()
            call()
            best[i] = min(best[i], time.thread_time() - start)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    print("pictures, channels, kernel, side      forward    PyTorch       ours  ratio")
    for shape in SHAPES:
        forward, theirs, ours = measure(shape, args.rounds)
        pictures, channels, outputs, kernel, side, _ = shape
        name = f"{pictures} x {channels} to {outputs}, {kernel} x {kernel}, {side} px"
        print(
            f"{name:32} {1e3 * forward:9.1f} ms {1e3 * theirs:7.1f} ms {1e3 * ours:7.1f} ms"
            f" {ours / theirs:6.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
