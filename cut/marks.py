"""Which model of the library a job made, whatever it is called there by now.

Its config.json bears the job's mark, which stays when the library renames a model, and when a
person moves its folder. A module that needs no PyTorch.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

KEY = "job"
"""In config.json, of the mark."""

SETTLED = 2.0
"""Seconds after which a folder that changed again would surely bear another time."""


def back(job: str) -> str:
    """What to call a job's second model by instead of its id: CycleGAN's from B to A."""
    return f"{job} back"


def mark(job: str) -> str:
    """What stands for a job; its id, which lets who knows it stop the job, cannot be told from it.

    Args:
        job: the id, or what `back` makes of it.
    """
    return hashlib.blake2b(job.encode(), digest_size=8).hexdigest()


def model_of(marks: Mapping[str, str], job: str, name: str | None = None) -> str | None:
    """The name of a job's model in the library, or None if it is not there.

    Args:
        marks: of the library's models, from `marks`.
        job: as for `mark`.
        name: that it was published under. One that bears no mark is taken for the job's, since
            models bore none once.
    """
    wanted = mark(job)
    if name is not None and marks.get(name) in (wanted, ""):
        return name
    return next((other for other, found in marks.items() if found == wanted), None)


def marks(home: Path) -> Mapping[str, str]:
    """The mark of every model in the library of `home` by its name; "" where there is none."""
    library = home / "checkpoints"
    try:
        changed = library.stat().st_mtime_ns
    except OSError:
        return {}
    if time.time_ns() - changed < SETTLED * 1e9:
        return _read_marks(library)
    return _kept_marks(library, changed)


@lru_cache(maxsize=4)
def _kept_marks(library: Path, changed: int) -> dict[str, str]:
    return _read_marks(library)


def _read_marks(library: Path) -> dict[str, str]:
    found = {}
    for folder in sorted(library.glob("[!.]*")):
        try:
            values = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        except NotADirectoryError:
            continue
        except (OSError, ValueError):
            values = None
        told = values.get(KEY) if isinstance(values, dict) else None
        found[folder.name] = told if isinstance(told, str) else ""
    return found
