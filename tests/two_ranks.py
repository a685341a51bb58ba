"""What `test_distributed` has two processes do: `python -m tests.two_ranks DATA OTHER_DATA OUT`.

One start of each process serves all cases, since importing PyTorch takes longer than they do. A
rank leaves `rankN.json` behind, what each case came to, and its networks as `CASE-rankN.pt`.
"""

import json
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

from cut import trainer
from cut.device import Placement
from cut.distributed import joined
from cut.errors import CutError
from cut.methods.cut import Cut
from cut.trainer import Preview, Run, Saved, Step
from tests.helpers import TINY

BATCH = replace(TINY, batch_size=4, steps=3, clip_spikes=1.5)
CASES = {
    "cut": BATCH,
    "no-identity": replace(BATCH, identity=False),
    "vision": replace(BATCH, identity=False, lambda_vision=1.0),
    "fastcut": replace(
        BATCH, method="fastcut", lambda_nce=10.0, identity=False, flip_equivariance=True, seed=1
    ),
}


class Remembered(Cut):
    """The networks that a run trained last."""

    last: Cut

    def __init__(self, *arguments):
        super().__init__(*arguments)
        Remembered.last = self


class NoNumberOnOne(Cut):
    """A loss of the second rank's second step is no number."""

    def step(self, A, B, choices, *rest):
        losses = super().step(A, B, choices, *rest)
        if self.placement.ranks.rank == 1 and choices.step == 1:
            losses["NCE"] = torch.tensor(float("nan"))
        return losses


def run_in(folder: Path, data: Path, placement: Placement, **changes) -> Run:
    values = {"settings": BATCH, "workers": 0, "save_every": 1, "preview_every": 100}
    return Run("model", data=data, folder=folder, placement=placement, **(values | changes))


def told(run: Run, resume: bool = False) -> dict:
    """A run's losses, and which of its events write something."""
    events = list(run.train(resume))
    return {
        "losses": [event.losses for event in events if isinstance(event, Step)],
        "previews": sum(isinstance(event, Preview) for event in events),
        "saves": sum(isinstance(event, Saved) for event in events),
    }


def fault(run: Run) -> str:
    try:
        list(run.train())
    except CutError as error:
        return str(error)
    return "none"


def cases(data: Path, other: Path, out: Path, placement: Placement) -> dict:
    first, rank = placement.ranks.first, placement.ranks.rank
    results: dict = {}
    trainer.METHODS |= {"cut": Remembered, "fastcut": Remembered}
    for name, settings in CASES.items():
        results[name] = told(run_in(out / name, data, placement, settings=settings))
        torch.save(Remembered.last.state_dict(), out / f"{name}-rank{rank}.pt")
    told(run_in(out / "parts", data, placement, settings=CASES["fastcut"], until=2))
    # The other process gets everything from the first, its settings and its folder too.
    elsewhere = out / ("parts" if first else "nowhere")
    results["parts"] = told(run_in(elsewhere, data, placement), resume=True)
    torch.save(Remembered.last.state_dict(), out / f"parts-rank{rank}.pt")

    stopped = run_in(out / "stopped", data, placement)
    for event in stopped.train():
        if isinstance(event, Step) and event.step == 2 and not first:
            stopped.stop()
    results["stopped"] = stopped.step
    hurried = run_in(out / "hurried", data, placement, minutes=None if first else 1e-9)
    list(hurried.train())
    results["hurried"] = hurried.step

    trainer.METHODS["cut"] = NoNumberOnOne
    results["no number"] = fault(run_in(out / "no-number", data, placement))
    results["other data"] = fault(run_in(out / "other", data if first else other, placement))
    dist.distributed_c10d._set_pg_timeout(timedelta(seconds=1), dist.group.WORLD)
    if first:
        results["silence"] = fault(run_in(out / "silence", data, placement))
    else:
        time.sleep(2)
    return results


def main(data: str, other: str, out: str) -> None:
    with joined("cpu", "fp32") as placement:
        results = cases(Path(data), Path(other), Path(out), placement)
        path = Path(out) / f"rank{placement.ranks.rank}.json"
        path.write_text(json.dumps(results))


if __name__ == "__main__":
    main(*sys.argv[1:])
