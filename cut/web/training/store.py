"""The training jobs of this server, for pages and routes alike."""

from functools import lru_cache
from pathlib import Path

from cut.home import home
from cut.jobs import Jobs


def jobs() -> Jobs:
    """Return the jobs of `CUT_HOME`."""
    return _jobs_below(home())


@lru_cache(maxsize=4)
def _jobs_below(folder: Path) -> Jobs:
    return Jobs(folder)
