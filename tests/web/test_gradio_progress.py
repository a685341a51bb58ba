"""Cancel on a page of the Gradio half, over the requests that a browser sends for it."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from PIL import Image

import cut.checkpoints
from cut.web import api, gradio_pages
from cut.web.gradio_progress import CancelledError
from tests.helpers import make_checkpoint, make_picture

PATIENCE = 60.0
BANDS = 1_000_000


class Bands:
    """In the place of a translation in a great many bands: remembers how it ended."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self.error: BaseException | None = None

    def __call__(
        self, _: str, picture: Image.Image, *rest: Any, progress: Callable[[int, int], None]
    ) -> tuple[Image.Image, float]:
        until = time.monotonic() + PATIENCE
        try:
            for band in range(BANDS):
                progress(band, BANDS)
                if time.monotonic() > until:
                    break
                time.sleep(0.01)
        except BaseException as error:
            self.error = error
            raise
        finally:
            self.ended.set()
        return picture, PATIENCE


@pytest.fixture
def blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> gr.Blocks:
    monkeypatch.setenv("CUT_HOME", str(tmp_path))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "files"))
    monkeypatch.setattr(cut.checkpoints, "BUNDLED", tmp_path / "bundled")
    make_checkpoint(tmp_path / "checkpoints" / "model", ngf=4, blocks=2)
    return gradio_pages.build()


@contextmanager
def served(blocks: gr.Blocks) -> Iterator[httpx.Client]:
    """A client of the pages, which a thread serves."""
    app = gr.mount_gradio_app(FastAPI(), blocks, "/gradio")
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        base = f"http://127.0.0.1:{port}/gradio/gradio_api/"
        with httpx.Client(base_url=base, timeout=PATIENCE) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(PATIENCE)


def begin(client: httpx.Client, function: int, picture: Path, session: str) -> str:
    """Press Translate, and return the request's id."""
    with picture.open("rb") as file:
        path = client.post("upload", files={"files": file}).json()[0]
    image = {"path": path, "meta": {"_type": "gradio.FileData"}}
    asked = {
        "data": [image, "model", "auto", 1.0],
        "fn_index": function,
        "session_hash": session,
    }
    return client.post("queue/join", json=asked).raise_for_status().json()["event_id"]


@contextmanager
def watched(client: httpx.Client, session: str) -> Iterator[None]:
    """A page that has been told of progress; it is closed when the block ends."""
    with client.stream("GET", "queue/data", params={"session_hash": session}) as told:
        shown = next(line for line in told.iter_lines() if '"progress"' in line)
        (unit,) = json.loads(shown.removeprefix("data:"))["progress_data"]
        assert unit["desc"] == "Translating in bands"
        yield


@pytest.mark.filterwarnings("ignore:SSR mode")
def test_a_queue_with_nothing_to_do_hardly_wakes(
    blocks: gr.Blocks, monkeypatch: pytest.MonkeyPatch
) -> None:
    rests = []
    rest = asyncio.sleep

    async def noted(seconds: float, result: Any = None) -> Any:
        rests.append((asyncio.current_task().get_coro().__qualname__, seconds))
        return await rest(seconds, result)

    with served(blocks) as client:
        client.get("info").raise_for_status()  # the queue begins with the first request
        with monkeypatch.context() as patch:
            patch.setattr(asyncio, "sleep", noted)
            time.sleep(0.5)
    loops = {name for name, _ in rests if name.startswith("Queue.")}
    assert loops == {"Queue.start_processing", "Queue.start_progress_updates"}
    assert min(seconds for _, seconds in rests) == gradio_pages.QUEUE_PACE


@pytest.mark.filterwarnings("ignore:SSR mode")
def test_a_translation_ends_that_is_cancelled_or_whose_page_is_closed(
    blocks: gr.Blocks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_picture().save(tmp_path / "picture.png")
    function = next(number for number, fn in blocks.fns.items() if fn.name == "_show")
    assert [function] in [fn["cancels"] for fn in blocks.config["dependencies"]]
    with served(blocks) as client:
        for session, cancels in (("stays", True), ("leaves", False)):
            monkeypatch.setattr(api, "translate_in_line", bands := Bands())
            request = begin(client, function, tmp_path / "picture.png", session)
            with watched(client, session):
                assert not bands.ended.is_set()
                if cancels:
                    named = {"session_hash": session, "fn_index": function, "event_id": request}
                    client.post("cancel", json=named).raise_for_status()
                    assert bands.ended.wait(PATIENCE)
            assert bands.ended.wait(PATIENCE)
            assert isinstance(bands.error, CancelledError)
