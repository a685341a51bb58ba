"""The browser's own memory of the trainings that it started or opened."""

from cut.web.training.listing import MOST_KEPT
from cut.web.widgets.packing import register

_component = register("job_keeper", "kept_jobs")


def keep_job(id: str, key: str = "job_keeper") -> None:
    """Have the browser remember the job, for `cut.web.widgets.job_list`."""
    _component(data={"id": id, "most": MOST_KEPT}, key=key)
