"""The Gradio half's way to be imported beside pages that are compiled, and when it begins."""

import asyncio
import importlib
import time
from types import SimpleNamespace
from typing import Any

import pytest

from cut.web import gradio_half
from cut.web.gradio_half import GradioHalf, _import_gradio
from tests.web.serving import run_async


async def nothing(*_: object) -> None:
    """An application, and what one receives and sends."""


async def seconds_waited(half: GradioHalf, *meanwhile: tuple[float, Any]) -> float:
    """How long it waits for quiet while things happen, each after so many seconds."""
    loop, begin = asyncio.get_running_loop(), time.monotonic()
    for delay, happens in meanwhile:
        loop.call_later(delay, lambda happens=happens: asyncio.ensure_future(happens()))
    await half._quiet()
    return time.monotonic() - begin


def test_it_begins_when_the_pages_have_rested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradio_half, "QUIET", 0.3)

    async def run() -> None:
        half = GradioHalf("key")
        visit = half.after(nothing)
        assert 0.3 <= await seconds_waited(half) < 5
        waited = await seconds_waited(
            half, *((0.2 * k, lambda: visit({}, None, None)) for k in (1, 2))
        )
        assert 0.7 <= waited < 5

    run_async(run())


def test_who_asks_for_it_waits_for_no_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradio_half, "QUIET", 30.0)

    async def run() -> None:
        half = GradioHalf("key")
        ask = asyncio.create_task(half({"type": "http", "path": "/gradio/"}, None, nothing))
        await asyncio.sleep(0)
        assert await seconds_waited(half) < 5
        ask.cancel()

    run_async(run())


def test_a_server_that_never_rests_has_it_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradio_half, "QUIET", 0.3)
    monkeypatch.setattr(gradio_half, "PATIENCE", 0.5)

    async def run() -> None:
        half = GradioHalf("key")
        visit = half.after(nothing)
        visits = ((0.1 * k, lambda: visit({}, None, None)) for k in range(200))
        assert 0.5 <= await seconds_waited(half, *visits) < 5

    run_async(run())


@pytest.mark.parametrize(("failures", "imported"), [(0, True), (2, True), (3, False)])
def test_an_import_that_the_parser_breaks_is_tried_again(
    failures: int, imported: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def import_module(name: str) -> Any:
        asked.append(name)
        if len(asked) <= failures:
            raise SystemError("AST constructor recursion depth mismatch (before=150, after=210)")
        return SimpleNamespace(name=name)

    monkeypatch.setattr(importlib, "import_module", import_module)
    if imported:
        assert _import_gradio().name == "gradio"
        assert len(asked) == failures + 1
    else:
        with pytest.raises(SystemError):
            _import_gradio()
