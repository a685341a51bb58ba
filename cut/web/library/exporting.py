"""A model in another format, made by a process of its own.

PyTorch's exporter changes its modules for the whole process while it traces, which would reach into
other visitors' translations; and a process can be ended when nobody waits for it any more.
"""

import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cut.checkpoints import Checkpoint
from cut.errors import CutError
from cut.files import reason
from cut.home import home
from cut.web.models import Line
from cut.web.training.takeaways import folder_zip

log = logging.getLogger(__name__)

FORMATS = {
    "published": "The authors' format",
    "onnx": "ONNX",
    "hub": "Hugging Face Hub",
}
PROJECT = Path(__file__).resolve().parents[3]

LINE = Line(limit=8)
"""Exports are made one at a time: each takes a core and a gigabyte."""

_LOOK = 0.25  # s between two looks at the process


@dataclass(frozen=True)
class Export:
    """A file to take along, and what its maker said of it."""

    name: str
    data: bytes
    notes: list[str]


def export(
    checkpoint: Checkpoint,
    kind: str,
    licence: str | None,
    tell: Callable[[str, float], None],
    on_wait: Callable[[int], None] | None = None,
) -> Export:
    """Return a model in one of FORMATS: a zip, or one file for ONNX.

    Args:
        licence: for the Hub, where the model states no terms.
        tell: is told several times a second what is being done and for how many seconds already;
            what it raises ends the process.
        on_wait: is told how many other exports are ahead.

    Raises:
        CutError: it cannot be exported; or the process failed.
    """
    with (
        LINE.turn(on_wait),
        tempfile.TemporaryDirectory(prefix="cut-export-") as made,
    ):
        suffix = ".onnx" if kind == "onnx" else ""
        output = Path(made) / f"{checkpoint.name}{suffix}"
        options = ["--format", kind, "--output", str(output)]
        if licence:
            options += [f"--licence={licence}"]
        said = _run([checkpoint.name, *options], Path(made), tell)
        try:
            if output.is_file():
                checks = [line for line in said if line.endswith(" at most")]
                return Export(output.name, output.read_bytes(), checks)
            data = folder_zip(output, checkpoint.name)
        except OSError as error:
            raise CutError(f"the export cannot be read: {reason(error)}") from error
        return Export(f"{checkpoint.name}-{kind}.zip", data, [])


def _run(arguments: list[str], folder: Path, tell: Callable[[str, float], None]) -> list[str]:
    """Run `python -m cut checkpoints export` to its end and return the lines that it said."""
    output, complaints = folder / "output.txt", folder / "errors.txt"
    began = time.monotonic()
    with output.open("wb") as out, complaints.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "cut", "checkpoints", "export", *arguments],
            cwd=PROJECT,
            env=os.environ | {"CUT_HOME": str(home().resolve())},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
        )
        try:
            while process.poll() is None:
                said = _lines(output)
                tell(said[-1] if said else "Starting", time.monotonic() - began)
                time.sleep(_LOOK)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if process.returncode == 0:
        return _lines(output)
    told = _lines(complaints)
    if process.returncode == 2 and told and told[-1].startswith("cut: "):
        raise CutError(told[-1].removeprefix("cut: "))
    log.error("an export ended with status %s:\n%s", process.returncode, "\n".join(told))
    raise CutError("the export failed unexpectedly; the server's log says why")


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8", errors="replace").splitlines()
