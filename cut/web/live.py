"""A camera's stream through a model, over a websocket for each visitor: the latest frame wins.

A program connects to `/gradio/live/stream?checkpoint=NAME&size=256` and waits for the line of JSON
that says `ready`. It then sends each frame as a JPEG, PNG or WebP, and gets two messages for each
that was translated: a line of JSON (`frame`, its place among those sent, from 1; `dropped`, how
many were not translated so far; `translate_seconds`; `waited_seconds`, before its turn came), and a
JPEG. A line with `error` ends the stream. A frame that is still waiting when the next arrives gives
its place to it, so nothing queues up; who wants the least lag sends one when an answer has come.

A websocket of our own, since an event of Gradio's goes through its queue, in which every frame
waits for those before it.
"""

from __future__ import annotations

import asyncio
import io
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from PIL import Image

from cut.errors import CutError
from cut.pictures import read_picture, resize_short_side
from cut.web.models import LINE, SHELF, find_by_name
from cut.web.results import jpeg_bytes

if TYPE_CHECKING:
    from cut.checkpoints import Checkpoint

PATH = "/gradio/live/stream"

SIZES = (128, 192, 256, 384, 512)
"""px, the short sides to work at."""

MAX_VIEWERS = 8
"""How many streams are served at a time; they share the one generator in turn."""

MAX_FRAME_BYTES = 1 << 20
MAX_FRAME_PIXELS = 1280 * 1280

REFUSED = 1008  # the websocket status for what goes against the rules

# One thread, so that all streams together take one place in line with the pictures of others, each
# in turn, and PyTorch keeps one team of threads for them.
_TRANSLATING = ThreadPoolExecutor(1, thread_name_prefix="live")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Frame:
    """A frame as it was sent: its place among those of its stream, from 1, and when it came."""

    number: int
    content: bytes
    arrived: float


@dataclass
class Stream:
    """One visitor's stream: the model, and a place for the one frame that waits."""

    checkpoint: Checkpoint
    size: int
    dropped: int = 0
    _waiting: Frame | None = None
    _received: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _arrival: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, content: bytes) -> None:
        """Let a frame wait, in the place of one that still does. Raises CutError if too large."""
        if len(content) > MAX_FRAME_BYTES:
            raise CutError(f"A frame has {len(content):,} bytes; at most {MAX_FRAME_BYTES:,}.")
        with self._lock:
            self._received += 1
            self.dropped += self._waiting is not None
            self._waiting = Frame(self._received, content, time.perf_counter())
        self._arrival.set()

    async def arrival(self) -> None:
        """Return when a frame waits."""
        await self._arrival.wait()
        self._arrival.clear()

    def take(self) -> Frame | None:
        """The latest frame, if there is one that was not taken yet."""
        with self._lock:
            frame, self._waiting = self._waiting, None
        return frame

    def translate(self) -> tuple[dict[str, Any], Image.Image] | None:
        """Translate what is the latest frame when the turn comes; blocks until then.

        Raises:
            CutError: it is no picture, too large, or the model is gone.
        """
        with LINE.turn():
            frame = self.take()
            if frame is None:
                return None
            waited = time.perf_counter() - frame.arrived
            picture = decode(frame.content, self.size)
            translator = SHELF.get(self.checkpoint)
            started = time.perf_counter()
            result = translator(picture)
            seconds = time.perf_counter() - started
        told = {
            "frame": frame.number,
            "dropped": self.dropped,
            "translate_seconds": round(seconds, 4),
            "waited_seconds": round(waited, 4),
        }
        return told, result


def furnish_live(app: FastAPI) -> None:
    """Add the websocket to `app`."""
    viewers: set[WebSocket] = set()

    @app.websocket(PATH)
    async def stream(websocket: WebSocket, checkpoint: str = "", size: str = "256") -> None:
        await websocket.accept()
        try:
            if len(viewers) >= MAX_VIEWERS:
                raise CutError(f"{MAX_VIEWERS} streams are being translated; try again later.")
            viewers.add(websocket)
            await _serve(websocket, checkpoint, size)
        except WebSocketDisconnect:
            pass
        except CutError as error:
            await _end(websocket, str(error))
        except Exception:
            log.exception("A stream failed.")
            await _end(websocket, "The server failed at this stream; its log says why.")
        finally:
            viewers.discard(websocket)


def decode(content: bytes, size: int) -> Image.Image:
    """The picture of a frame, with a short side of at most `size` px.

    Raises:
        CutError: it is no picture, or too large for a frame.
    """
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG", "PNG", "WEBP")) as opened:
            width, height = opened.size
    except Exception as error:  # decoders meet bytes from anywhere, and raise nearly everything
        raise CutError("A frame is not a picture: send each as one JPEG, PNG or WebP.") from error
    if width * height > MAX_FRAME_PIXELS:
        raise CutError(f"A frame has {width} x {height} px: scale it to a short side of {size} px.")
    picture = read_picture(content, name="The frame")
    return picture if min(picture.size) <= size else resize_short_side(picture, size)


def parse_size(text: str) -> int:
    """The working size that a request asks for. Raises CutError if it is none of SIZES."""
    if text not in map(str, SIZES):
        known = ", ".join(map(str, SIZES))
        raise CutError(f"The size {text[:20]!r} is none for a stream: choose {known}.")
    return int(text)


async def _serve(websocket: WebSocket, checkpoint: str, size: str) -> None:
    """Serve one stream until it ends. Raises CutError for what it asks for or sends."""
    stream = Stream(find_by_name(checkpoint), parse_size(size))
    # The first one to ask for a model waits for it here, and not at the first frame.
    await asyncio.to_thread(SHELF.get, stream.checkpoint)
    from cut.memory import freed_memory_kept  # imports PyTorch, which is there now

    await websocket.send_json({"ready": True, "checkpoint": checkpoint, "size": stream.size})
    with freed_memory_kept():  # each frame asks for what the one before it has freed
        tasks = [asyncio.create_task(work(websocket, stream)) for work in (_receive, _answer)]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
    for error in ended:
        if isinstance(error, Exception):
            raise error


async def _receive(websocket: WebSocket, stream: Stream) -> None:
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message["code"])
        content = message.get("bytes")
        if content is None:
            raise CutError("A stream takes frames alone: send each as the bytes of a picture.")
        stream.put(content)


async def _answer(websocket: WebSocket, stream: Stream) -> None:
    loop = asyncio.get_running_loop()
    while True:
        await stream.arrival()
        done = await loop.run_in_executor(_TRANSLATING, stream.translate)
        if done is not None:
            told, result = done
            content = await asyncio.to_thread(jpeg_bytes, result)
            await websocket.send_json(told)
            await websocket.send_bytes(content)


async def _end(websocket: WebSocket, error: str) -> None:
    try:
        await websocket.send_json({"error": error})
        await websocket.close(REFUSED)
    except (RuntimeError, WebSocketDisconnect):  # it has gone already
        pass
