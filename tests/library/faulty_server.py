"""A server of one file on this machine that can break off, lie, or know no parts."""

import re
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class FaultyServer:
    """Serves `content` at any path of `url`, with the faults that its fields name."""

    content: bytes = b""
    tag: str | None = '"one"'
    parts: bool = True  # whether it knows Range
    breaks: list[int] = field(default_factory=list)  # bytes sent before it breaks off, by request
    announced: int | None = None  # a length that is not true
    says_length: bool = True
    status: int = 200
    location: str = ""  # of a status that sends one elsewhere
    kind: str = "application/x-tar"
    asked: list[str | None] = field(default_factory=list)  # the Range of each request

    def __enter__(self) -> "FaultyServer":
        faulty = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                faulty.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/pretrained_models.tar"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers.get("Range")
        self.asked.append(wanted)
        start = 0
        if wanted and self.parts and request.headers.get("If-Range") == self.tag:
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])  # type: ignore[index]
        if start >= len(self.content) > 0:
            request.send_response(416)
            request.end_headers()
            return
        request.send_response(206 if start else self.status)
        request.send_header("Content-Type", self.kind)
        if self.location:
            request.send_header("Location", self.location)
        total = len(self.content) if self.announced is None else self.announced
        if self.says_length:
            request.send_header("Content-Length", str(total - start))
        if start:
            request.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        if self.tag:
            request.send_header("ETag", self.tag)
        request.end_headers()
        end = start + self.breaks.pop(0) if self.breaks else len(self.content)
        with suppress(BrokenPipeError, ConnectionResetError):  # who asked has heard enough
            request.wfile.write(self.content[start:end])
