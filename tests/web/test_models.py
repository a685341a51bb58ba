"""The shared models: loaded once, kept while unchanged; and the line before them."""

import os
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from cut.errors import CutError
from cut.web import models
from cut.web.models import Line, Shelf
from tests.helpers import make_checkpoint


class Loads:
    """Stands in for loading: notes what was loaded, slowly."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, folder: str) -> object:
        time.sleep(0.02)
        self.names.append(Path(folder).name)
        return object()


def checkpoint(folder: Path, name: str = "model") -> SimpleNamespace:
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "generator.safetensors").write_bytes(b"weights")
    return SimpleNamespace(name=name, folder=folder / name)


def in_threads(count: int, work) -> list[threading.Thread]:  # type: ignore[no-untyped-def]
    threads = [threading.Thread(target=work, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    return threads


def test_first_requests_at_once_load_once(tmp_path: Path) -> None:
    loads, one, got = Loads(), checkpoint(tmp_path), []
    shelf = Shelf(loads)
    for thread in in_threads(8, lambda i: got.append(shelf.get(one))):
        thread.join()
    assert loads.names == ["model"]
    assert len({id(translator) for translator in got}) == 1


def test_a_changed_checkpoint_is_loaded_anew(tmp_path: Path) -> None:
    loads, one = Loads(), checkpoint(tmp_path)
    shelf = Shelf(loads)
    first = shelf.get(one)
    assert shelf.get(one) is first
    weights = one.folder / "generator.safetensors"
    os.utime(weights, ns=(1, 1))
    second = shelf.get(one)
    assert second is not first
    assert shelf.get(one) is second


def test_a_removed_checkpoint_is_let_go_and_refused(tmp_path: Path) -> None:
    loads, one = Loads(), checkpoint(tmp_path)
    shelf = Shelf(loads)
    shelf.get(one)
    shelf.keep_only([])
    shelf.get(one)
    assert loads.names == ["model", "model"]
    (one.folder / "generator.safetensors").unlink()
    one.folder.rmdir()
    with pytest.raises(CutError, match="model cannot be read"):
        shelf.get(one)


def test_the_one_unused_for_longest_goes_first(tmp_path: Path) -> None:
    loads = Loads()
    shelf = Shelf(loads, limit=3)
    a, b, c, d = (checkpoint(tmp_path, name) for name in "abcd")
    for one in (a, b, c, a, d, a, b):
        shelf.get(one)
    assert loads.names == ["a", "b", "c", "d", "b"]


def test_one_at_a_time_in_the_order_of_coming() -> None:
    line, order, inside = Line(), [], []

    def work(i: int) -> None:
        with line.turn():
            inside.append(i)
            time.sleep(0.01)
            assert inside == [i]
            inside.remove(i)
            order.append(i)

    threads = []
    for i in range(6):
        threads += [threading.Thread(target=work, args=(i,))]
        threads[-1].start()
        while line.waiting + len(order) < i + 1:
            time.sleep(0.001)
    for thread in threads:
        thread.join(10)
    assert order == list(range(6))
    assert line.waiting == 0


def test_a_waiting_request_is_told_its_place() -> None:
    line, places = Line(), []
    go_on = threading.Event()

    def hold(i: int) -> None:
        with line.turn():
            go_on.wait(10)

    def wait(i: int) -> None:
        with line.turn(places.append):
            pass

    holders = in_threads(2, hold)
    while line.waiting < 2:
        time.sleep(0.001)
    waiting = in_threads(1, wait)[0]
    while not places:
        time.sleep(0.001)
    go_on.set()
    for thread in (*holders, waiting):
        thread.join(10)
    assert places[0] == 2
    assert places[-1] == 0
    assert places == sorted(places, reverse=True)
    with line.turn(places.append):
        assert places[-1] == 0  # alone there is nothing to tell
    assert places.count(0) == 1


def test_a_full_line_refuses_and_who_waits_is_served() -> None:
    line, go_on, served = Line(limit=2), threading.Event(), []

    def work(i: int) -> None:
        with line.turn():
            go_on.wait(10)
            served.append(i)

    threads = in_threads(3, work)
    while line.waiting < 3:
        time.sleep(0.001)
    with pytest.raises(CutError, match="try again in a minute"), line.turn():
        pass
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert sorted(served) == [0, 1, 2]
    with line.turn():
        assert line.waiting == 1


def test_who_gives_up_or_fails_leaves_the_line() -> None:
    line = Line()

    class GoneError(Exception):
        pass

    def leave(place: int) -> None:
        raise GoneError

    with line.turn():
        result: list[BaseException] = []

        def give_up(i: int) -> None:
            try:
                with line.turn(leave):
                    raise AssertionError("it had left")
            except GoneError as gone:
                result.append(gone)

        in_threads(1, give_up)[0].join(10)
        assert len(result) == 1
        assert line.waiting == 1
    with pytest.raises(ZeroDivisionError), line.turn():
        _ = 1 / 0
    with line.turn():
        pass


def test_translating_in_line_uses_the_shared_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_checkpoint(tmp_path / "checkpoints" / "web-test", ngf=4, blocks=2)
    monkeypatch.setenv("CUT_HOME", str(tmp_path))
    picture = Image.new("RGB", (50, 30), "red")
    result, seconds = models.translate_in_line("web-test", picture, size=32, strength=0.5)
    assert result.size == (50, 30)
    assert 0 < seconds < 60
    assert models.get_translator("web-test") is models.get_translator("web-test")
    with pytest.raises(CutError, match=r"no checkpoint called 'absent'; available: .*web-test"):
        models.translate_in_line("absent", picture)
    with pytest.raises(CutError, match="no checkpoint called"):
        models.get_translator(str(tmp_path / "checkpoints" / "web-test"))  # never a path
    assert models.LINE.waiting == 0
