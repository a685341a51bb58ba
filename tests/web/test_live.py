"""The camera's stream: the latest frame wins, clients take turns, and what is refused."""

import asyncio
import io
import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from websockets.sync.client import ClientConnection, connect

from cut import checkpoints
from cut.errors import CutError
from cut.translate import load
from cut.web import gradio_live, live, usage
from cut.web.live import Stream, decode, parse_size
from tests.helpers import make_checkpoint, make_picture
from tests.web.serving import PASSWORD, RunningServer, run_async


def jpeg(picture: Image.Image) -> bytes:
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=95)
    return content.getvalue()


FRAME = make_picture(64, 64)


def stream_of(server: RunningServer, checkpoint: str = "tiny", size: str = "128") -> Any:
    query = f"checkpoint={checkpoint}&size={size}"
    return connect(f"ws://{server.host}{live.PATH}?{query}", open_timeout=60)


def told(stream: ClientConnection) -> dict[str, Any]:
    return json.loads(stream.recv(60))


def test_a_frame_that_waits_gives_its_place_to_the_next() -> None:
    async def scene() -> None:
        stream = Stream(SimpleNamespace(), 128)  # type: ignore[arg-type]
        for content in (b"1", b"2", b"3"):
            stream.put(content)
        await stream.arrival()
        frame = stream.take()
        assert frame is not None
        assert (frame.number, frame.content, stream.dropped) == (3, b"3", 2)
        assert stream.take() is None
        stream.put(b"4")  # nothing waited: nothing is dropped
        assert stream.dropped == 2

    run_async(scene())


def test_frames_are_bounded() -> None:
    with pytest.raises(CutError, match="at most 1,048,576"):
        Stream(SimpleNamespace(), 128).put(bytes(live.MAX_FRAME_BYTES + 1))  # type: ignore[arg-type]
    with pytest.raises(CutError, match="4000 x 1000 px: scale it"):
        decode(jpeg(Image.new("RGB", (4000, 1000))), 128)
    with pytest.raises(CutError, match="not a picture"):
        decode(b"GIF89a", 128)
    assert decode(jpeg(make_picture(320, 200)), 128).size == (205, 128)
    assert decode(jpeg(FRAME), 128).size == FRAME.size


@pytest.mark.parametrize("text", ["", "255", "-128", "1e2", "９"])
def test_sizes_are_those_of_the_menu(text: str) -> None:
    with pytest.raises(CutError, match="choose 128, 192, 256"):
        parse_size(text)
    assert parse_size("256") == 256


def test_frames_come_back_translated(server: RunningServer) -> None:
    content = jpeg(FRAME)
    with stream_of(server) as stream:
        assert told(stream) == {"ready": True, "checkpoint": "tiny", "size": 128}
        for number in (1, 2):
            stream.send(content)
            answer = told(stream)
            assert (answer["frame"], answer["dropped"]) == (number, 0)
            assert 0 < answer["translate_seconds"] < 60
            result = Image.open(io.BytesIO(stream.recv(60))).convert("RGB")
    tiny = load(server.home / "checkpoints" / "tiny", precision="fp32")
    expected = tiny(Image.open(io.BytesIO(content)))
    pairs = zip(result.resize((8, 8)).tobytes(), expected.resize((8, 8)).tobytes(), strict=True)
    assert max(abs(a - b) for a, b in pairs) <= 4  # JPEG, and maybe bfloat16


def test_frames_are_dropped_rather_than_queued(server: RunningServer) -> None:
    with stream_of(server) as stream:
        told(stream)
        for _ in range(40):
            stream.send(jpeg(FRAME))
        answers = [told(stream)]
        while stream.recv(60) and answers[-1]["frame"] < 40:
            answers.append(told(stream))
    assert len(answers) + answers[-1]["dropped"] == 40
    assert answers[-1]["dropped"] > 0
    frames = [answer["frame"] for answer in answers]
    assert frames == sorted(set(frames))


def test_a_stream_that_asks_for_little_has_its_turn_beside_one_that_asks_for_all() -> None:
    order: list[str] = []

    class Watched(Stream):
        def translate(self) -> tuple[dict[str, Any], Image.Image]:
            assert self.take() is not None
            order.append(self.checkpoint.name)
            time.sleep(0.005)
            return {}, FRAME

    class Page:
        """In the place of a websocket; sends the next frame when the last answer has come."""

        def __init__(self, stream: Stream) -> None:
            self.stream = stream

        async def send_json(self, told: dict[str, Any]) -> None:
            pass

        async def send_bytes(self, content: bytes) -> None:
            self.stream.put(b"")

    async def scene() -> None:
        little, all_ = (Watched(SimpleNamespace(name=name), 128) for name in ("little", "all"))  # type: ignore[arg-type]
        little.put(b"")
        tasks = [asyncio.create_task(live._answer(Page(one), one)) for one in (little, all_)]  # type: ignore[arg-type]
        while order.count("little") < 6 and len(order) < 60:
            all_.put(b"")  # there is always one that waits
            await asyncio.sleep(0.001)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    run_async(scene())
    assert order.count("little") == 6
    assert order.count("all") > 1


def test_two_streams_at_once_are_answered_frame_by_frame(server: RunningServer) -> None:
    with stream_of(server) as one, stream_of(server) as other:
        told(one), told(other)
        order: list[str] = []
        for stream in (one, other):
            stream.send(jpeg(FRAME))
        for _ in range(5):
            for name, stream in (("one", one), ("other", other)):
                # Each waits for the other's frame at most, though it asks again at once.
                assert told(stream)["frame"] == order.count(name) + 1
                stream.recv(60)
                order.append(name)
                stream.send(jpeg(FRAME))


@pytest.mark.parametrize(
    ("checkpoint", "size", "line"),
    [("nothing", "128", "no checkpoint called 'nothing'"), ("tiny", "5000", "The size '5000'")],
)
def test_what_is_asked_for_must_exist(
    server: RunningServer, checkpoint: str, size: str, line: str
) -> None:
    with stream_of(server, checkpoint, size) as stream:
        assert line in told(stream)["error"]


@pytest.mark.parametrize("frame", [b"nonsense", "text"])
def test_what_is_no_frame_ends_the_stream_with_one_line(
    server: RunningServer, frame: bytes | str
) -> None:
    with stream_of(server) as stream:
        told(stream)
        stream.send(frame)
        assert "send each as" in told(stream)["error"]
    assert "Traceback" not in server.log.read_text("utf-8").partition(live.PATH)[2]


def test_so_many_streams_and_no_more(server: RunningServer) -> None:
    streams = [stream_of(server) for _ in range(live.MAX_VIEWERS)]
    try:
        assert all(told(stream)["ready"] for stream in streams)
        with stream_of(server) as late:
            assert f"{live.MAX_VIEWERS} streams" in told(late)["error"]
    finally:
        for stream in streams:
            stream.close()


def test_the_example_for_programs_names_the_stream_and_the_password(server: RunningServer) -> None:
    text = usage.live_text("https://host/gradio", "tiny", password=True)
    assert f"wss://host{live.PATH}?checkpoint=tiny&size=256" in text
    assert "Bearer PASSWORD" in text
    assert "PASSWORD" not in usage.live_text("http://host/gradio", "tiny")


def test_a_password_guards_the_stream(locked_server: RunningServer) -> None:
    with pytest.raises(Exception, match="401"):
        stream_of(locked_server)
    header = {"Authorization": f"Bearer {PASSWORD}"}
    address = f"ws://{locked_server.host}{live.PATH}?checkpoint=none"
    with connect(address, additional_headers=header, open_timeout=60) as stream:
        assert "no checkpoint" in told(stream)["error"]


def test_the_smallest_that_comes_along_is_offered_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundled = tmp_path / "bundled"
    monkeypatch.setenv("CUT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(checkpoints, "BUNDLED", bundled)
    for folder, width in ((bundled / "wide", 8), (bundled / "zebra_small", 4)):
        make_checkpoint(folder, ngf=width)
    make_checkpoint(tmp_path / "home" / "checkpoints" / "tiny", ngf=2)
    names = [model["name"] for model in gradio_live.live_checkpoints()]
    assert names == ["zebra_small", "wide", "tiny"]
