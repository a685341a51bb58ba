"""What one machine takes on: limits on training jobs and on the pictures they are made from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Beyond these a job is refused; only pictures that are too large are scaled down instead."""

    queue: int = 20  # jobs that wait or run
    steps: int = 200_000  # of a schedule
    minutes: float = 24 * 60  # of training, of one job
    side: int = 4096  # px, the longer side of a picture; larger ones are scaled down to it
    least_side: int = 64  # px, the shorter side
    least_pictures: int = 2  # a side, where a job trains on sets
    pictures: int = 5_000  # a side
    upload_bytes: int = 10**9  # a side, packed and unpacked alike
    free_disk_bytes: int = 10**9  # left over once a job's pictures are stored


LIMITS = Limits()
