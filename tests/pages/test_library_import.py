"""Models that come into the library through its page: uploaded, or the authors' downloaded."""

import io
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import streamlit as st
import torch
from streamlit.testing.v1 import AppTest

from cut.checkpoints import find
from cut.errors import CutError
from cut.library import transfer
from cut.library.authors import came_so_far
from cut.published import export_published
from cut.web.library import fetching
from cut.web.library.fetching import Fetcher
from cut.web.library.receiving import proposed_name, receive
from cut.web.training.takeaways import checkpoint_zip
from tests.library.faulty_server import FaultyServer
from tests.library.test_authors import NAME, archive, packed
from tests.pages.library_pages import OpenLibrary
from tests.pages.train_pages import errors, labels, texts

OTHER = "cat2dog_fastcut_pretrained"


def bring(page: AppTest, *files: tuple[str, bytes]) -> AppTest:
    kinds = [(name, data, "application/octet-stream") for name, data in files]
    page.file_uploader[0].set_value(kinds)
    return page.run()


def take_in(page: AppTest, name: str = "", terms: str = "") -> AppTest:
    name_field, terms_field = page.text_input
    if name:
        name_field.set_value(name)
    terms_field.set_value(terms)
    (button,) = (button for button in page.button if button.label == "Import")
    return button.click().run()


def test_a_zip_of_ours_comes_in_under_a_free_name(open_library: OpenLibrary, home: Path) -> None:
    config = home / "checkpoints" / "first" / "config.json"
    config.write_text(config.read_text().replace('"terms"', '"conditions"'))
    page = bring(open_library(), ("first.zip", checkpoint_zip("first")))
    assert page.text_input[0].value == "first-2"
    take_in(page)
    (error,) = errors(page)
    assert "under which terms" in error
    assert "say it when importing, or add the field" in error
    take_in(page, terms="CC0 1.0")
    assert errors(page) == []
    assert page.query_params["model"] in ("first-2", ["first-2"])  # its card is opened
    assert [done.value for done in page.success] == ["first-2 is in the library."]
    assert find("first-2").terms == "CC0 1.0"


def test_published_files_come_in_together(open_library: OpenLibrary, tmp_path: Path) -> None:
    export_published(find("second"), tmp_path / "out")
    files = [(path.name, path.read_bytes()) for path in sorted((tmp_path / "out").iterdir())]
    page = bring(open_library(), *files)
    assert page.text_input[0].value == "model"
    take_in(page, name="second")
    assert errors(page) == ["There is a checkpoint 'second' already: choose another name."]
    take_in(page, name="zebra")
    assert errors(page) == []
    (done,) = page.success
    assert "zebra does not state the terms of its data" in done.value.lower()
    assert find("zebra").files.keys() == {"generator", "patch_heads"}
    assert (find("zebra").folder / "generator.safetensors").stat().st_size > 0


def test_refusals_are_one_clear_line(home: Path) -> None:
    whole = checkpoint_zip("first")
    climbing = io.BytesIO()
    with zipfile.ZipFile(climbing, "w") as made:
        made.writestr("../config.json", "{}")
    unknown = packed({"fc.weight": torch.zeros(2, 2)})
    for files, words in (
        ([("a.zip", whole[: len(whole) // 2])], "is damaged, or no zip"),
        ([("a.zip", climbing.getvalue())], "out of"),
        ([("../../a_net_G.pth", unknown)], "a_net_G.pth is not a CUT generator"),
        ([("a_net_G.pth", b"\x80")], "is damaged"),
        ([("a.zip", whole), ("b.zip", whole)], "the 2 files are not of one model"),
        ([("a_net_F.pth", b"")], "there is no generator among the files"),
        ([("a.txt", b"")], "a .pth or a .zip can be imported"),
    ):
        with pytest.raises(CutError) as caught:
            receive(files, "mine", "")
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)
    assert sorted(path.name for path in (home / "checkpoints").iterdir()) == ["first", "second"]
    assert proposed_name(["horse zebra_net_G.pth", "horse zebra_net_F.pth"]) == "horse-zebra"


def test_a_refusal_on_the_page(open_library: OpenLibrary) -> None:
    page = open_library()
    bring(page, ("a_net_F.pth", b"x"))
    assert errors(page) == ["There is no generator among the files: add its \\*\\_net_G.pth."]
    bring(page, ("a_net_G.pth", b"no tensors"))
    take_in(page)
    (error,) = errors(page)
    assert "damaged" in error
    assert errors(page.run()) == [error], "whatever else is pressed"
    bring(page, ("b_net_G.pth", b"nothing else"))
    assert errors(page) == []


def test_a_visitor_brings_nothing(
    open_library: OpenLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(st.context), "ip_address", property(lambda _: "192.0.2.7"))
    page = open_library()
    assert not page.file_uploader
    assert "Download" not in labels(page)
    assert "Only who sits at this server, or knows its password, adds models." in texts(page)


@pytest.fixture
def server(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    """The authors' server, with tiny models; nothing is being downloaded from it yet."""
    generator = packed(find("first").generator_state())
    with FaultyServer() as running:
        names = (NAME, OTHER)
        running.content = archive({f"{name}/latest_net_G.pth": generator for name in names})
        monkeypatch.setenv("CUT_MODELS_URL", running.url)
        fresh = Fetcher()
        for module in ("cut.web.library.fetching", "cut.web.widgets.library_authors"):
            monkeypatch.setattr(f"{module}.FETCHER", fresh)
        yield running


def end_of(page: AppTest) -> AppTest:
    """The page once the download has ended."""
    until = time.monotonic() + 30
    while fetching.FETCHER.last.running:
        assert time.monotonic() < until
        time.sleep(0.02)
    return page.run()


def test_an_authors_model_is_downloaded_by_name(
    open_library: OpenLibrary, server: FaultyServer
) -> None:
    page = open_library()
    assert "Terms: ImageNet subset: non-commercial research." in texts(page)
    page.button(key="library_download").click().run()
    page = end_of(page)
    assert errors(page) == []
    (done,) = page.success
    assert f"{NAME} is in the library." in done.value
    assert "The archive is whole" in texts(page)
    assert "no checksum" in texts(page)
    assert find(NAME).terms == "ImageNet subset: non-commercial research"
    assert NAME not in page.selectbox(key="library_authors").options
    assert "no network is needed" in texts(page)


def test_a_download_is_cancelled_goes_on_and_can_be_forgotten(
    open_library: OpenLibrary, server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "TRIES", 1)
    server.breaks = [4000]
    page = open_library()
    page.button(key="library_download").click().run()
    page = end_of(page)
    (error,) = errors(page)
    assert "the connection broke off" in error
    assert "a new try goes on from there" in error
    assert came_so_far() == (4000, False)
    assert "0.0 MB have come: the download goes on from there." in texts(page)
    page.button(key="library_forget").click().run()
    assert came_so_far() == (0, False)
    # Cancelled before the first bytes: they are kept, and nothing comes into the library.
    fetch = fetching.Fetch(NAME)
    fetch.cancel()
    fetch.run()
    assert fetch.trouble == "cancelled"
    assert came_so_far()[0] > 0
    page.session_state["cut_library_fetch"] = fetch
    page.run()
    assert [info.value for info in page.info] == [f"The download of {NAME} was cancelled."]
    assert errors(page) == []
    page.button(key="library_download").click().run()
    page = end_of(page)
    assert errors(page) == []
    assert server.asked[-1] is not None  # a part of the file alone
    assert find(NAME)


def test_without_a_network_there_is_one_clear_line(
    open_library: OpenLibrary, server: FaultyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "TRIES", 1)
    monkeypatch.setenv("CUT_MODELS_URL", "http://127.0.0.1:9/models.tar")
    page = open_library()
    page.button(key="library_download").click().run()
    page = end_of(page)
    (error,) = errors(page)
    assert "no connection (no network here, or the server is gone)" in error
    assert "\n" not in error


def test_a_download_shows_how_far_it_is_and_is_one_at_a_time(
    open_library: OpenLibrary, server: FaultyServer
) -> None:
    fetch = fetching.Fetch(OTHER, doing="Downloading http://x", came=25_000_000, total=100_000_000)
    fetching.FETCHER.last = fetch
    page = open_library()
    assert errors(page) == []
    (bar,) = page.get("progress")
    assert bar.proto.value == 25
    assert "25.0 of 100.0 MB" in bar.proto.text
    assert "library_download" not in {button.key for button in page.button}
    with pytest.raises(CutError, match="being downloaded already"):
        fetching.FETCHER.start(NAME)
    page.button(key="library_fetch_cancel").click().run()
    assert fetch.cancelled
    assert page.button(key="library_fetch_cancel").disabled
