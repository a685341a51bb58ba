"""A model is pushed by the Hub's own library, and loaded from where it was pushed to.

The Hub is a stand-in on this machine that keeps files in memory: it speaks what `huggingface_hub`
asks of a repository without large-file storage.
"""

import base64
import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cut.exports.hub import export_hub
from tests.exports.test_hub import make

REVISION = "1" * 40
REPOSITORY = "someone/zebras"

PUSH = """
import sys
from huggingface_hub import HfApi
from cut.exports.hub import HubModel

HubModel.from_pretrained(sys.argv[1]).push_to_hub("someone/zebras")
HfApi().upload_folder(repo_id="someone/zebras", folder_path=sys.argv[1])
"""

LOAD = """
import sys
import torch
from cut.exports.hub import HubModel

here, there = (HubModel.from_pretrained(name) for name in (sys.argv[1], "someone/zebras"))
picture = torch.rand(1, 3, 32, 40) * 2 - 1
with torch.inference_mode():
    assert torch.equal(here(picture), there(picture))
print("the same")
"""


class StandIn(BaseHTTPRequestHandler):
    """One repository of a Hub."""

    files: dict[str, bytes]
    commits: list[str]
    asked: list[str]

    def do_POST(self) -> None:
        self.asked.append(f"POST {self.path} {self.headers.get('authorization')}")
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        place = self.path.split("?")[0]
        if place == "/api/repos/create":
            self.answer({"url": f"{self.address}/{REPOSITORY}", "name": REPOSITORY})
        elif place == "/api/validate-yaml":
            self.answer({"errors": [], "warnings": []})
        elif place == f"/api/models/{REPOSITORY}/preupload/main":
            paths = [file["path"] for file in json.loads(body)["files"]]
            plain = {"uploadMode": "regular", "shouldIgnore": False, "oid": None}
            self.answer({"files": [{"path": path} | plain for path in paths]})
        elif place == f"/api/models/{REPOSITORY}/commit/main":
            self.commit([json.loads(line) for line in body.splitlines()])
        else:
            self.send_error(404)

    def commit(self, lines: list[dict]) -> None:
        for line in lines:
            if line["key"] == "header":
                self.commits.append(line["value"]["summary"])
            elif line["key"] == "file":
                self.files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
        url = f"{self.address}/{REPOSITORY}/commit/{REVISION}"
        self.answer({"success": True, "commitOid": REVISION, "commitUrl": url})

    def do_GET(self) -> None:
        self.asked.append(f"{self.command} {self.path}")
        place = self.path.split("?")[0]
        start = f"/{REPOSITORY}/resolve/main/"
        if place == f"/api/models/{REPOSITORY}":
            names = [{"rfilename": name} for name in self.files]
            self.answer({"id": REPOSITORY, "sha": REVISION, "siblings": names})
        elif place.startswith(start) and place.removeprefix(start) in self.files:
            data = self.files[place.removeprefix(start)]
            mark = hashlib.sha1(data).hexdigest()
            self.answer(data, {"ETag": f'"{mark}"', "X-Repo-Commit": REVISION})
        elif place == f"/api/models/{REPOSITORY}/revision/main":
            self.answer({"id": REPOSITORY, "sha": REVISION})
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

    do_HEAD = do_GET

    def answer(self, content: bytes | dict, headers: dict[str, str] | None = None) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(200)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    @property
    def address(self) -> str:
        return f"http://{self.headers['host']}"

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@pytest.fixture
def hub() -> Iterator[tuple[str, type[StandIn]]]:
    state = {"files": {}, "commits": [], "asked": []}
    handler = type("Hub", (StandIn,), state)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", handler
    server.shutdown()
    server.server_close()


def run(script: str, folder: Path, address: str, home: Path) -> str:
    """What a process prints that takes `address` for the Hub."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "http", "HTTP"))}
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        cwd=Path(__file__).parents[2],
        env=kept | {"HF_ENDPOINT": address, "HF_HOME": str(home), "HF_TOKEN": "hf_made_up"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_pushed_and_loaded_again(tmp_path: Path, hub: tuple[str, type[StandIn]]) -> None:
    address, handler = hub
    folder = export_hub(make(tmp_path / "model"), tmp_path / "hub")
    run(PUSH, folder, address, tmp_path / "pusher")
    assert len(handler.commits) == 2
    assert any(line.endswith("Bearer hf_made_up") for line in handler.asked)
    here = {str(p.relative_to(folder)): p for p in folder.rglob("*") if p.is_file()}
    assert set(here) == set(handler.files)
    for name, path in here.items():
        assert handler.files[name] == path.read_bytes(), name
    assert run(LOAD, folder, address, tmp_path / "loader").endswith("the same\n")
