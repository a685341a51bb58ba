"""Measure the page Live: a real client feeds a recorded stream to a real server.

    python -m benchmarks.live [--checkpoint horse2zebra] [--size 256] [--seconds 20] [--clients 1]

The recording is a window that wanders over a photo for ten seconds at 30 frames a second, encoded
beforehand as a browser would. Like the page, each client sends the frame that the camera shows when
the last answer has come. The server tells what translating took; what is left of the time, the
frames' travel, decoding and encoding on both sides among it, is what streaming costs.
"""

import argparse
import io
import json
import math
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.request import urlopen

from PIL import Image
from websockets.sync.client import connect

from benchmarks.serving import HERE, serving

PHOTO = HERE / "cut" / "web" / "examples" / "horses_on_a_meadow.jpg"
CAMERA_RATE = 30  # frames a second
RECORDED = 300  # frames


def recording(size: int) -> list[bytes]:
    """The frames of the recorded stream, JPEGs of size x size px."""
    photo = Image.open(PHOTO).convert("RGB")
    side = round(0.6 * min(photo.size))
    frames = []
    for k in range(RECORDED):
        turn = 2 * math.pi * k / RECORDED
        left = (photo.width - side) * (0.5 + 0.5 * math.sin(turn))
        top = (photo.height - side) * (0.5 + 0.5 * math.cos(turn))
        box = (left, top, left + side, top + side)
        frame = photo.resize((size, size), Image.Resampling.BILINEAR, box)
        content = io.BytesIO()
        frame.save(content, "JPEG", quality=90)
        frames.append(content.getvalue())
    return frames


def watch(address: str, frames: list[bytes], seconds: float) -> tuple[list[float], list[dict]]:
    """Play the recording for `seconds`; each answer's lag in seconds, and what it told."""
    lags, answers = [], []
    with connect(address) as stream:
        told = json.loads(stream.recv())
        if "error" in told:
            raise SystemExit(told["error"])
        stream.send(frames[0])  # PyTorch sets up at the first
        stream.recv(), stream.recv()
        began = time.perf_counter()
        while (now := time.perf_counter()) < began + seconds:
            stream.send(frames[int((now - began) * CAMERA_RATE) % len(frames)])
            answers.append(json.loads(stream.recv()))
            Image.open(io.BytesIO(stream.recv())).load()
            lags.append(time.perf_counter() - now)
    return lags, answers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", default="horse2zebra")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--clients", type=int, default=1)
    args = parser.parse_args()

    frames = recording(args.size)
    query = f"checkpoint={args.checkpoint}&size={args.size}"
    with serving() as server, ThreadPoolExecutor(args.clients) as clients:
        with urlopen(f"{server.url}/gradio/live") as page:  # which Gradio is imported for
            page.read()
        address = f"{server.url.replace('http', 'ws', 1)}/gradio/live/stream?{query}"
        watched = list(
            clients.map(lambda _: watch(address, frames, args.seconds), range(args.clients))
        )
    for lags, answers in watched:
        took = [answer["translate_seconds"] for answer in answers]
        watched_seconds = sum(lags)  # one frame is on its way at any time
        left_out = 1 - len(lags) / (watched_seconds * CAMERA_RATE)
        lag, most = statistics.median(lags), sorted(lags)[int(0.95 * len(lags))]
        print(
            f"{len(lags) / watched_seconds:.2f} frames a second of {args.size} x {args.size} px, "
            f"{lag:.3f} s behind (95 %: {most:.3f} s), "
            f"{left_out:.0%} of the camera's frames left out; "
            f"translating took {statistics.median(took):.3f} s, "
            f"{sum(took) / watched_seconds:.1%} of the time"
        )


if __name__ == "__main__":
    main()
