"""Measure each case in a process of its own, so that its memory and its imports are its own.

A benchmark calls `in_own_process("benchmarks.name", case...)` and ends with

    if __name__ == "__main__" and not measured_here(measure):
        main()

The case goes as JSON on the command line, and what `measure` returns comes back as the last line
of the output.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

CASE = "--case"


def in_own_process(module: str, *case: object, **environment: str) -> Any:
    """Run `measure(*case)` of a benchmark in a new process; return what it returned.

    Args:
        module: the benchmark's, as `python -m` takes it.
        case: what JSON can hold.
        environment: variables that the process has besides this one's.

    Raises:
        SystemExit: it failed; tells the last line that it said.
    """
    done = subprocess.run(
        [sys.executable, "-m", module, CASE, json.dumps(case)],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit((done.stderr.strip().splitlines() or ["no message"])[-1])
    return json.loads(done.stdout.splitlines()[-1])


def measured_here(measure: Callable[..., object]) -> bool:
    """Whether this process was started for a case, which is then measured and told."""
    if sys.argv[1:2] != [CASE]:
        return False
    print(json.dumps(measure(*json.loads(sys.argv[2]))))
    return True
