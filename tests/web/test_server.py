"""The server as a process: both halves on one port, its options, its three ways to start."""

import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from cut.errors import CutError
from cut.web import server as serving
from tests.web.serving import PROJECT, RunningServer, environment, running_server


def run_app(home: Path, *options: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run app.py with options that make it stop by itself."""
    return subprocess.run(
        [sys.executable, "app.py", *options],
        cwd=PROJECT,
        env=environment(home, **more),
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_both_halves_answer_on_one_port(server: RunningServer) -> None:
    people = httpx.get(f"{server.url}/", timeout=60)
    assert people.status_code == 200
    assert "<title>Streamlit</title>" in people.text
    programs = httpx.get(f"{server.url}/gradio/", timeout=60)
    assert programs.status_code == 200
    assert "gradio" in programs.text
    health = httpx.get(f"{server.url}/health", timeout=60).json()
    assert health == {"status": "ok", "gradio": "ready", "waiting": 0}


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("/gradio", "/gradio/"),
        ("/gradio?checkpoint=tiny", "/gradio/?checkpoint=tiny"),
        ("/gradio/tiny/", "/gradio/tiny"),
    ],
)
def test_paths_with_and_without_a_slash_lead_to_gradio(
    server: RunningServer, path: str, target: str
) -> None:
    answer = httpx.get(server.url + path, timeout=60)
    assert answer.is_redirect
    assert answer.headers["location"] == target
    assert "gradio" in httpx.get(server.url + target, timeout=60).text


def test_the_first_page_is_found_by_its_name_too(server: RunningServer) -> None:
    answer = httpx.get(f"{server.url}/translate?checkpoint=tiny", timeout=60)
    assert (answer.status_code, answer.headers["location"]) == (307, "/?checkpoint=tiny")


def test_nothing_on_the_pages_is_fetched_from_elsewhere(server: RunningServer) -> None:
    for path in ("/", "/gradio/", "/gradio/tiny", "/gradio/theme.css"):
        answer = httpx.get(server.url + path, timeout=60)
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert "fonts.googleapis.com/css" not in answer.text
        assert "huggingface.co/gradio" not in answer.text


def test_streamlit_is_told_to_report_nothing_and_to_parse_no_pages(server: RunningServer) -> None:
    options = subprocess.run(
        [sys.executable, "-c", OPTIONS_CHECK],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert options.stdout.split() == ["False", "200", "none", "minimal", "False"]


OPTIONS_CHECK = """
from cut.web.server import set_streamlit_options
from streamlit import config
set_streamlit_options()
names = "browser.gatherUsageStats server.maxUploadSize server.fileWatcherType client.toolbarMode"
names += " runner.magicEnabled"
print(*(config.get_option(name) for name in names.split()))
"""


def test_a_taken_port_is_told_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        stopped = run_app(tmp_path, "--port", str(port))
    assert stopped.returncode == 2
    assert stopped.stderr == (
        f"cut: port {port} is taken by another program; stop it or choose another with --port.\n"
    )


@pytest.mark.parametrize(
    ("options", "variables", "told"),
    [
        (["--port", "seven"], {}, "the port 'seven' is not a number"),
        (["--port", "70000"], {}, "the port '70000' is not a number"),
        ([], {"PORT": "x"}, "the port 'x' is not a number"),
        (["--host", "no.such.host.invalid"], {}, "the host 'no.such.host.invalid' is unknown"),
        (["--host", "203.0.113.7", "--port", "0"], {}, "this machine has no address 203.0.113.7"),
    ],
)
def test_bad_options_are_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    variables: dict[str, str],
    told: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert serving.main(options) == 2
    complaint = capsys.readouterr().err
    assert complaint.startswith(f"cut: {told}")
    assert complaint.count("\n") == 1


def test_the_port_comes_from_the_environment_and_the_option_wins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PORT", "4321")
    assert serving._parse([]).port == 4321
    assert serving._parse(["--port", "1234"]).port == 1234
    monkeypatch.delenv("PORT")
    assert vars(serving._parse([])) == {"host": "127.0.0.1", "port": 7860}


def test_a_wrong_option_is_told_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        serving._parse(["--prot", "1234"])
    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert told == "cut: unrecognized arguments: --prot 1234 (see python app.py --help)\n"


def test_a_port_is_not_shared() -> None:
    with serving.open_socket("127.0.0.1", 0) as first:
        with pytest.raises(CutError, match="is taken"):
            serving.open_socket("127.0.0.1", first.getsockname()[1])
        assert first.getsockname()[0] == "127.0.0.1"


def test_opening_to_the_network_without_a_password_warns(
    web_home: Path, locked_server: RunningServer
) -> None:
    with running_server(web_home, "--host", "0.0.0.0") as opened:
        assert opened.url.startswith("http://localhost:")
        assert httpx.get(f"{opened.url}/_stcore/health", timeout=60).status_code == 200
        assert "opens this server to the network without a password" in opened.log.read_text()
    assert "warning" not in locked_server.log.read_text()


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "uvicorn", "app:app", "--port", "{port}"],
        ["-m", "streamlit", "run", "app.py", "--server.port", "{port}"],
    ],
    ids=["uvicorn", "streamlit"],
)
def test_other_ways_to_start_serve_both_halves(
    web_home: Path, tmp_path: Path, command: list[str]
) -> None:
    with serving.open_socket("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *(part.format(port=port) for part in command)],
            cwd=PROJECT,
            env=environment(web_home),
            stdout=output,
            stderr=output,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until_up(url, process)
        assert "<title>Streamlit</title>" in httpx.get(f"{url}/", timeout=60).text
        assert httpx.get(f"{url}/health", timeout=60).json()["gradio"] in {"starting", "ready"}
        assert httpx.get(url, headers={"host": "evil.example"}, timeout=60).status_code == 403
    finally:
        process.terminate()
        process.wait(20)
    # It would show an address that it asked a server on the internet for.
    assert not re.search(r"External URL|Network URL", log.read_text())


def _wait_until_up(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            httpx.get(f"{url}/_stcore/health", timeout=60)
            return
        except httpx.ConnectError:
            time.sleep(0.1)
    raise AssertionError("The server did not start.")
