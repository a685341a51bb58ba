"""Measure what translating needs above the loaded model, beside what `estimate_bytes` says.

    python -m benchmarks.memory

Each row is a process of its own: its largest resident size, less that before the translation.
"""

import argparse

import torch

from benchmarks.own_process import in_own_process, measured_here
from cut.device import choose
from cut.memory import estimate_bytes
from cut.networks.resnet import ResnetGenerator
from cut.resident import peak_resident

CASES = [
    (ngf, precision, side)
    for ngf in (32, 64)
    for precision in ("fp32", "bf16")
    for side in (512, 1024, 1536)
]


@torch.inference_mode()
def measure(ngf: int, precision: str, side: int) -> int:
    """Bytes that the process grew by while it translated one picture of side x side px."""
    placement = choose("cpu", precision)
    generator = placement.network(ResnetGenerator(ngf)).eval()
    generator(placement.batch(torch.rand(1, 3, 64, 64)))
    picture = torch.rand(1, 3, side, side)
    before = peak_resident()
    generator(placement.batch(picture))
    return peak_resident() - before


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    print("ngf  precision  side   measured   estimate   estimate/measured")
    for ngf, precision, side in CASES:
        grown = in_own_process("benchmarks.memory", ngf, precision, side)
        expected = estimate_bytes(side, side, ngf, choose("cpu", precision).dtype)
        print(
            f"{ngf:3}  {precision:9}  {side:4}  {grown / 1e9:6.2f} GB  {expected / 1e9:6.2f} GB"
            f"   {expected / grown:.2f}",
            flush=True,
        )


if __name__ == "__main__" and not measured_here(measure):
    main()
