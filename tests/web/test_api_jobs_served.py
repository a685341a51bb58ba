"""The endpoints for training jobs as programs call them, with a real worker."""

import io
import json
import os
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

import cut
from tests.helpers import make_checkpoint
from tests.jobs.made import picture_bytes
from tests.web.serving import RunningServer, running_server, wait_for_gradio
from tests.web.test_api import call, upload, use_mcp
from tests.web.test_api_jobs import TINY


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server whose workers leave when the tests are done."""
    home = tmp_path_factory.mktemp("training")
    make_checkpoint(home / "checkpoints" / "tiny")
    with running_server(home) as running:
        wait_for_gradio(running.url)
        yield running
        for process in Path("/proc").glob("[0-9]*"):
            _end_worker(process, home)


def _end_worker(process: Path, home: Path) -> None:
    try:
        command = (process / "cmdline").read_bytes().split(b"\0")
        ours = f"CUT_HOME={home.resolve()}".encode() in (process / "environ").read_bytes()
    except OSError:  # another's, or gone
        return
    if ours and b"cut.jobs.worker" in command:
        os.kill(int(process.name), signal.SIGTERM)


@pytest.fixture(scope="module")
def client(training: RunningServer) -> Client:
    return Client(f"{training.url}/gradio", verbose=False)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("pair")
    (folder / "a painting.png").write_bytes(picture_bytes(1))
    (folder / "a photo.png").write_bytes(picture_bytes(2, 70, 90))
    return folder / "a painting.png", folder / "a photo.png"


@pytest.fixture(scope="module")
def trained(client: Client, pictures: tuple[Path, Path]) -> tuple[str, list[Any]]:
    """The id of a job that was trained, and what was told of it meanwhile."""
    source, target = map(handle_file, pictures)
    job = client.predict(source, target, overrides=json.dumps(TINY), api_name="/train_start")
    watching = client.submit(job["id"], api_name="/train_watch")
    watching.result(timeout=400)
    return job["id"], watching.outputs()


def test_a_client_trains_a_model_and_opens_it(
    client: Client, trained: tuple[str, list[Any]], tmp_path: Path
) -> None:
    id, told = trained
    last, picture = told[-1]
    assert (last["state"], last["step"], last["message"]) == ("done", 20, "")
    assert told[0][0]["state"] in {"queued", "running"}
    assert "NCE" in last["losses"]
    with Image.open(picture) as shown:
        assert shown.size == (80, 64)
    fetched, path = client.predict(id, api_name="/train_fetch")
    assert fetched["model"] == last["model"]
    assert Path(path).name == f"{last['model']}.zip"
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path)
    model = cut.load(str(tmp_path / last["model"]))
    picture = Image.open(io.BytesIO(picture_bytes(1)))
    assert model(picture).size == picture.size
    names = {checkpoint["name"] for checkpoint in client.predict(api_name="/checkpoints")}
    assert last["model"] in names


def test_a_client_stops_a_job(
    client: Client, training: RunningServer, pictures: tuple[Path, Path], photo: Path
) -> None:
    source, target = map(handle_file, pictures)
    long = json.dumps(TINY | {"steps": 100_000})
    job = client.predict(source, target, overrides=long, api_name="/train_start")["id"]
    watching = client.submit(job, api_name="/train_watch")
    # Translations go on meanwhile: watching has a line of its own.
    assert client.predict(handle_file(photo), api_name="/tiny")
    assert client.predict(job, api_name="/train_stop")["state"] in {"stopping", "stopped"}
    assert watching.result(timeout=400)[0]["state"] == "stopped"


@pytest.mark.parametrize(
    ("endpoint", "data", "told"),
    [
        ("train_watch", ["nobody", 0], "nobody"),
        ("train_stop", ["nobody"], "nobody"),
        ("train_fetch", ["nobody"], "nobody"),
        ("train_start", ["A", "B", "gan", "quick", 1, "", "{}"], "no method 'gan'"),
        ("train_start", ["A", "B", "sincut", "quick", 1, "", "{"], "no JSON object"),
        ("train_start", ["A", "B", "sincut", "quick", "x", "", "{}"], "minutes are none"),
        ("train_start", ["A", None, "sincut", "quick", 1, "", "{}"], "There is no target"),
        ("train_start", ["A", "log", "sincut", "quick", 1, "", "{}"], "is not a picture"),
    ],
)
def test_bad_input_over_plain_http(
    training: RunningServer,
    pictures: tuple[Path, Path],
    endpoint: str,
    data: list[Any],
    told: str,
) -> None:
    files = {"A": pictures[0], "B": pictures[1], "log": training.log}
    sent = [upload(training, files[x]) if x in files else x for x in data]
    event, answer = call(training, endpoint, sent)
    assert event == "error"
    assert told in answer["error"]
    assert len(answer["error"].splitlines()) == 1
    assert "Traceback" not in training.log.read_text()


def test_plain_http_streams_and_fetches(
    training: RunningServer, trained: tuple[str, list[Any]]
) -> None:
    event, (told, picture) = call(training, "train_watch", [trained[0], 0])
    assert (event, told["state"]) == ("complete", "done")
    assert httpx.get(picture["url"], timeout=60).headers["content-type"] == "image/jpeg"
    event, (told, checkpoint) = call(training, "train_fetch", [trained[0]])
    content = httpx.get(checkpoint["url"], timeout=60).content
    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None
    page = httpx.get(f"{training.url}/gradio/train?job={trained[0]}", timeout=60)
    assert page.status_code == 200


def test_a_client_is_told_of_no_checkpoint(client: Client) -> None:
    with pytest.raises(AppError, match="nobody"):
        client.predict("nobody", api_name="/train_fetch")


def test_mcp(training: RunningServer, trained: tuple[str, list[Any]]) -> None:
    tools, answer = use_mcp(training.url, {}, "train_watch", {"job": trained[0], "seconds": 30})
    by_name = {tool.name: tool for tool in tools}
    assert {"train_start", "train_watch", "train_stop", "train_fetch"} <= set(by_name)
    assert by_name["train_start"].inputSchema["required"] == ["source", "target"]
    assert "id" in by_name["train_start"].description
    assert not answer.isError
    assert any(part.type == "image" for part in answer.content)
    texts = [part.text for part in answer.content if part.type == "text"]
    assert json.loads(texts[0])["state"] == "done"
    _, answer = use_mcp(training.url, {}, "train_fetch", {"job": "nobody"})
    assert answer.isError
    _, answer = use_mcp(training.url, {}, "train_stop", {"job": trained[0]})
    assert json.loads(answer.content[0].text)["state"] == "done"
