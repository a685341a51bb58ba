"""Training jobs that outlive the page: rows in SQLite, files beside it, a worker process a device.

Pages, the API and the command line start training through `Jobs` alone. Importing this package
imports no PyTorch; the worker does that in its own process.
"""

from cut.jobs.limits import LIMITS, Limits
from cut.jobs.records import Job, Metric, PreviewPicture, Request, State, Upload
from cut.jobs.service import Jobs

__all__ = [
    "LIMITS",
    "Job",
    "Jobs",
    "Limits",
    "Metric",
    "PreviewPicture",
    "Request",
    "State",
    "Upload",
]
