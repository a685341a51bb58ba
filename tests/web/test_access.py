"""The guard: which requests pass, on a small application of the test's own and on real servers."""

import base64

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from cut.web import login
from cut.web.access import Guard
from tests.web.serving import PASSWORD, RunningServer, run_async

BEARER = {"authorization": f"Bearer {PASSWORD}"}
HTML = {"accept": "text/html,*/*"}
EVERY_HALF = ["/", "/health", "/_stcore/health", "/_stcore/host-config", "/static/index.html"]
EVERY_HALF += ["/_stcore/upload_file/a/b", "/media/x.png", "/gradio", "/gradio/", "/gradio/tiny"]
EVERY_HALF += ["/gradio/config", "/gradio/gradio_api/info", "/gradio/gradio_api/mcp/", "/anything"]


async def echo(request: Request) -> PlainTextResponse:
    shown = f"{request.headers['host']} {request.headers.get('x-forwarded-host')}"
    return PlainTextResponse(shown, headers={"Access-Control-Allow-Origin": "*"})


async def greet(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_text("hello")
    await socket.close()


def client(
    password: str | None = None, hosts: str = "", base: str = "http://localhost", **more: str
) -> TestClient:
    """A browser or program at `base`, in front of a guarded application that echoes."""
    methods = ["GET", "POST", "OPTIONS"]
    routes = [Route("/{path:path}", echo, methods=methods), WebSocketRoute("/{path:path}", greet)]
    guard = Guard(Starlette(routes=routes), password, frozenset(hosts.split()), **more)

    async def as_served(scope, receive, send):  # type: ignore[no-untyped-def]
        # The test client says that the server is called what the address says; ours is an address.
        address = "127.0.0.1" if base == "http://localhost" else "192.168.1.5"
        await guard({**scope, "server": (address, 7860)}, receive, send)

    return TestClient(as_served, base_url=base, follow_redirects=False)


def accepts_websocket(browser: TestClient, **headers: str) -> bool:
    try:
        with browser.websocket_connect("ws://localhost/_stcore/stream", headers=headers) as socket:
            return socket.receive_text() == "hello"
    except WebSocketDenialResponse as refused:
        assert refused.status_code in {401, 403}
        return False


@pytest.mark.parametrize(
    ("origin", "passes"),
    [
        (None, True),
        ("http://localhost", True),
        ("http://LOCALHOST", True),
        ("http://evil.example", False),
        ("http://localhost:3000", False),
        ("http://localhost.evil.example", False),
        ("null", False),
        ("http://[x", False),
        ("", False),
    ],
)
def test_only_own_pages_may_call(origin: str | None, passes: bool) -> None:
    headers = {} if origin is None else {"origin": origin}
    browser = client()
    for method in ("GET", "POST", "OPTIONS"):
        answer = browser.request(method, "/gradio/x", headers=headers)
        assert (answer.status_code == 200) is passes
        assert passes or answer.status_code == 403
        assert passes or len(answer.text.splitlines()) == 1
    assert accepts_websocket(browser, **headers) is passes


@pytest.mark.parametrize(
    ("site", "mode", "destination", "passes"),
    [
        ("same-origin", "cors", "empty", True),
        ("none", "navigate", "document", True),
        ("cross-site", "navigate", "document", True),
        ("cross-site", "no-cors", "image", False),
        ("same-site", "no-cors", "script", False),
        ("cross-site", "navigate", "iframe", False),
    ],
)
def test_a_foreign_page_may_link_but_not_embed(
    site: str, mode: str, destination: str, passes: bool
) -> None:
    headers = {"sec-fetch-site": site, "sec-fetch-mode": mode, "sec-fetch-dest": destination}
    assert (client().get("/", headers=headers).status_code == 200) is passes


@pytest.mark.parametrize(
    ("host", "passes"),
    [
        ("localhost:7860", True),
        ("127.0.0.1:7860", True),
        ("[::1]:7860", True),
        ("localhost", True),
        ("evil.example", False),
        ("evil.example:7860", False),
        ("127.0.0.1.evil.example", False),
        ("192.168.1.5", False),
        ("", False),
    ],
)
def test_over_loopback_only_loopback_names_are_known(host: str, passes: bool) -> None:
    assert (client().get("/", headers={"host": host}).status_code == 200) is passes
    assert accepts_websocket(client(), host=host) is passes


def test_open_to_the_network_an_address_is_known_and_a_foreign_name_is_not() -> None:
    base = "http://192.168.1.5:7860"
    assert client(base=base).get("/").status_code == 200
    refused = client(base=base).get("/", headers={"host": "rebound.example"})
    assert refused.status_code == 403
    assert "CUT_ALLOWED_HOSTS" in refused.text
    named = client(base=base, hosts="cut.example").get("/", headers={"host": "cut.example"})
    assert named.status_code == 200
    locked = client(PASSWORD, base=base).get("/", headers={"host": "any.example", **BEARER})
    assert locked.status_code == 200


def test_a_proxy_on_this_machine_passes_on_the_name_that_it_was_allowed() -> None:
    behind = client(hosts="cut.example")
    answer = behind.post("/", headers={"origin": "https://cut.example"})
    assert answer.text == "cut.example None"
    forwarded = {"x-forwarded-host": "evil.example"}
    assert behind.get("/", headers=forwarded).text == "localhost None"
    forwarded = {"x-forwarded-host": "cut.example"}
    assert behind.get("/", headers=forwarded).text == "localhost cut.example"


def test_answers_are_closed_to_other_origins() -> None:
    headers = client().get("/", headers={"origin": "http://localhost"}).headers
    assert "access-control-allow-origin" not in headers
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert headers["x-content-type-options"] == "nosniff"
    assert "http" not in headers["content-security-policy"]


def test_a_password_is_taken_as_cookie_bearer_or_basic() -> None:
    browser = client(PASSWORD)
    assert browser.get("/").status_code == 401
    assert not accepts_websocket(browser)
    basic = base64.b64encode(f"anyone:{PASSWORD}".encode()).decode()
    assert browser.get("/", headers=BEARER).status_code == 200
    assert browser.get("/", headers={"authorization": f"Basic {basic}"}).status_code == 200
    assert accepts_websocket(browser, **BEARER)

    entered = browser.post("/login", data={"password": PASSWORD, "next": "/gradio/tiny?a=1"})
    assert (entered.status_code, entered.headers["location"]) == (303, "/gradio/tiny?a=1")
    assert "HttpOnly" in entered.headers["set-cookie"]
    assert "SameSite=lax" in entered.headers["set-cookie"]
    assert browser.get("/").status_code == 200
    assert accepts_websocket(browser)
    browser.get("/logout")
    assert browser.get("/").status_code == 401


@pytest.mark.parametrize(
    "value", ["", "Bearer", "Bearer wrong", "Basic !", "Basic d3Jvbmc=", "Digest x", "Bearer ü"]
)
def test_other_authorizations_are_refused(value: str) -> None:
    answer = client(PASSWORD).get("/", headers={"authorization": value.encode("latin-1")})
    assert answer.status_code == 401


def test_a_person_is_shown_a_form_that_leads_back_and_nowhere_else() -> None:
    browser = client(PASSWORD)
    page = browser.get('/gradio/"><script>?q=1', headers=HTML)
    assert page.status_code == 401
    assert "<form" in page.text
    assert "<script>" not in page.text
    assert "://" not in page.text  # all in one: nothing is fetched from anywhere
    for target in ("//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nb: c"):
        sent = browser.post("/login", data={"password": PASSWORD, "next": target})
        assert sent.headers["location"] == "/"


def test_guessing_is_slowed_down_and_does_not_lock_out_who_is_logged_in() -> None:
    inside, guesser = client(PASSWORD), None
    inside.post("/login", data={"password": PASSWORD})
    guesser = TestClient(inside.app, base_url="http://localhost", follow_redirects=False)
    for _ in range(login.FREE_ATTEMPTS):
        assert guesser.post("/login", data={"password": "guess"}).status_code == 401
    locked = guesser.post("/login", data={"password": PASSWORD})
    assert locked.status_code == 429
    assert "try again" in locked.text
    assert guesser.get("/", headers=BEARER).status_code == 429
    assert inside.get("/").status_code == 200


def test_the_wait_doubles_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(login.time, "monotonic", lambda: 100.0)
    attempts, waits = login.Attempts(), []
    for _ in range(2000):
        attempts.failed("address")
        waits.append(attempts.wait("address"))
    assert waits[:8] == [0, 0, 0, 0, 1, 2, 4, 8]
    assert waits[-1] == login.LONGEST_LOCK
    assert attempts.wait("another") == 0
    attempts.succeeded("address")
    assert attempts.wait("address") == 0


def test_a_session_ends_with_time_or_with_a_new_password(monkeypatch: pytest.MonkeyPatch) -> None:
    password = login.Password(PASSWORD)
    session = password.new_session()
    assert password.opens(session)
    assert login.Password(PASSWORD).opens(session)  # after a restart
    assert not login.Password("another").opens(session)
    expiry, _, signature = session.partition(".")
    assert not password.opens(f"{int(expiry) + 1}.{signature}")
    assert not password.opens("") and not password.opens("ü.é") and not password.opens(expiry)
    monkeypatch.setattr(login.time, "time", lambda: float(expiry))
    assert not password.opens(session)


def test_the_servers_own_key_opens_nothing_else() -> None:
    browser = client(PASSWORD, key="own-key")
    assert browser.get("/", headers={"authorization": "Bearer own-key"}).status_code == 200
    assert browser.post("/login", data={"password": "own-key"}).status_code == 401


@pytest.mark.parametrize("path", EVERY_HALF)
def test_the_password_guards_every_path_of_both_halves(
    locked_server: RunningServer, path: str
) -> None:
    address = locked_server.url + path
    for method in ("GET", "POST", "HEAD", "DELETE", "OPTIONS"):
        assert httpx.request(method, address, timeout=60).status_code == 401
    assert "<form" in httpx.get(address, headers=HTML, timeout=60).text
    assert httpx.get(address, headers=BEARER, timeout=60).status_code != 401


def handshake(server: RunningServer, **headers: str) -> int:
    """The status with which `server` answers a websocket of Streamlit's: 101 if it takes it."""

    async def attempt() -> int:
        address = f"ws://{server.host}/_stcore/stream"
        try:
            async with connect(address, additional_headers=headers, proxy=None):
                return 101
        except InvalidStatus as refused:
            return refused.response.status_code

    return run_async(attempt())


def test_websockets_need_the_password_and_an_own_origin(
    server: RunningServer, locked_server: RunningServer
) -> None:
    assert handshake(server) == 101
    assert handshake(server, Origin=server.url) == 101
    assert handshake(server, Origin="http://evil.example") == 403
    assert handshake(locked_server) == 401
    assert handshake(locked_server, Origin=locked_server.url) == 401
    assert handshake(locked_server, **BEARER) == 101
    entered = httpx.post(f"{locked_server.url}/login", data={"password": PASSWORD})
    cookie = entered.headers["set-cookie"].partition(";")[0]
    assert handshake(locked_server, Cookie=cookie) == 101
    assert handshake(locked_server, Cookie=cookie, Origin="http://evil.example") == 403


@pytest.mark.parametrize("path", EVERY_HALF)
def test_foreign_pages_are_refused_by_both_halves(server: RunningServer, path: str) -> None:
    address = server.url + path
    foreign = {"origin": "http://evil.example"}
    for method in ("GET", "POST", "PUT", "OPTIONS"):
        assert httpx.request(method, address, headers=foreign, timeout=60).status_code == 403
    assert httpx.get(address, headers={"host": "evil.example"}, timeout=60).status_code == 403
    own = httpx.get(address, headers={"origin": server.url}, timeout=60)
    assert own.status_code != 403
    assert "access-control-allow-origin" not in own.headers
