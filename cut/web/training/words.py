"""A training job in plain words: how it stands, how long it took, when it was."""

import time

from cut.jobs import Job, State

METHODS = {
    "sincut": "one painting, one photo",
    "cut": "CUT",
    "fastcut": "FastCUT",
    "cyclegan": "CycleGAN",
}

_PATIENCE = 20.0
"""Seconds within which the first picture comes to a computer that does nothing else."""

_LABELS = {
    State.QUEUED: "In the queue",
    State.RUNNING: "Training",
    State.STOPPING: "Stopping",
    State.STOPPED: "Stopped",
    State.DONE: "Done",
    State.FAILED: "Failed",
    State.INTERRUPTED: "Interrupted",
}


def label(job: Job) -> str:
    """Return the job's state in a word or two, with its place in the queue."""
    return _LABELS[job.state] + (f": {job.place}" if job.place else "")


def standing(job: Job) -> str:
    """Return how `job` stands, in one sentence; why it failed is `job.message`."""
    if job.state is State.QUEUED:
        if job.place > 1:
            ahead = job.place - 1
            waiting = f"{ahead} waits" if ahead == 1 else f"{ahead} wait"
            return f"Number {job.place} in the queue: {waiting} before it."
        return "Next in the queue: it starts as soon as the computer is free."
    if job.state is State.RUNNING:
        if job.step == 0:
            if time.time() - (job.started or time.time()) > _PATIENCE:
                return "Starting: the computer is busy with other things, so it takes its time."
            return "Starting: the first picture comes within seconds."
        return "Training. You can close this page: it goes on, and this address finds it again."
    if job.state is State.STOPPING:
        return "Stopping: what was learnt is being saved."
    if job.state is State.INTERRUPTED:
        return "Interrupted. It goes on by itself."
    done = f"after {job.step:,} steps and {duration(job.seconds)} of training."
    if job.state is State.FAILED:
        return f"Failed {done}" if job.step else "Failed before the first step."
    if not job.started:
        return "Taken out of the queue before it started."
    if not job.step:
        return "Stopped before the first step."
    return f"{_LABELS[job.state]} {done}"


def progress(job: Job) -> float:
    """Return how much of its time or of its schedule is over, whichever is more; 0 to 1."""
    shares = [job.step / job.total if job.total else 0.0]
    if job.minutes:
        shares.append(job.seconds / (60 * job.minutes))
    return min(1.0, max(shares))


def facts(job: Job) -> list[tuple[str, str]]:
    """Return what is to know of a job's progress, as pairs of a name and a value."""
    if not job.started:
        planned = "to the end" if job.minutes is None else duration(60 * job.minutes)
        return [("Steps", f"at most {job.total:,}"), ("Training time", planned)]
    found = [("Step", f"{job.step:,} of {job.total:,}" if job.total else f"{job.step:,}")]
    found.append(("Trained for", duration(job.seconds)))
    if job.state in (State.RUNNING, State.STOPPING):
        left = job.seconds_left
        found.append(("Time left", "–" if left is None else f"about {duration(left)}"))
    speed = job.steps_per_second
    if speed:
        ended = job.state not in (State.RUNNING, State.STOPPING)
        name = "Speed at last" if ended else "Speed"
        found.append((name, f"{speed:.2g} steps/s" if speed < 10 else f"{speed:.0f} steps/s"))
    if job.memory_gb:
        found.append(("Memory", f"{job.memory_gb:.1f} GB"))
    return found


def duration(seconds: float) -> str:
    """Return a span of time, in its two largest units: 45 s, 3 min 20 s, 2 h 5 min, 3 d 4 h."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    for large, small, unit, rest in ((86400, 3600, "d", "h"), (3600, 60, "h", "min")):
        if whole >= large:
            below = whole % large // small
            return f"{whole // large} {unit}" + (f" {below} {rest}" if below else "")
    return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 and whole < 600 else "")


def ago(moment: float, now: float | None = None) -> str:
    """Return how long ago a moment in seconds since the epoch was.

    Visitors and server may live in different time zones, so no clock time is named.
    """
    passed = (time.time() if now is None else now) - moment
    if passed < 60:
        return "just now"
    for seconds, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if passed >= seconds:
            count = int(passed // seconds)
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"
