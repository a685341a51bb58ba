"""Who may talk to the server: one ASGI middleware in front of both halves, websockets included.

Three questions, in this order. Is the request meant for this server (the Host header; a foreign
name that resolves to this machine is DNS rebinding)? Does it come from this server's own pages
(Origin and Sec-Fetch-Site; a foreign page must not use the browser of a visitor)? Does it know the
password, if there is one? Programs send no Origin, and are let through the second.
"""

from __future__ import annotations

import hmac
import ipaddress
import os
import socket
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request, cookie_parser
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cut.web import login

LOOPBACK_NAMES = {"localhost", "127.0.0.1", "[::1]"}
LOGIN_BODY_LIMIT = 4096

# Everything comes from this server; inline code and eval are what Streamlit and Gradio are made of.
# That leaves out every foreign address, so that no page can call home.
CONTENT_POLICY = "; ".join(
    [
        "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:",
        "connect-src 'self' data: blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    ]
)
SECURITY_HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """The middleware. `password` None means that no password is asked for.

    `hosts` are names under which a proxy or a name server makes this server known, with a port if
    it is not the usual one; `key` is a secret with which the server calls itself.
    """

    def __init__(
        self,
        app: ASGIApp,
        password: str | None = None,
        hosts: frozenset[str] = frozenset(),
        key: str | None = None,
    ) -> None:
        self.app = app
        self.hosts = hosts
        self.key = key
        self.password = login.Password(password) if password else None
        self.attempts = login.Attempts()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self.app(scope, receive, send)
            return
        _drop_foreign_forwarding(scope, self.hosts)
        send = _with_security_headers(send)
        self._rename(scope)
        refusal = self._refuse_place(scope)
        if refusal is None and self.password is not None:
            refusal = await self._refuse_stranger(scope, receive)
        if refusal is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await refusal(scope, receive, send)
        else:
            await _refuse_websocket(refusal, scope, receive, send)

    def _rename(self, scope: Scope) -> None:
        """Give a request that a proxy passed on under another name the name that the browser used.

        Both halves compare the Origin with the Host themselves; Streamlit, if they differ, asks a
        server on the internet for this machine's address.
        """
        origin = _place_of(Headers(scope=scope).get("origin", ""))
        if origin in self.hosts:
            headers = MutableHeaders(raw=scope["headers"])
            headers["host"] = origin
            scope["headers"] = headers.raw

    def _refuse_place(self, scope: Scope) -> Response | None:
        """The refusal of a request that is not meant for this server or comes from another page."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_ours(host, scope):
            return _line(
                403,
                f"Refused: this server is not called {_short(host)!r}. If it should be, name it in "
                "the environment variable CUT_ALLOWED_HOSTS.",
            )
        origin = headers.get("origin")
        if origin is not None:
            if _place_of(origin) != host.lower():
                return _line(
                    403, f"Refused: the request comes from another site, {_short(origin)}."
                )
        elif headers.get("sec-fetch-site") in {"cross-site", "same-site"} and not _visits(headers):
            return _line(403, "Refused: the request comes from a page of another site.")
        return None

    def _is_ours(self, host: str, scope: Scope) -> bool:
        name = _without_port(host)
        if host.lower() in self.hosts or name in self.hosts or name in LOOPBACK_NAMES:
            return True
        if _came_over_loopback(scope):
            return False
        # Open to the network. Rebinding needs a name, which an address is not; and with a password
        # a foreign name gains nothing, since the cookie belongs to the name it was set for.
        own_names = {socket.gethostname().lower(), f"{socket.gethostname().lower()}.local"}
        return self.password is not None or name in own_names or _is_address(name)

    async def _refuse_stranger(self, scope: Scope, receive: Receive) -> Response | None:
        """The answer to those who have not shown the password: a login page, or one line."""
        assert self.password is not None
        headers = Headers(scope=scope)
        if scope["type"] == "http" and scope["path"] == "/login":
            return await self._log_in(Request(scope, receive))
        if scope["type"] == "http" and scope["path"] == "/logout":
            farewell = RedirectResponse("/login", 303)
            farewell.delete_cookie(login.COOKIE)
            return farewell
        if self.password.opens(cookie_parser(headers.get("cookie", "")).get(login.COOKIE, "")):
            return None
        shown = login.password_in(headers.get("authorization", ""))
        if shown:
            if self.key is not None and hmac.compare_digest(shown.encode(), self.key.encode()):
                return None
            return self._try(shown, _address(scope))
        if "text/html" in headers.get("accept", "") and scope.get("method") in {"GET", "HEAD"}:
            query = scope["query_string"].decode("latin-1")
            target = quote(scope["path"]) + (f"?{query}" if query else "")
            return HTMLResponse(login.page(login.safe_target(target)), 401)
        # Bearer, since a Basic challenge would make a browser open a window of its own.
        return _line(
            401,
            "This server asks for a password: log in with a browser, or send the header "
            "'Authorization: Bearer PASSWORD'.",
            {"www-authenticate": 'Bearer realm="CUT"'},
        )

    async def _log_in(self, request: Request) -> Response:
        """Show the login form (GET), or read it and open a session (POST)."""
        assert self.password is not None
        if request.method != "POST":
            return HTMLResponse(login.page(login.safe_target(request.query_params.get("next", ""))))
        form = parse_qs((await _read_body(request, LOGIN_BODY_LIMIT)).decode("utf-8", "replace"))
        target = login.safe_target(form.get("next", ["/"])[0])
        refusal = self._try(form.get("password", [""])[0], _address(request.scope))
        if refusal is not None:
            text = bytes(refusal.body).decode()
            return HTMLResponse(login.page(target, text), refusal.status_code)
        welcome = RedirectResponse(target, 303)
        welcome.set_cookie(
            login.COOKIE,
            self.password.new_session(),
            max_age=login.SESSION_SECONDS,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return welcome

    def _try(self, attempt: str, address: str) -> Response | None:
        """Check one attempt at the password; None if it is right, else the refusal."""
        assert self.password is not None
        wait = self.attempts.wait(address)
        if wait > 0:
            return _line(
                429,
                f"Too many wrong passwords; try again in {wait:.0f} s.",
                {"retry-after": f"{wait + 1:.0f}"},
            )
        if self.password.matches(attempt):
            self.attempts.succeeded(address)
            return None
        self.attempts.failed(address)
        return _line(401, "Wrong password.")


def settings_from_environment() -> dict[str, Any]:
    """`password` and `hosts` of the Guard as CUT_PASSWORD and CUT_ALLOWED_HOSTS say."""
    names = os.environ.get("CUT_ALLOWED_HOSTS", "").lower().split(",")
    return {
        "password": os.environ.get("CUT_PASSWORD") or None,
        "hosts": frozenset(name.strip() for name in names if name.strip()),
    }


def _drop_foreign_forwarding(scope: Scope, hosts: frozenset[str]) -> None:
    """Take X-Forwarded-Host out of `scope` unless it is one of `hosts`.

    Gradio builds the addresses that it hands out, and those that it calls itself, from it.
    """
    scope["headers"] = [
        (name, value)
        for name, value in scope["headers"]
        if name != b"x-forwarded-host" or value.decode("latin-1").lower() in hosts
    ]


def _with_security_headers(send: Send) -> Send:
    """Add SECURITY_HEADERS to every answer, and take out what would open it to other origins."""

    async def send_guarded(message: Message) -> None:
        if message["type"] in {"http.response.start", "websocket.http.response.start"}:
            headers = MutableHeaders(raw=list(message.get("headers", [])))
            for name in [name for name in headers if name.startswith("access-control-allow-")]:
                del headers[name]
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            message = {**message, "headers": headers.raw}
        await send(message)

    return send_guarded


async def _refuse_websocket(refusal: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse the handshake with the status of `refusal` where the server can, else close it."""
    await receive()  # websocket.connect
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008, "reason": "refused"})
        return
    await send(
        {
            "type": "websocket.http.response.start",
            "status": refusal.status_code,
            "headers": refusal.raw_headers,
        }
    )
    await send({"type": "websocket.http.response.body", "body": bytes(refusal.body)})


async def _read_body(request: Request, limit: int) -> bytes:
    """The first `limit` bytes of the body; what follows is left unread."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) >= limit:
            break
    return body[:limit]


def _line(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return PlainTextResponse(text, status, {"cache-control": "no-store", **(headers or {})})


def _visits(headers: Headers) -> bool:
    """Whether the request is a person following a link, which may come from anywhere."""
    return headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") in {
        "document",
        "empty",
    }


def _came_over_loopback(scope: Scope) -> bool:
    server = scope.get("server")
    name = server[0] if server else ""
    return name == "localhost" or (_is_address(name) and ipaddress.ip_address(name).is_loopback)


def _without_port(host: str) -> str:
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdigit() else host.lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _address(scope: Scope) -> str:
    return scope["client"][0] if scope.get("client") else ""


def _place_of(origin: str) -> str:
    """Host and port that an Origin names; empty if it names none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:  # of a header that no browser sends
        return ""


def _short(text: str) -> str:
    return text[:80]
