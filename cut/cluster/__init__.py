"""Many pictures through one model on the machines of a Ray cluster, which share a folder.

A worker a GPU, or a machine without one, loads the model once and is handed a few pictures at a
time. The driver keeps no more than those in flight. A worker that is lost takes none of its
pictures along: they are made again elsewhere.
"""

from cut.cluster.driver import Job, Made, translate_all

__all__ = ["Job", "Made", "translate_all"]
