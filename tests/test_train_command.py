"""`train` on the command line: what it refuses before anything is read or made."""

from pathlib import Path

import pytest

from cut.cli import main
from tests.helpers import make_unpaired


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CUT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


CALL = ["train", "--name", "mine", "--data", "nowhere", "--device", "cpu", "--precision", "fp32"]


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("learning_rate=-0.1", "setting learning_rate=-0.1: above 0 to 1"),
        ("learning_rate=nan", "setting learning_rate=nan: above 0 to 1"),
        ("lambda_nce=-1", "setting lambda_nce=-1: from 0 to 1,000,000"),
        ("crop_size=130", "setting crop_size=130: a multiple of 4, at least 32"),
    ],
)
def test_senseless_settings(
    home: Path, setting: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*CALL, "--set", setting]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"cut: {told}"
    assert not home.exists()


@pytest.mark.parametrize(
    ("option", "text", "told"),
    [
        ("--minutes", "-1", "'-1': a positive number of minutes"),
        ("--minutes", "nan", "'nan': a positive number of minutes"),
        ("--preview-every", "0", "'0': a whole number of steps, at least 1"),
        ("--save-every", "often", "'often': a whole number of steps, at least 1"),
    ],
)
def test_senseless_options(
    option: str, text: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main([*CALL, f"{option}={text}"])
    assert left.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("cut: ")
    assert told in line


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "required: COMMAND (see python -m cut --help)"),
        (["jobs", "halt"], "invalid choice: 'halt'"),
        (["train", "--set"], "(see python -m cut train --help)"),
    ],
)
def test_wrong_arguments_are_told_in_one_line(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line


def test_what_cannot_begin_overwrites_nothing(home: Path, tmp_path: Path) -> None:
    call = ["train", "--name", "mine", "--device", "cpu", "--precision", "fp32", "--json"]
    small = {"ngf": 4, "ndf": 4, "init": "normal", "crop_size": 32, "load_size": 40}
    for setting, value in (small | {"lambda_vision": 0}).items():
        call += ["--set", f"{setting}={value}"]
    call += ["--preset", "compact", "--steps", "1"]
    data = make_unpaired(tmp_path / "data", count=2)
    assert main([*call, "--data", str(data)]) == 0
    state = home / "runs" / "mine" / "state.pt"
    before = state.read_bytes()
    assert main([*call, "--data", str(tmp_path / "missing"), "--overwrite"]) == 2
    assert main([*call, "--data", str(data), "--overwrite", "--start-from", "nobody"]) == 2
    assert state.read_bytes() == before
    last = state.parent / "last"
    again = [*call, "--data", str(data), "--overwrite", "--seed", "1"]
    assert main([*again, "--start-from", str(last)]) == 0
    assert state.read_bytes() != before


def test_pictures_none_of_which_can_be_read(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = make_unpaired(tmp_path / "data", count=1)
    for picture in data.rglob("*.png"):
        picture.write_bytes(b"broken")
    assert main([*CALL, "--data", str(data), "--preset", "compact"]) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.endswith(f"none of the pictures in {data}/trainA can be read")
