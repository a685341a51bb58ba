"""Pages under Streamlit's AppTest, with tiny random checkpoints in a CUT_HOME of their own."""

from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

import cut.checkpoints
from cut.jobs import Jobs, processes
from tests.helpers import make_checkpoint
from tests.pages.library_pages import OpenLibrary
from tests.pages.train_pages import OpenTrain

MAIN = Path(__file__).resolve().parents[2] / "pages" / "main.py"
PATIENCE = 60


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A CUT_HOME with the checkpoints `first` and `second`, and none bundled."""
    monkeypatch.setenv("CUT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(cut.checkpoints, "BUNDLED", tmp_path / "bundled")
    for name in ("first", "second"):
        make_checkpoint(tmp_path / "home" / "checkpoints" / name, ngf=4, blocks=6)
    return tmp_path / "home"


@pytest.fixture(autouse=True)
def nothing_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    """No patch view is computed beside a test."""
    monkeypatch.setattr("cut.web.patch_ahead.begin", lambda *_: None)


@pytest.fixture
def open_page(home: Path) -> Callable[..., AppTest]:
    """Return a function that opens the application at an address and waits for the page."""

    def open_at(**address: str | list[str]) -> AppTest:
        page = AppTest.from_file(str(MAIN), default_timeout=PATIENCE)
        for name, value in address.items():
            page.query_params[name] = value
        return page.run()

    return open_at


class Ended:
    """Stands for a worker process that ended."""

    def poll(self) -> int:
        return 0


@pytest.fixture
def jobs(home: Path, monkeypatch: pytest.MonkeyPatch) -> Jobs:
    """The jobs that the page shows; no worker is started."""
    monkeypatch.setattr(processes, "_spawn", lambda *_: Ended())
    return Jobs(home)


@pytest.fixture
def open_train(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> OpenTrain:
    """Return a function that opens the page at an address; the visitor sits at this machine."""
    monkeypatch.setattr(type(st.context), "ip_address", property(lambda _: None))

    def open_at(**address: str) -> AppTest:
        page = AppTest.from_file(str(MAIN), default_timeout=PATIENCE).run()
        for name, value in address.items():
            page.query_params[name] = value
        return page.switch_page("train.py").run()

    return open_at


@pytest.fixture
def open_library(home: Path, monkeypatch: pytest.MonkeyPatch) -> OpenLibrary:
    """Return a function that opens the page at an address; the visitor sits at this machine."""
    monkeypatch.setattr(type(st.context), "ip_address", property(lambda _: None))

    def open_at(**address: str) -> AppTest:
        page = AppTest.from_file(str(MAIN), default_timeout=PATIENCE)
        page.switch_page("library.py")
        for name, value in address.items():
            page.query_params[name] = value
        return page.run()

    return open_at
