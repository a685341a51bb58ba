"""A file over http from a server that breaks off, lies, or knows no parts."""

from pathlib import Path

import pytest
from filelock import FileLock

from cut.errors import CutError
from cut.library import transfer
from cut.library.transfer import TRIES, fetch
from tests.library.faulty_server import FaultyServer

CONTENT = bytes(range(256)) * 8000
"""Two million bytes, more than the buffers between both ends hold."""


def bring(server: FaultyServer, target: Path) -> list[tuple[int, int | None]]:
    told: list[tuple[int, int | None]] = []
    fetch(server.url, target, lambda *numbers: told.append(numbers), pause=0.0)
    return told


def refused(server: FaultyServer, target: Path) -> str:
    with pytest.raises(CutError) as caught:
        bring(server, target)
    assert "\n" not in str(caught.value)
    assert not target.exists()
    return str(caught.value)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "downloads" / "file.tar"


def test_a_file_that_comes_at_once(server: FaultyServer, target: Path) -> None:
    server.content = CONTENT
    told = bring(server, target)
    assert target.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [came for came, _ in told] == sorted(came for came, _ in told)
    assert {path.name for path in target.parent.iterdir()} <= {"file.tar", "file.tar.lock"}


def test_it_goes_on_where_it_broke_off(server: FaultyServer, target: Path) -> None:
    server.content, server.breaks = CONTENT, [500_000, 700_000]
    bring(server, target)
    assert target.read_bytes() == CONTENT
    assert server.asked == [None, "bytes=500000-", "bytes=1200000-"]


def test_a_later_call_goes_on(server: FaultyServer, target: Path) -> None:
    server.content, server.breaks = CONTENT, [500_000] + (TRIES - 1) * [0]
    line = refused(server, target)
    assert "0.5 MB are kept, and a new try goes on from there" in line
    server.asked.clear()
    bring(server, target)
    assert target.read_bytes() == CONTENT
    assert server.asked == ["bytes=500000-"]


def test_what_changed_meanwhile_is_fetched_anew(server: FaultyServer, target: Path) -> None:
    server.content, server.breaks = CONTENT, [500_000] + (TRIES - 1) * [0]
    refused(server, target)
    server.content, server.tag = CONTENT[::-1], '"two"'
    bring(server, target)
    assert target.read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize("tag", ['"one"', None, 'W/"weak"'], ids=["no parts", "no tag", "weak"])
def test_without_parts_it_begins_anew(server: FaultyServer, target: Path, tag: str | None) -> None:
    server.content, server.breaks, server.parts, server.tag = CONTENT, [1_500_000], False, tag
    bring(server, target)
    assert target.read_bytes() == CONTENT


def test_a_length_that_is_too_long(server: FaultyServer, target: Path) -> None:
    server.content, server.announced = CONTENT, len(CONTENT) + 1000
    line = refused(server, target)
    assert "cannot be downloaded" in line
    assert len(server.asked) >= TRIES


def test_a_length_that_is_not_said(server: FaultyServer, target: Path) -> None:
    server.content, server.says_length = CONTENT, False
    assert bring(server, target)[-1] == (len(CONTENT), None)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"status": 404}, "answers 404: the file is not there any more"),
        ({"status": 503}, "the server answers 503"),
        ({"kind": "text/html; charset=utf-8"}, "answers with a web page"),
        ({"announced": 10**13}, "said to have 10000.0 GB"),
    ],
)
def test_answers_that_are_no_file(
    server: FaultyServer, target: Path, change: dict, told: str
) -> None:
    server.content = CONTENT
    vars(server).update(change)
    assert told in refused(server, target)


def test_a_file_that_does_not_end(
    server: FaultyServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "MOST_BYTES", 1_000_000)
    server.content, server.says_length = CONTENT, False
    assert "does not end" in refused(server, target)


def test_no_room(server: FaultyServer, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.content = CONTENT
    usage = transfer.shutil.disk_usage(target.parents[1])
    monkeypatch.setattr(transfer.shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    assert "1 MB left, and 2 MB are still to come: make room" in refused(server, target)


def test_no_network(target: Path) -> None:
    with FaultyServer() as gone:
        pass
    line = refused(gone, target)
    assert line.endswith("no connection (no network here, or the server is gone)")


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/file", "models.tar"])
def test_other_addresses(target: Path, url: str) -> None:
    with pytest.raises(CutError, match="should begin with http"):
        fetch(url, target, lambda *_: None)


@pytest.mark.parametrize("url", ["http://", "http://[::1"])
def test_addresses_of_nothing(target: Path, url: str) -> None:
    """At once: no further try would help."""
    with pytest.raises(CutError, match="cannot be downloaded: it is no address of a file"):
        fetch(url, target, lambda *_: None, pause=1e6)


def test_from_address_to_address(server: FaultyServer, target: Path) -> None:
    server.content, server.status, server.location = CONTENT, 302, server.url
    with pytest.raises(CutError, match="sends one from address to address"):
        fetch(server.url, target, lambda *_: None, pause=1e6)


def test_ended_by_whom_it_tells(server: FaultyServer, target: Path) -> None:
    server.content = CONTENT

    def stop(came: int, total: int | None) -> None:
        if came > 800_000:
            raise CutError("stopped")

    with pytest.raises(CutError, match="stopped"):
        fetch(server.url, target, stop, pause=0.0)
    bring(server, target)
    assert target.read_bytes() == CONTENT
    assert server.asked[1].removeprefix("bytes=").rstrip("-") >= "800000"  # type: ignore[union-attr]


def test_one_at_a_time(server: FaultyServer, target: Path) -> None:
    target.parent.mkdir()
    with FileLock(target.with_name("file.tar.lock")):
        assert "is being downloaded already" in refused(server, target)
