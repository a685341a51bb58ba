"""The one server: Streamlit at /, Gradio at /gradio, and the guard in front of both."""

from __future__ import annotations

import argparse
import errno
import os
import socket
import sys
import tomllib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse

from cut.arguments import Parser
from cut.errors import CutError

PROJECT = Path(__file__).resolve().parents[2]
SCRIPT = PROJECT / "pages" / "main.py"
STREAMLIT_OPTIONS = PROJECT / ".streamlit" / "config.toml"
DEFAULT_PORT = 7860


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted. Returns the exit status: 2, with one line, on bad options."""
    try:
        options = _parse(arguments)
        listener = open_socket(options.host, options.port)
    except CutError as error:
        print(f"cut: {error}", file=sys.stderr)
        return 2
    if not _is_loopback(options.host) and not os.environ.get("CUT_PASSWORD"):
        print(
            f"cut: warning: {options.host} opens this server to the network without a password; "
            "set CUT_PASSWORD to ask for one.",
            file=sys.stderr,
            flush=True,
        )
    return _serve(listener, options.host)


def furnish(app: FastAPI) -> None:
    """Mount both halves on `app`, with the guard in front of them."""
    import secrets

    import streamlit as st

    from cut.web import access
    from cut.web.gradio_half import GradioHalf
    from cut.web.job_files import furnish_job_files
    from cut.web.live import furnish_live

    set_streamlit_options()
    key = secrets.token_urlsafe(32)
    app.state.streamlit = st.App(SCRIPT)
    app.state.gradio = GradioHalf(key)
    app.add_middleware(access.Guard, key=key, **access.settings_from_environment())

    @app.get("/health")
    def health() -> dict[str, object]:
        from cut.web.models import LINE

        return {"status": "ok", "gradio": app.state.gradio.state, "waiting": LINE.waiting}

    # Both would fall through to Streamlit: Gradio knows its index only with a slash, its pages only
    # without one.
    @app.get("/gradio", include_in_schema=False)
    def index(request: Request) -> RedirectResponse:
        return RedirectResponse(_with_query("/gradio/", request), 307)

    @app.get("/gradio/{page}/", include_in_schema=False)
    def without_slash(page: str, request: Request) -> RedirectResponse:
        return RedirectResponse(_with_query(f"/gradio/{page}", request), 307)

    # The first page of the application has no address of its own, and people guess one.
    @app.get("/translate", include_in_schema=False)
    def first_page(request: Request) -> RedirectResponse:
        return RedirectResponse(_with_query("/", request), 307)

    furnish_job_files(app)
    furnish_live(app)
    app.mount("/gradio", app.state.gradio)
    app.mount("/", app.state.gradio.after(app.state.streamlit))


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Run both halves while the server runs; afterwards, forget what visitors translated."""
    from cut.web.results import ResultStore

    try:
        async with app.state.streamlit.lifespan()(app), app.state.gradio.running():
            yield
    finally:
        ResultStore.remove_all()


def set_streamlit_options() -> None:
    """Set Streamlit's options as .streamlit/config.toml says.

    Streamlit reads that file by itself only under `streamlit run`, which sees its own command line
    options as well; those are left as they are.
    """
    from streamlit import config

    if getattr(config, "_server_mode", None) is not None:
        return
    for name, value in _flat(tomllib.loads(STREAMLIT_OPTIONS.read_text("utf-8"))):
        config.set_option(name, value)


def _flat(table: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the options of a TOML table by their full names, such as `theme.dark.primaryColor`."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def open_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens on `host` and `port`, so that a taken port is told at once.

    Raises CutError if the port is taken or not allowed, or if this machine has no such address.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise CutError(f"the host {host!r} is unknown here; --host 127.0.0.1 works.") from error
    listener = socket.socket(family, kind, protocol)
    if os.name != "nt":  # there the option would let two servers share a port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise CutError(_why_not(error, host, port)) from error
    return listener


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is taken by another program; stop it or choose another with --port."
    if error.errno == errno.EACCES:
        return f"port {port} is not allowed for this user; choose one above 1023 with --port."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"this machine has no address {host}; --host 0.0.0.0 means all it has."
    return f"cannot listen on {host}:{port}: {error.strerror}."


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = Parser(prog="python app.py", description="Serve CUT's web application.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument(
        "--port", default=os.environ.get("PORT") or str(DEFAULT_PORT), help="port (%(default)s)"
    )
    options = parser.parse_args(arguments)
    if not (options.port.isascii() and options.port.isdigit() and int(options.port) < 65536):
        raise CutError(f"the port {options.port!r} is not a number from 0 to 65535.")
    options.port = int(options.port)
    return options


def _serve(listener: socket.socket, host: str) -> int:
    import streamlit  # noqa: F401 - sets up uvicorn's loggers its own way, so it goes first
    import uvicorn

    address = _address(listener, host)

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                print(f"CUT is at {address} (for programs: {address}/gradio)", flush=True)
                print("Stop it with Ctrl+C.", flush=True)

    # Pictures and features are packed already: compressing them again costs time and gains nothing.
    config = uvicorn.Config(
        "app:app",
        log_level="warning",
        access_log=False,
        server_header=False,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=2,
    )
    server = Server(config)
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        pass
    finally:
        listener.close()
    return 0 if server.started else 1


def _address(listener: socket.socket, host: str) -> str:
    """The address to open in a browser on this machine."""
    port = listener.getsockname()[1]
    shown = "localhost" if host in {"0.0.0.0", "::", ""} else host
    return f"http://[{shown}]:{port}" if ":" in shown else f"http://{shown}:{port}"


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _with_query(path: str, request: Request) -> str:
    query = request.url.query
    return f"{path}?{query}" if query else path
