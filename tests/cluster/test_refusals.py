"""`translate --ray` where that is impossible: one line each."""

import socket
import sys
from pathlib import Path

import pytest

from cut.cli import main
from tests.helpers import make_checkpoint, make_picture


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    make_checkpoint(tmp_path / "model", ngf=4, blocks=2)
    make_picture().save(tmp_path / "a.png")
    return ["translate", "--checkpoint", str(tmp_path / "model"), str(tmp_path / "a.png")]


def refusal(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> str:
    assert main(arguments) == 2
    told = capsys.readouterr().err.splitlines()
    return told[-1]


def test_ray_is_not_installed(
    command: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    line = refusal(capsys, [*command, "--output", str(tmp_path / "out"), "--ray", "auto"])
    assert line == "cut: --ray needs a package that is not installed: pip install 'ray>=2.60,<3'"


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("127.0.0.1:{port}", "no Ray cluster at 127.0.0.1:"),
        ("somewhere", "--ray somewhere: give auto, or HOST:PORT"),
        ("127.0.0.1:99999999", "no Ray cluster at 127.0.0.1:99999999"),
    ],
)
def test_nobody_listens(
    command: list[str], tmp_path: Path, address: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """At once: Ray itself would go on asking for minutes."""
    pytest.importorskip("ray")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        address = address.format(port=taken.getsockname()[1])
        arguments = [*command, "--output", str(tmp_path / "out"), "--ray", address]
        assert why in refusal(capsys, arguments)


def test_a_sheet_is_drawn_without_ray(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = ["--sheet", str(tmp_path / "sheet.jpg"), "--output", str(tmp_path / "out")]
    assert "give --output DIR, no --sheet" in refusal(capsys, [*command, *sheet, "--ray", "auto"])


def test_a_gpu_of_one_machine(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    device = ["--device", "cuda:1", "--output", str(tmp_path / "out"), "--ray", "auto"]
    assert "--device cuda:1 is one machine's" in refusal(capsys, [*command, *device])
