"""Measure what translating needs above the loaded model, beside what `estimate_bytes` says.

    python -m benchmarks.memory

Each row is a process of its own: its largest resident size, less that before the translation.
"""

import json
import resource
import subprocess
import sys

import torch

from cut.device import choose
from cut.memory import estimate_bytes
from cut.networks.resnet import ResnetGenerator

CASES = [
    (ngf, precision, side)
    for ngf in (32, 64)
    for precision in ("fp32", "bf16")
    for side in (512, 1024, 1536)
]


def resident() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@torch.inference_mode()
def measure(ngf: int, precision: str, side: int) -> int:
    """Bytes that the process grew by while it translated one picture of side x side px."""
    placement = choose("cpu", precision)
    generator = placement.network(ResnetGenerator(ngf)).eval()
    generator(placement.batch(torch.rand(1, 3, 64, 64)))
    picture = torch.rand(1, 3, side, side)
    before = resident()
    generator(placement.batch(picture))
    return resident() - before


def main() -> None:
    print("ngf  precision  side   measured   estimate   estimate/measured")
    for ngf, precision, side in CASES:
        command = [sys.executable, "-m", "benchmarks.memory", str(ngf), precision, str(side)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        grown = json.loads(done.stdout)
        expected = estimate_bytes(side, side, ngf, choose("cpu", precision).dtype)
        print(
            f"{ngf:3}  {precision:9}  {side:4}  {grown / 1e9:6.2f} GB  {expected / 1e9:6.2f} GB"
            f"   {expected / grown:.2f}"
        )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(measure(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))))
    else:
        main()
