"""A worker as in `cut.jobs.worker`, for the tests: it saves and shows often.

A job with the seed SPOILT meets a loss that is no number at step 20.
"""

import sys
from typing import Any

from cut.jobs.worker import Worker, main

SPOILT = 666
SAVE_SECONDS = 0.2

work = Worker._work


def quick(self: Worker) -> None:
    import torch

    from cut.jobs import reports, training
    from cut.methods.sincut import SinCut

    training.SAVE_SECONDS = SAVE_SECONDS
    training.PREVIEW_SECONDS = 0.5
    reports.RETRY_SECONDS = 0.5
    made = SinCut.step

    def step(self: SinCut, A: Any, B: Any, choices: Any, *rest: Any) -> Any:
        losses = made(self, A, B, choices, *rest)
        spoilt = choices.seed == SPOILT and choices.step == 19
        return losses | {"G": torch.tensor(float("nan"))} if spoilt else losses

    SinCut.step = step  # type: ignore[method-assign]
    work(self)


Worker._work = quick  # type: ignore[method-assign]

if __name__ == "__main__":
    sys.exit(main())
