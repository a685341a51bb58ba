"""The Gradio half as an ASGI application that builds itself while the server already answers.

Importing Gradio takes some four seconds; the pages of the Streamlit half need not wait for it. Nor
are they to be slowed by it: threads of one Python take turns, so it begins once nobody is being
shown a first page.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import importlib
import json
import logging
import os
import shutil
import tempfile
import threading
import time
import warnings
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

if TYPE_CHECKING:
    import gradio as gr
    from fastapi import FastAPI

PATH = "/gradio"
MAX_UPLOAD = "200mb"

QUIET = 1.5
"""Seconds without a request to the other half, after which this one is built."""

PATIENCE = 20.0
"""Seconds after which it is built whatever is going on."""

# Read by Gradio and by huggingface_hub when they are imported.
QUIET_ENVIRONMENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_RUN_HISTORY": "False",
    "GRADIO_SSR_MODE": "False",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}

Result = TypeVar("Result")

log = logging.getLogger(__name__)


class GradioHalf:
    """Mounted at PATH. `key` is the secret with which the server may call itself past the guard."""

    def __init__(self, key: str) -> None:
        self.state: Literal["starting", "ready", "failed"] = "starting"
        self._key = key
        self._settled = asyncio.Event()
        self._stop = asyncio.Event()
        self._asked = asyncio.Event()
        self._last_visit = 0.0
        self._app: FastAPI | None = None
        self._blocks: gr.Blocks | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._asked.set()
        await self._settled.wait()
        if self._app is None:
            message = "The Gradio half could not start; the server's log says why."
            await PlainTextResponse(message, 503)(scope, receive, send)
            return
        if scope["type"] == "http" and "/gradio_api/mcp" in scope["path"]:
            self._tell_own_address(scope)
        # Gradio is mounted inside once more, at the same path: undo what the outer mount did.
        inner = {**scope, "root_path": scope.get("app_root_path", "")}
        await self._app(inner, receive, send)

    def after(self, other: ASGIApp) -> ASGIApp:
        """Return `other`, whose requests this half lets go first."""

        async def noted(scope: Scope, receive: Receive, send: Send) -> None:
            self._last_visit = time.monotonic()
            await other(scope, receive, send)

        return noted

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Build the half in the background, and end it on leaving."""
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            self._stop.set()
            if self.state == "starting":
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        """One task from beginning to end: Gradio's task groups must end where they began."""
        files = tempfile.mkdtemp(prefix="cut-gradio-")
        try:
            await self._quiet()
            await _in_daemon_thread(_warm_up)
            await self._quiet()  # who waited for PyTorch is being shown a first translation
            app = await _in_daemon_thread(self._build, files)
            async with app.router.lifespan_context(app):
                self._app, self.state = app, "ready"
                self._settled.set()
                threading.Thread(target=_keep, daemon=True).start()
                await self._stop.wait()
        except Exception:
            log.exception("The Gradio half failed.")
            self._app, self.state = None, "failed"
        finally:
            self._settled.set()
            shutil.rmtree(files, ignore_errors=True)

    async def _quiet(self) -> None:
        """Wait until the other half rests, or this one is asked for."""
        begin = self._last_visit = time.monotonic()
        while not self._asked.is_set() and (now := time.monotonic()) < begin + PATIENCE:
            rest = self._last_visit + QUIET - now
            if rest <= 0:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), rest)

    def _build(self, files: str) -> FastAPI:
        os.environ.update(QUIET_ENVIRONMENT)
        os.environ["GRADIO_TEMP_DIR"] = files
        gr = _import_gradio()
        from fastapi import FastAPI

        from cut.web import gradio_pages

        app = FastAPI(openapi_url=None)
        self._blocks = gradio_pages.build()
        with warnings.catch_warnings():
            # Told of several pages whatever ssr_mode says.
            warnings.filterwarnings("ignore", message=".*SSR.*")
            gr.mount_gradio_app(
                app,
                self._blocks,
                PATH,
                theme=gradio_pages.theme(),
                css=gradio_pages.CSS,
                footer_links=["api"],
                max_file_size=MAX_UPLOAD,
                mcp_server=True,
                run_history=False,
                ssr_mode=False,
                show_error=True,
                enable_monitoring=False,
                root_path=PATH,  # else unqueued events name files outside of it
                app_kwargs={"exception_handlers": _refusals()},
            )
        _part_results(self._blocks)
        return app

    def _tell_own_address(self, scope: Scope) -> None:
        """Tell Gradio's MCP server where it finds its own queue, and the key to it.

        Left alone it would believe the Host header of the first request, for ever after, and stand
        before the password like a stranger.
        """
        server = self._blocks.mcp_server_obj if self._blocks is not None else None
        if server is None or not scope.get("server") or scope["server"][1] is None:
            return
        host, port = scope["server"]
        host = f"[{host}]" if ":" in host else host
        server._local_url = f"http://cut:{self._key}@{host}:{port}{PATH}"


async def _in_daemon_thread(function: Callable[..., Result], *args: Any) -> Result:
    """Like asyncio.to_thread, but a server that is stopped meanwhile need not wait for it."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def settle(result: Result | None, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(cast(Result, result))

    def run() -> None:
        result, error = None, None
        try:
            result = function(*args)
        except Exception as raised:
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop is closed: no one waits any more
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, daemon=True).start()
    return await future


def _import_gradio(tries: int = 3) -> Any:
    """Import Gradio, again if a page that Streamlit compiles meanwhile breaks it.

    Gradio parses its own sources on being imported. CPython 3.11 counts the parser's depth for all
    threads together, and raises SystemError in one of two that parse at the same time.
    """
    for _ in range(tries - 1):
        with contextlib.suppress(SystemError):
            return importlib.import_module("gradio")
    return importlib.import_module("gradio")


def _part_results(blocks: gr.Blocks) -> None:
    """Let MCP clients get a figure and its numbers apart, and whatever is no file as JSON.

    Gradio wraps what a tool returns in a list, even where it is a list of several results, and so
    would send a picture as the text of its path; and it writes values as Python does.
    """
    from gradio_client.utils import is_file_obj_with_meta

    server = blocks.mcp_server_obj
    if server is None:
        return
    send = server.postprocess_output_data

    def apart(data: Any, root_url: str) -> Any:
        results = data[0] if len(data) == 1 else None
        if not (isinstance(results, list | tuple) and any(map(is_file_obj_with_meta, results))):
            return send([as_text(result) for result in data], root_url)
        return send([as_text(result) for result in results], root_url)

    def as_text(result: Any) -> Any:
        plain = is_file_obj_with_meta(result) or isinstance(result, str)
        return result if plain else json.dumps(result)

    server.postprocess_output_data = apart  # type: ignore[method-assign]


def _refusals() -> dict[Any, Any]:
    """Exception handlers for calls that do not fit, which Gradio lets through as faults of its own.

    They are an unknown endpoint, and arguments by name that an endpoint does not have.
    """
    from gradio.route_utils import FnIndexInferError

    def refuse(request: Request, error: Exception) -> JSONResponse:
        by_name = "/gradio_api/call/v2/" in request.url.path
        if not by_name and not isinstance(error, FnIndexInferError):
            raise error
        unknown = isinstance(error, FnIndexInferError | KeyError)
        name = request.path_params.get("api_name", "")
        text = f"There is no endpoint called {name!r}." if unknown else str(error)
        return JSONResponse({"detail": text}, 404 if unknown else 422)

    return dict.fromkeys((FnIndexInferError, KeyError, TypeError), refuse)


def _warm_up() -> None:
    """Import the engine before Gradio: a first visitor's translation waits for PyTorch alone."""
    import cut.translate  # noqa: F401


def _keep() -> None:
    """Let the garbage collector pass over what was imported, which stays for good.

    Streamlit collects after every run of a page and would look through it each time, which takes
    0.3 s and holds up what is being sent meanwhile.
    """
    gc.collect()
    gc.freeze()
