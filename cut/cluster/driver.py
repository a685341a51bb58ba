"""The driver: hands pictures to workers on a Ray cluster, and again if a worker is lost."""

import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cut.cluster.connection import connected, last_line
from cut.errors import CutError

if TYPE_CHECKING:
    from cut.checkpoints import Checkpoint

AT_ONCE = 2
"""Pictures that a worker has in hand: while one is computed the other is read or written."""

IN_FLIGHT = AT_ONCE + 1
"""And one that is on its way to it."""

ATTEMPTS = 3
"""Workers that may be lost over a picture before it is held to be the reason."""

LOOK_AROUND = 2.0
"""Seconds after which nodes are looked for that have come or gone."""

PATIENCE = 300.0
"""Seconds to wait while there is no worker: for resources, or for a node that comes back."""

FINISHING = 60.0
"""Seconds that the pictures in flight are given to be finished once no others are wanted."""

SHARING = 10.0
"""Seconds that a file written elsewhere may take to be seen here."""


@dataclass(frozen=True)
class Job:
    """What is asked of every worker.

    Args:
        checkpoint: the model, at hand here; its weights are sent along.
        device, precision: as of `cut.device.choose`; a GPU is the one that Ray gives.
        size, strength: as of `cut.translate.Translator`.
        overwrite: replace files that are there.
        limit: bytes of memory that a picture may take, None for what is sensible on its machine.
    """

    checkpoint: "Checkpoint"
    device: str = "auto"
    precision: str = "auto"
    size: int | None = None
    strength: float = 1.0
    overwrite: bool = False
    limit: int | None = None


@dataclass(frozen=True)
class Made:
    """A picture is dealt with: written to `target` in so many seconds, or not, and why."""

    source: Path
    target: Path
    seconds: float = 0.0
    error: str = ""


@dataclass
class _Task:
    source: Path
    target: Path
    losses: int = 0


@dataclass(eq=False)
class _Worker:
    """A worker as the driver sees it: what it was asked for, by Ray's references.

    `loading` refers to the model that it loads first, None once that is done.
    """

    actor: Any
    node: str
    loading: Any
    tasks: dict[Any, _Task] = field(default_factory=dict)

    def takes(self, suspect: bool) -> bool:
        """Whether to hand it a picture: a suspect alone, so that no other is lost with it."""
        if self.loading is not None or any(task.losses for task in self.tasks.values()):
            return False
        return not self.tasks if suspect else len(self.tasks) < IN_FLIGHT


def translate_all(
    job: Job, pairs: Iterable[tuple[Path, Path]], address: str
) -> Generator[Made, None, None]:
    """Translate every source to its target on the cluster at `address`, in any order.

    Whoever closes the iterator early, with an interrupt too, gets the pictures that workers have
    been given by then, unless they take longer than `FINISHING`; nothing half-written is left.

    Raises:
        CutError: there is no cluster or no worker, or the targets' folder is not shared.
    """
    if job.device not in ("auto", "cpu", "cuda"):
        raise CutError(f"--device {job.device} is one machine's: choose auto, cpu or cuda")
    with connected(address) as ray:
        cluster = _Cluster(ray, job, deque(_Task(*pair) for pair in pairs))
        try:
            while cluster.queue or cluster.suspects or cluster.in_flight:
                cluster.look_around()
                yield from cluster.hand_out()
                yield from cluster.collect()
        finally:
            cluster.leave()


class _Cluster:
    """The workers, what they are doing, and what is still to be done."""

    def __init__(self, ray: Any, job: Job, queue: "deque[_Task]") -> None:
        from cut.cluster.worker import Carried, TranslationWorker

        self.ray, self.job, self.queue = ray, job, queue
        self.suspects: deque[_Task] = deque()  # of having ended a worker
        self.lost: list[Path] = []
        self.workers: list[_Worker] = []
        self.unusable: dict[str, str] = {}  # nodes, and why
        self.looked = float("-inf")
        self.worked = time.monotonic()
        self.actor = ray.remote(TranslationWorker)
        self.model = ray.put(Carried.of(job.checkpoint))

    @property
    def in_flight(self) -> list[Any]:
        return [reference for worker in self.workers for reference in worker.tasks]

    def look_around(self) -> None:
        """Start a worker wherever one is wanting: at first, on new nodes, after a loss."""
        now = time.monotonic()
        if now - self.looked < LOOK_AROUND:
            return
        self.looked = now
        for node, resources in self._nodes().items():
            count, options = _places(resources, self.job.device)
            there = sum(worker.node == node for worker in self.workers)
            for _ in range(0 if node in self.unusable else count - there):
                self._start(node, options)
        if any(worker.loading is None for worker in self.workers):
            self.worked = now
        elif not self.workers and self.unusable:
            raise CutError(f"no node of the cluster can work: {next(iter(self.unusable.values()))}")
        elif now - self.worked > PATIENCE:
            raise CutError(
                f"no node of the cluster could work for {PATIENCE / 60:.0f} minutes: see ray "
                f"status; {len(self.queue) + len(self.suspects)} pictures are left to do"
            )

    def _nodes(self) -> dict[str, dict[str, float]]:
        """The nodes that are alive, and what they have."""
        return {n["NodeID"]: n["Resources"] for n in self.ray.nodes() if n["Alive"]}

    def _start(self, node: str, options: dict[str, float]) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        actor = self.actor.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
            max_concurrency=AT_ONCE,
            **options,
        ).remote(self.model, self.job.device, self.job.precision)
        self.workers.append(_Worker(actor, node, actor.load.remote()))

    def hand_out(self) -> Iterator[Made]:
        """Give free workers their next pictures; pass over those whose target is there."""
        job = self.job
        for worker in self.workers:
            while (task := self._next_for(worker)) is not None:
                again = task.losses > 0 and not job.overwrite
                if not task.losses and not job.overwrite and task.target.exists():
                    yield _refused(task)
                    continue
                reference = worker.actor.translate.remote(
                    task.source, task.target, (job.size, job.strength, None, job.limit), again
                )
                worker.tasks[reference] = task

    def _next_for(self, worker: _Worker) -> _Task | None:
        if self.suspects and worker.takes(suspect=True):
            return self.suspects.popleft()
        if self.queue and worker.takes(suspect=False):
            return self.queue.popleft()
        return None

    def collect(self) -> Iterator[Made]:
        """Wait for what comes next, a second at most."""
        asked = {w.loading: w for w in self.workers if w.loading is not None}
        asked |= {reference: w for w in self.workers for reference in w.tasks}
        if not asked:
            time.sleep(0.2)
            return
        done, _ = self.ray.wait(list(asked), num_returns=1, timeout=1.0)
        for reference in done:
            worker = asked[reference]
            try:
                answer = self.ray.get(reference)
            except self.ray.exceptions.RayTaskError as error:
                if reference in worker.tasks:  # a fault in our code: the worker lives on
                    yield _failed(worker.tasks.pop(reference), last_line(error))
                else:
                    self._give_up(worker, last_line(error))
                continue
            except self.ray.exceptions.RayError as error:
                yield from self._lose(worker, error)
                continue
            if reference in worker.tasks:
                yield self._seen(worker.tasks.pop(reference), answer)
            elif answer:
                self._give_up(worker, answer)
            else:
                worker.loading = None

    def _seen(self, task: _Task, answer: tuple[float, str]) -> Made:
        """What a worker says, once the file is seen here too."""
        seconds, error = answer
        end = time.monotonic() + SHARING
        while not error and not task.target.exists():
            if time.monotonic() > end:
                raise CutError(
                    f"a worker wrote {task.target}, but it is not there: choose an --output that "
                    "all machines share"
                )
            time.sleep(0.1)
        return Made(task.source, task.target, seconds, error)

    def _lose(self, worker: _Worker, error: Exception) -> Iterator[Made]:
        """A worker, or its node, is gone: others make its pictures again."""
        if worker.loading is not None and worker.node in self._nodes():
            self._give_up(worker, last_line(error))
            return
        self._drop(worker)
        for task in worker.tasks.values():
            task.losses += 1
            self.lost.append(task.target)
            if task.losses < ATTEMPTS:
                self.suspects.append(task)
            else:
                yield _given_up(task)

    def _give_up(self, worker: _Worker, reason: str) -> None:
        self._drop(worker)
        self.unusable[worker.node] = reason

    def _drop(self, worker: _Worker) -> None:
        self.workers.remove(worker)
        self.ray.kill(worker.actor)

    def leave(self) -> None:
        """Let the pictures in flight be finished; clear away what lost workers left of theirs."""
        if waited := self.in_flight:
            _, late = self.ray.wait(waited, num_returns=len(waited), timeout=FINISHING)
            tasks = {key: task for worker in self.workers for key, task in worker.tasks.items()}
            self.lost += [tasks[reference].target for reference in late]
        for worker in self.workers:
            self.ray.kill(worker.actor)
        for target in self.lost:
            for part in target.parent.glob(f".{escape(target.name)}.*.part"):
                part.unlink(missing_ok=True)


def _places(resources: dict[str, float], device: str) -> tuple[int, dict[str, float]]:
    """How many workers a node has room for, and what each of them takes."""
    gpus, cpus = int(resources.get("GPU", 0)), resources.get("CPU", 0.0)
    if gpus and device != "cpu":
        return gpus, {"num_gpus": 1, "num_cpus": min(1.0, cpus / gpus)}
    # PyTorch uses all processors for one picture; several at once would share the memory, too.
    return int(cpus >= 1 and device != "cuda"), {"num_cpus": cpus}


def _refused(task: _Task) -> Made:
    error = f"{task.target} is there already: add --overwrite or choose another --output"
    return Made(task.source, task.target, error=error)


def _failed(task: _Task, reason: str) -> Made:
    return Made(task.source, task.target, error=f"{task.source}: {reason}")


def _given_up(task: _Task) -> Made:
    error = (
        f"{task.source}: {ATTEMPTS} workers were lost over it, perhaps for want of memory: "
        "translate it by itself, at a smaller --size"
    )
    return Made(task.source, task.target, error=error)
