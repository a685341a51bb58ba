"""What bands take of the machine's memory, as the system counts it, keeps within the plan."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cut.bands.room import Room, _libc
from cut.resident import STATM

CASES = [
    (500, 400, 0.09, 64),
    (16, 20000, 0.12, 64),
    (900, 700, 0.15, 16),
    (900, 700, 0.1, 16),
    (700, 900, 0.1, 16),
    (700, 900, 0.06, 16),
    (2100, 2800, 0.18, 4),
]
"""Sides in px, the limit in GB, and channels. One piece would take more. Of the last the result
alone, 32 bits a pixel, takes 24 MB, and of the wide ones the weights by tiles take as much."""

PROCESS = """
import json, sys
from pathlib import Path
import torch
from cut.bands.choice import way_through
from cut.bands.translation import translate_in_bands
from tests.bands.made import CPU
from tests.helpers import make_picture
from cut.networks.resnet import ResnetGenerator

def status(name):
    line = next(one for one in Path("/proc/self/status").open() if one.startswith(name))
    return int(line.split()[1]) * 1024

torch.set_num_threads(1)
for width, height, gigabytes, channels in json.loads(sys.argv[1]):
    generator = CPU.network(ResnetGenerator(channels, 2)).eval().requires_grad_(False)
    with torch.inference_mode():
        generator(CPU.batch(torch.rand(1, 3, 64, 64)))
    picture = make_picture(width, height)
    way = way_through(generator, CPU, picture.size, int(gigabytes * 1e9))
    before, code = status("VmRSS"), status("RssFile")
    Path("/proc/self/clear_refs").write_text("5")  # the most that it held counts from now on
    translate_in_bands(generator, CPU, picture, way)
    code = status("RssFile") - code  # what was read of the libraries meanwhile, and can be again
    print(json.dumps({"planned": way.memory, "took": status("VmHWM") - before - code}))
"""


@pytest.mark.skipif(_libc() is None, reason="memory is given back through glibc alone")
def test_the_process_grows_by_no_more_than_the_limit() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROCESS, json.dumps(CASES)],
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(told) == len(CASES)
    for (_, _, gigabytes, _), one in zip(CASES, told, strict=True):
        assert one["took"] <= gigabytes * 1e9, told
        assert one["took"] > 0.5 * one["planned"], "the plan is no guess far above what is needed"


@pytest.mark.skipif(not STATM.exists(), reason="resident memory is read from /proc")
def test_memory_is_given_back_only_where_there_is_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    held = [100]
    given: list[int] = []

    class Library:
        def malloc_trim(self, _: int) -> None:
            given.append(held[0])
            held[0] = min(held[0], 120)

    monkeypatch.setattr("cut.bands.room._libc", Library)
    monkeypatch.setattr("cut.bands.room._held", lambda: held[0])
    monkeypatch.setattr("cut.bands.room.SMALL", 0)
    room = Room(50)
    assert given == [100], "what was kept before does not count"
    held[0] = 140
    room.make(10)
    assert given == [100]
    room.make(11)
    assert given == [100, 140]
    room.make(30)
    assert given == [100, 140], "there is room again"
    Room(None).make(1 << 40)
    assert given == [100, 140], "on a GPU this is not the memory that is short"
