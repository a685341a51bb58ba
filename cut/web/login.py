"""The password of the application: sessions in signed cookies, wrong attempts, the login page."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import html
import time
from collections import OrderedDict

COOKIE = "cut_session"
SESSION_SECONDS = 14 * 24 * 3600
FREE_ATTEMPTS = 5
LONGEST_LOCK = 60.0
_REMEMBERED_ADDRESSES = 10_000


class Password:
    """Checks the one password, and the sessions opened with it.

    A session is `expiry.signature`, signed with a key derived from the password, so that a restart
    keeps sessions and a new password ends them. The derivation is slow (scrypt, once, some 50 ms),
    so that a stolen cookie does not help to guess the password.
    """

    def __init__(self, password: str) -> None:
        self._digest = hashlib.sha256(password.encode()).digest()
        self._key = hashlib.scrypt(password.encode(), salt=b"cut session", n=2**14, r=8, p=1)

    def matches(self, attempt: str) -> bool:
        """Compare in constant time, whatever the length of `attempt`."""
        digest = hashlib.sha256(attempt.encode("utf-8", "surrogatepass")).digest()
        return hmac.compare_digest(digest, self._digest)

    def new_session(self) -> str:
        """The value of a cookie that opens the application for SESSION_SECONDS."""
        expiry = str(int(time.time()) + SESSION_SECONDS)
        return f"{expiry}.{self._sign(expiry)}"

    def opens(self, session: str) -> bool:
        """Whether `session` was signed with this password and has not expired."""
        expiry, _, signature = session.partition(".")
        signed = hmac.compare_digest(signature.encode(), self._sign(expiry).encode())
        return signed and expiry.isascii() and expiry.isdigit() and int(expiry) > time.time()

    def _sign(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()


class Attempts:
    """Slows down guessing: after FREE_ATTEMPTS wrong passwords an address has to wait.

    The wait doubles from one second up to LONGEST_LOCK. Open sessions are not affected, so guessing
    from an address does not lock out those who share it and are logged in.
    """

    def __init__(self) -> None:
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait(self, address: str) -> float:
        """Seconds until `address` may try again; 0 if now."""
        _, free_at = self._wrong.get(address, (0, 0.0))
        return max(0.0, free_at - time.monotonic())

    def failed(self, address: str) -> None:
        """Note a wrong password from `address`."""
        count = self._wrong.pop(address, (0, 0.0))[0] + 1
        # The exponent is bounded for its own sake: 2.0 ** 1100 raises.
        lock = min(2.0 ** min(count - FREE_ATTEMPTS, 30), LONGEST_LOCK)
        lock = lock if count >= FREE_ATTEMPTS else 0.0
        self._wrong[address] = (count, time.monotonic() + lock)
        if len(self._wrong) > _REMEMBERED_ADDRESSES:
            self._wrong.popitem(last=False)

    def succeeded(self, address: str) -> None:
        """Forget the wrong passwords of `address`."""
        self._wrong.pop(address, None)


def password_in(authorization: str) -> str | None:
    """The password that an Authorization header carries, as Basic (any user name) or Bearer."""
    scheme, _, value = authorization.partition(" ")
    value = value.strip()
    if scheme.lower() == "bearer":
        return value
    if scheme.lower() != "basic":
        return None
    try:
        pair = base64.b64decode(value, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return pair.partition(":")[2]


def safe_target(target: str) -> str:
    """`target` if it is a path on this server, else "/": a login must not lead elsewhere."""
    local = target.startswith("/") and not target.startswith(("//", "/\\"))
    return target if local and target.isprintable() else "/"


def page(target: str, message: str = "") -> str:
    """The login page as HTML, all in one; after it the browser goes to `target`."""
    note = f'<p class="note" role="alert">{html.escape(message)}</p>' if message else ""
    return _PAGE.replace("{target}", html.escape(target, quote=True)).replace("{note}", note)


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<link rel="icon" href="data:,">
<title>Log in · CUT</title>
<style>
:root { color-scheme: light dark; --back: #f4f6f8; --card: #fff; --text: #16202a;
  --soft: #5b6875; --line: #d5dce3; --accent: #0f766e; --warn: #b42318; }
@media (prefers-color-scheme: dark) { :root { --back: #0e1117; --card: #191e27; --text: #f2f5f7;
  --soft: #9ba7b4; --line: #39424e; --accent: #14a098; --warn: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem;
  background: var(--back); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { width: 100%; max-width: 23rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 14px; padding: 2rem; box-shadow: 0 10px 30px rgb(0 0 0 / 8%); }
svg { display: block; margin-bottom: 1rem; }
h1 { font-size: 1.35rem; margin: 0 0 .25rem; }
p { margin: 0 0 1.25rem; color: var(--soft); }
label { display: block; font-weight: 600; font-size: .9rem; margin-bottom: .35rem; }
input { width: 100%; padding: .65rem .75rem; font: inherit; color: inherit;
  background: var(--back); border: 1px solid var(--line); border-radius: 8px; }
button { width: 100%; margin-top: 1rem; padding: .7rem; font: inherit; font-weight: 600;
  color: #fff; background: var(--accent); border: 0; border-radius: 8px; cursor: pointer; }
button:hover { filter: brightness(1.08); }
input:focus-visible, button:focus-visible { outline: 3px solid var(--accent);
  outline-offset: 2px; }
.note { margin: 1rem 0 0; color: var(--warn); font-size: .92rem; }
</style>
</head>
<body>
<main>
<svg width="44" height="44" viewBox="0 0 44 44" aria-hidden="true">
<rect width="44" height="44" rx="11" fill="#0f766e"/>
<path d="M9 33 19 11h7L16 33z" fill="#fff"/><path d="M21 33 31 11h5L26 33z" fill="#fff"
 opacity=".45"/></svg>
<h1>CUT</h1>
<p>This server asks for a password.</p>
<form method="post" action="/login">
<input type="hidden" name="next" value="{target}">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password"
 autofocus required>
<button type="submit">Log in</button>
{note}
</form>
</main>
</body>
</html>
"""
