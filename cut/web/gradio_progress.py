"""How far a request to the Gradio half is, and whether anyone still waits for its answer."""

from __future__ import annotations

from collections.abc import Callable

import gradio as gr
from gradio.context import LocalContext

from cut.errors import CutError


class CancelledError(CutError):
    """The request was cancelled, or its page closed: nobody reads this."""


def request_progress() -> Callable[[int, int], None]:
    """What a translation tells its progress to, for the request that is being served.

    It raises CancelledError once the request was cancelled. Gradio takes a cancelled request off
    its queue, but the thread that serves it would go on to the end.
    """
    blocks, request = LocalContext.blocks.get(None), LocalContext.event_id.get(None)
    show = gr.Progress()

    def tell(done: int, total: int) -> None:
        if blocks is None or request is None:
            return
        event = blocks._queue.event_ids_to_events.get(request)
        if event is None or not event.alive:
            raise CancelledError("The translation was cancelled.")
        if total > 1:
            show(done / total, desc="Translating in bands")

    return tell
