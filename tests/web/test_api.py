"""The endpoints as programs call them: gradio_client, plain HTTP, MCP."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError, AuthenticationError
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client
from mcp.types import CallToolResult, ImageContent, TextContent
from PIL import Image

from cut.pictures import read_picture
from cut.translate import load
from cut.web.examples import examples
from tests.helpers import make_checkpoint, make_picture
from tests.web.serving import PASSWORD, PROJECT, RunningServer, run_async, wait_for_gradio

BUNDLED = {folder.name for folder in (PROJECT / "checkpoints").iterdir() if folder.is_dir()}
TRAINING = {"train_start", "train_watch", "train_stop", "train_fetch"}
BEARER = {"authorization": f"Bearer {PASSWORD}"}


@pytest.fixture(scope="module")
def client(server: RunningServer) -> Client:
    wait_for_gradio(server.url)
    return Client(f"{server.url}/gradio", verbose=False)


@pytest.fixture
def alive(server: RunningServer, client: Client, photo: Path) -> Any:
    """After the test the server still runs, translates, and has printed no trace."""
    yield
    assert server.process.poll() is None
    assert client.predict(handle_file(photo), api_name="/tiny")
    assert "Traceback" not in server.log.read_text()


def call(server: RunningServer, endpoint: str, data: list[Any]) -> tuple[str, Any]:
    """Call `endpoint` over plain HTTP as the pages tell it; returns the event and its data."""
    base = f"{server.url}/gradio/gradio_api/call/{endpoint}"
    sent = httpx.post(base, json={"data": data}, timeout=60)
    assert sent.status_code == 200, sent.text
    answer = httpx.get(f"{base}/{sent.json()['event_id']}", timeout=60)
    event, _, rest = answer.text.strip().rpartition("event: ")[2].partition("\ndata: ")
    return event, json.loads(rest)


def upload(server: RunningServer, path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        address = f"{server.url}/gradio/gradio_api/upload"
        sent = httpx.post(address, files={"files": file}, timeout=60)
    return {"path": sent.json()[0], "meta": {"_type": "gradio.FileData"}}


def test_every_checkpoint_has_an_endpoint_and_a_page(client: Client, server: RunningServer) -> None:
    described = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(described) == {"/translate", "/checkpoints", "/correspond", "/tiny"} | {
        f"/{n}" for n in BUNDLED | TRAINING
    }
    named = [p["parameter_name"] for p in described["/translate"]["parameters"]]
    assert named == ["image", "checkpoint", "size", "strength"]
    assert httpx.get(f"{server.url}/gradio/tiny", timeout=60).status_code == 200
    assert {c["name"] for c in client.predict(api_name="/checkpoints")} == {"tiny"} | BUNDLED


def test_the_answer_is_what_the_engine_computes_upright_and_without_metadata(
    client: Client, web_home: Path, photo: Path
) -> None:
    path = client.predict(handle_file(photo), size="native", api_name="/tiny")
    with Image.open(path) as answer:
        assert answer.format == "PNG"
        assert answer.size == (45, 67)
        assert not answer.info and not answer.getexif()
        expected = load(str(web_home / "checkpoints" / "tiny"))(read_picture(photo))
        difference = np.abs(np.asarray(answer, int) - np.asarray(expected, int))
    assert difference.max() <= 1
    assert Path(path).name == "my photo-tiny.png"
    assert b"SecretCamera" not in Path(path).read_bytes()


def test_strength_and_size_are_obeyed(client: Client, photo: Path) -> None:
    def picture(**settings: Any) -> np.ndarray:
        path = client.predict(handle_file(photo), "tiny", api_name="/translate", **settings)
        with Image.open(path) as answer:
            return np.asarray(answer, int)

    before = np.asarray(read_picture(photo), int)
    assert np.array_equal(picture(strength=0), before)
    assert not np.array_equal(picture(), before)
    assert not np.array_equal(picture(size="32"), picture())
    assert picture(size="32").shape == before.shape


def test_a_checkpoint_added_later_is_there_at_once(
    client: Client, server: RunningServer, photo: Path
) -> None:
    folder = server.home / "checkpoints" / "later"
    make_checkpoint(folder, ngf=4, blocks=2)
    try:
        names = {c["name"] for c in client.predict(api_name="/checkpoints")}
        assert names == {"later", "tiny"} | BUNDLED
        assert client.predict(handle_file(photo), "later", api_name="/translate")
    finally:
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    with pytest.raises(AppError, match="no checkpoint called 'later'"):
        client.predict(handle_file(photo), "later", api_name="/translate")


@pytest.mark.parametrize(
    ("name", "size", "strength", "told"),
    [
        ("nope", "auto", 1, "no checkpoint called 'nope'; available: "),
        ("../../etc", "auto", 1, "no checkpoint called '../../etc'"),
        ("", "auto", 1, "no checkpoint called ''"),
        ("tiny", "huge", 1, "size 'huge' is none"),
        ("tiny", "-5", 1, "size '-5' is none"),
        ("tiny", "3", 1, "short side from"),
        ("tiny", "99999", 1, "short side from"),
        ("tiny", "1e400", 1, "size '1e400' is none"),
        ("tiny", "auto", 7, "strength '7' is not a number from 0 to 1"),
        ("tiny", "auto", "strong", "strength 'strong' is not a number"),
        ("tiny", "auto", "nan", "strength 'nan' is not a number"),
    ],
)
def test_bad_settings_are_told_in_one_line(
    client: Client,
    alive: None,
    photo: Path,
    name: str,
    size: str,
    strength: object,
    told: str,
) -> None:
    with pytest.raises(AppError) as refused:
        client.predict(handle_file(photo), name, size, strength, api_name="/translate")
    assert told in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\nbroken"])
def test_what_is_no_picture_is_told_in_one_line(
    server: RunningServer, alive: None, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(content)
    event, data = call(server, "tiny", [upload(server, path), "auto", 1])
    assert event == "error"
    assert "broken.png" in data["error"]
    assert len(data["error"].splitlines()) == 1


def test_a_picture_of_one_pixel_and_one_too_large_are_refused(
    server: RunningServer, alive: None, tmp_path: Path
) -> None:
    path = tmp_path / "picture.png"
    for size in ((1, 1), (10_000, 10_000)):
        Image.new("1", size).save(path)
        event, data = call(server, "tiny", [upload(server, path), "native", 1])
        assert event == "error"
        assert len(data["error"].splitlines()) == 1


@pytest.mark.parametrize(
    "image",
    [
        None,
        "words",
        5,
        ["a"],
        {},
        {"path": "{file}"},
        {"path": "{file}", "meta": {"_type": "gradio.FileData"}},
        {"path": "file://{file}", "meta": {"_type": "gradio.FileData"}},
        {"path": "http://127.0.0.1:1/x.png", "meta": {"_type": "gradio.FileData"}},
    ],
)
def test_only_what_was_uploaded_is_read(server: RunningServer, alive: None, image: Any) -> None:
    on_the_server = str(PROJECT / "cut" / "web" / "examples" / "cow.jpg")
    sent = json.loads(json.dumps(image).replace("{file}", on_the_server))
    event, data = call(server, "tiny", [sent, "auto", 1])
    assert event == "error"
    assert len(data["error"].splitlines()) == 1
    address = f"{server.url}/gradio/gradio_api/file={on_the_server}"
    assert httpx.get(address, timeout=60).status_code == 403


def test_a_call_that_fits_no_endpoint_is_told_in_one_line(
    server: RunningServer, alive: None
) -> None:
    base = f"{server.url}/gradio/gradio_api/call"
    unknown = httpx.post(f"{base}/nothing", json={"data": []}, timeout=60)
    assert (unknown.status_code, unknown.json()["detail"]) == (
        404,
        "There is no endpoint called 'nothing'.",
    )
    assert httpx.post(f"{base}/v2/nothing", json={}, timeout=60).status_code == 404
    assert httpx.post(f"{base}/v2/tiny", json={"colour": 1}, timeout=60).status_code == 422
    assert httpx.post(f"{base}/tiny", content=b"{", timeout=60).status_code == 422
    event, data = call(server, "tiny", [])
    assert event == "error"
    assert len(data["error"].splitlines()) == 1


def test_an_example_picture_is_shown_from_where_it_is(
    client: Client, server: RunningServer
) -> None:
    config = httpx.get(f"{server.url}/gradio/config", timeout=60).json()
    load = next(d for d in config["dependencies"] if str(d["api_name"]).startswith("load_example"))
    body = {"fn_index": load["id"], "data": [0], "session_hash": "test"}
    answer = httpx.post(f"{server.url}/gradio/gradio_api/run/predict", json=body, timeout=60)
    shown = answer.json()["data"][0]
    address = (shown.get("value") or shown)["url"]
    picture = httpx.get(address, timeout=60)
    assert picture.headers["content-type"] == "image/jpeg"
    assert picture.content == examples()[0].path.read_bytes()


def test_plain_http_gives_the_address_of_a_png(server: RunningServer, photo: Path) -> None:
    event, data = call(server, "tiny", [upload(server, photo), "auto", 1])
    assert event == "complete"
    assert data[0]["url"].startswith(server.url)
    picture = httpx.get(data[0]["url"], timeout=60)
    assert picture.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(picture.content)).size == (45, 67)


def test_the_files_of_requests_go_when_the_server_ends(client: Client, photo: Path) -> None:
    """Beside the deletion after an hour, which Gradio does: all are in one folder of the server."""
    sent = Client(client.src, verbose=False, download_files=False)
    paths = {sent.predict(handle_file(photo), api_name="/tiny")["path"] for _ in range(2)}
    assert all(Path(path).parents[1].name.startswith("cut-gradio-") for path in paths)
    assert len(paths) == 2  # or an equal request would overwrite what another one is reading


def use_mcp(url: str, headers: dict[str, str], name: str, arguments: dict[str, Any]) -> Any:
    """The tools of the server at `url`, and the answer of one of them."""

    async def session() -> tuple[list[Any], CallToolResult]:
        address = f"{url}/gradio/gradio_api/mcp/"
        async with (
            streamablehttp_client(address, headers=headers) as (read, write, _),
            ClientSession(read, write) as connection,
        ):
            await connection.initialize()
            tools = (await connection.list_tools()).tools
            return tools, await connection.call_tool(name, arguments)

    return run_async(session())


@pytest.mark.parametrize("locked", [False, True])
def test_mcp_lists_the_tools_and_translates(
    request: pytest.FixtureRequest, photo: Path, locked: bool
) -> None:
    running = request.getfixturevalue("locked_server" if locked else "server")
    headers = BEARER if locked else {}
    wait_for_gradio(running.url, headers)
    image = f"data:image/jpeg;base64,{base64.b64encode(photo.read_bytes()).decode()}"
    tools, answer = use_mcp(running.url, headers, "translate_with_tiny", {"image": image})
    by_name = {tool.name: tool for tool in tools}
    of_bundled = {f"translate_with_{name}" for name in BUNDLED}
    assert (
        set(by_name)
        == {"translate", "correspond", "translate_with_tiny", "list_checkpoints"}
        | of_bundled
        | TRAINING
    )
    assert "checkpoint tiny" in by_name["translate_with_tiny"].description
    assert by_name["translate"].inputSchema["required"] == ["image", "checkpoint"]
    assert not answer.isError
    picture = next(part for part in answer.content if isinstance(part, ImageContent))
    assert Image.open(io.BytesIO(base64.b64decode(picture.data))).size == (45, 67)

    wrong = {"image": image, "checkpoint": "nope"}
    _, answer = use_mcp(running.url, headers, "translate", wrong)
    assert answer.isError
    assert isinstance(answer.content[0], TextContent)
    assert "no checkpoint called 'nope'" in answer.content[0].text


def test_gradio_client_gets_in_with_the_password(locked_server: RunningServer, photo: Path) -> None:
    wait_for_gradio(locked_server.url, BEARER)
    with pytest.raises(AuthenticationError):
        Client(f"{locked_server.url}/gradio", verbose=False)
    inside = Client(f"{locked_server.url}/gradio", headers=BEARER, verbose=False)
    assert Image.open(inside.predict(handle_file(photo), api_name="/tiny")).size == (45, 67)


def test_several_requests_at_once_each_get_their_own_answer(
    client: Client, photo: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.png"
    make_picture(45, 67).save(other)
    files = [photo, other] * 3
    jobs = [client.submit(handle_file(file), "tiny", api_name="/translate") for file in files]
    answers = [Image.open(job.result(timeout=60)).tobytes() for job in jobs]
    for file, answer in zip(files, answers, strict=True):
        alone = client.predict(handle_file(file), "tiny", api_name="/translate")
        assert answer == Image.open(alone).tobytes()
    assert len(set(answers)) == 2
