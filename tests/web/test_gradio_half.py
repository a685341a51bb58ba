"""The Gradio half's way to be imported beside pages that are compiled."""

import importlib
from types import SimpleNamespace
from typing import Any

import pytest

from cut.web.gradio_half import _import_gradio


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
