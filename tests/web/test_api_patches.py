"""The endpoint for one place of a picture: as a function, and as programs call it."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from mcp.types import ImageContent, TextContent
from PIL import Image

from cut.correspondence import correspond, correspondence_report
from cut.errors import CutError
from cut.pictures import read_picture
from cut.translate import load
from cut.web import api_patches, patch_store
from cut.web.api_patches import parse_layer, parse_place, parse_size
from cut.web.models import LINE
from cut.web.patch_store import PatchStore
from tests.correspondences import noisy_picture
from tests.helpers import make_checkpoint
from tests.web.serving import RunningServer, wait_for_gradio
from tests.web.test_api import call, upload, use_mcp

BAD = [
    ({"checkpoint": "nope"}, "no checkpoint called 'nope'; available: "),
    ({"checkpoint": "../../etc"}, "no checkpoint called '../../etc'"),
    ({"x": 45}, "place (45, 3) is outside the picture of 45 x 67 px"),
    ({"y": -1}, "place (5, -1) is outside"),
    ({"x": "left"}, "The place ('left', 3) is none"),
    ({"x": "nan"}, "The place ('nan', 3) is none"),
    ({"layer": "7"}, "layer 7 is not contrasted here: choose from 0, 4, 8, 12, 16"),
    ({"layer": "deep"}, "The layer 'deep' is none: give its number"),
    ({"size": "300"}, "The size '300' is none: choose 256, 384, 512"),
]


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Arguments that are right, without a server."""
    monkeypatch.setenv("CUT_HOME", str(tmp_path))
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setattr(patch_store, "STORE", PatchStore())
    make_checkpoint(tmp_path / "checkpoints" / "small", ngf=4, blocks=5)
    path = tmp_path / "my horse.png"
    noisy_picture(90, 60).save(path)
    return {"image": str(path), "checkpoint": "small", "x": 40, "y": 20}


def test_the_report_and_the_figure_are_the_engines(asked: dict[str, Any], tmp_path: Path) -> None:
    path, report = api_patches.report_file(**asked, layer="8")
    model = load(str(tmp_path / "checkpoints" / "small"))
    assert report == correspondence_report(correspond(model, noisy_picture(90, 60)), 40, 20, 8)
    assert Path(path).name == "my horse-small-40-20.png"
    with Image.open(path) as figure:
        assert figure.format == "PNG"
        one = figure.size
    path, report = api_patches.report_file(**asked, size="384 px")
    assert report["working_size"] == [576, 384]
    assert [row["layer"] for row in report["layers"]] == [0, 4, 8, 12, 16]
    with Image.open(path) as figure:
        assert figure.size != one


def test_a_second_place_of_a_picture_costs_no_second_embedding(
    asked: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = correspond(load(str(tmp_path / "checkpoints" / "small")), noisy_picture(90, 60))
    _, first = api_patches.report_file(**asked)
    monkeypatch.setattr("cut.correspondence.correspond", None)
    _, second = api_patches.report_file(**{**asked, "x": 70})
    assert first == correspondence_report(view, 40, 20)
    assert second == correspondence_report(view, 70, 20)


def test_it_waits_in_the_same_line(asked: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = []

    def watched(*arguments: Any, **options: Any) -> Any:
        waiting.append(LINE.waiting)
        return correspond(*arguments, **options)

    monkeypatch.setattr("cut.correspondence.correspond", watched)
    api_patches.report_file(**asked)
    assert waiting == [1]


@pytest.mark.parametrize(
    ("size", "told"), [((7, 60), "too small"), ((500, 50), "at most four times as long as wide")]
)
def test_a_picture_that_does_not_fit_is_told(
    asked: dict[str, Any], size: tuple[int, int], told: str
) -> None:
    Image.new("RGB", size).save(asked["image"])
    with pytest.raises(CutError, match=told):
        api_patches.report_file(**{**asked, "x": 1, "y": 1})
    with pytest.raises(CutError, match="There is no picture"):
        api_patches.report_file(**{**asked, "image": None})


@pytest.mark.parametrize("value", ["all", "ALL", "", None])
def test_every_layer(value: object) -> None:
    assert parse_layer(value) is None


@pytest.mark.parametrize("value", [8, "8", 8.0, "layer 8", " 8 "])
def test_one_layer(value: object) -> None:
    assert parse_layer(value) == 8


def test_sizes_and_places_are_understood() -> None:
    assert [parse_size(value) for value in (None, "", 384, "512px")] == [256, 256, 384, 512]
    assert parse_place("3", 4.5) == (3, 4.5)


@pytest.mark.parametrize("value", [8.5, [], "1e400", {}, True])
def test_no_layer(value: object) -> None:
    with pytest.raises(CutError, match="is none"):
        parse_layer(value)


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Client:
    wait_for_gradio(server.url)
    return Client(f"{server.url}/gradio", verbose=False)


def test_a_client_gets_figure_and_numbers(client: Client, web_home: Path, photo: Path) -> None:
    figure, report = client.predict(
        handle_file(photo), "tiny", 30, 50, layer="4", api_name="/correspond"
    )
    with Image.open(figure) as opened:
        assert opened.format == "PNG"
    view = correspond(load(str(web_home / "checkpoints" / "tiny")), read_picture(photo))
    expected = correspondence_report(view, 30, 50, 4)
    assert report["picture"] == [45, 67]  # upright
    assert [row["layer"] for row in report["layers"]] == [4]
    for name in ("row", "column", "of"):
        assert report["layers"][0][name] == expected["layers"][0][name]
    assert report["layers"][0]["loss"] == pytest.approx(expected["layers"][0]["loss"], abs=0.05)


@pytest.mark.parametrize(("changed", "told"), BAD)
def test_bad_input_is_told_in_one_line(
    client: Client, server: RunningServer, photo: Path, changed: dict[str, Any], told: str
) -> None:
    asked = {"image": handle_file(photo), "checkpoint": "tiny", "x": 5, "y": 3}
    with pytest.raises(AppError) as refused:
        client.predict(**{**asked, **changed}, api_name="/correspond")
    assert told in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
    assert "Traceback" not in server.log.read_text()


def test_plain_http(server: RunningServer, client: Client, photo: Path) -> None:
    event, data = call(server, "correspond", [upload(server, photo), "tiny", 30, 50, "all", "256"])
    assert event == "complete"
    figure = httpx.get(data[0]["url"], timeout=60)
    assert figure.headers["content-type"] == "image/png"
    assert [row["layer"] for row in data[1]["layers"]] == [0, 4, 8, 12, 16]
    for image in (None, "words", {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}):
        event, data = call(server, "correspond", [image, "tiny", 30, 50, "all", "256"])
        assert event == "error"
        assert len(data["error"].splitlines()) == 1
    assert httpx.get(f"{server.url}/gradio/correspond", timeout=60).status_code == 200


def test_mcp(server: RunningServer, client: Client, photo: Path) -> None:
    image = f"data:image/jpeg;base64,{base64.b64encode(photo.read_bytes()).decode()}"
    arguments = {"image": image, "checkpoint": "tiny", "x": 30, "y": 50}
    tools, answer = use_mcp(server.url, {}, "correspond", arguments)
    tool = next(tool for tool in tools if tool.name == "correspond")
    assert tool.inputSchema["required"] == ["image", "checkpoint", "x", "y"]
    assert "contrastive loss" in tool.description
    assert not answer.isError
    figure = next(part for part in answer.content if isinstance(part, ImageContent))
    assert Image.open(io.BytesIO(base64.b64decode(figure.data))).format in {"PNG", "WEBP"}
    texts = [part.text for part in answer.content if isinstance(part, TextContent)]
    assert len(json.loads(texts[-1])["layers"]) == 5
