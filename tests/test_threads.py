"""Teams of threads: none is left behind, and other threads' teams are left alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cut import threads

HERE = Path(__file__).resolve().parents[1]
TASKS = Path("/proc/self/task")

COUNTED = """
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from cut.threads import team_of_its_own
from cut.web.models import Line

line = Line()
torch.set_num_threads(2)


def threads():
    return len(list(Path("/proc/self/task").iterdir()))


def compute():
    torch.ones(1 << 20).add_(1)
    return threads()


def alone():
    with team_of_its_own():
        return compute()


def turn():
    with line.turn():
        return compute()


with ThreadPoolExecutor(1) as other, ThreadPoolExecutor(1) as one:
    told = {"idle": one.submit(threads).result() + 1}
    told["other"] = other.submit(compute).result()
    for work in (alone, turn):
        told[work.__name__] = one.submit(work).result()
        told["after " + work.__name__] = threads()
    told["other again"] = other.submit(compute).result()
    told["kept"] = one.submit(compute).result(), threads()
print(json.dumps(told))
"""


def run(code: str) -> str:
    command = [sys.executable, "-c", code]
    ran = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


@pytest.mark.skipif(not TASKS.is_dir(), reason="this system does not list a process's threads")
def test_a_team_ends_with_its_block_or_turn() -> None:
    """In a process of its own, where nothing else starts threads or ends them."""
    if threads._gnu_openmp() is None:
        pytest.skip("PyTorch computes with another OpenMP here")
    told = json.loads(run(COUNTED))
    other = told["other"]
    assert other == told["idle"] + 1
    assert (told["alone"], told["after alone"]) == (other + 1, other)
    assert (told["turn"], told["after turn"]) == (other + 1, other)
    assert told["other again"] == other, "its team was still there"
    assert told["kept"] == [other + 1, other + 1], "which shows what this is about"


def test_without_pytorch_nothing_happens() -> None:
    """Nor is it imported: the server starts without it."""
    code = (
        "import sys; from cut.threads import team_of_its_own, _gnu_openmp\n"
        "with team_of_its_own(): pass\n"
        "assert _gnu_openmp() is None and 'torch' not in sys.modules\n"
        "import torch\n"
        "with team_of_its_own(): torch.ones(1 << 20).add_(1)\n"
        "print('computed')"
    )
    assert run(code) == "computed\n"
