"""The browser's own memory of the trainings that it started or opened."""

from cut.web.widgets.packing import register

_component = register("job_keeper")


def keep_job(id: str, key: str = "job_keeper") -> None:
    """Have the browser remember the job, for `cut.web.widgets.job_list`."""
    _component(data={"id": id}, key=key)
